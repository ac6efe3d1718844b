"""Reads an agent's policy cases and has each answered in each of its environments."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from activities.package import AgentPackage
from lockstep.case import Case, Cases, PlanCase
from lockstep.errors import LockstepError
from lockstep.finding import Finding
from lockstep.loading import load
from policies.cases import Tried, tried, tried_plan
from policies.misfit import did_you_mean
from policies.world import World

CASES = "tests/policy.toml"
"""Not among the policies, since it decides nothing."""


def answered(package: AgentPackage, environment: str | None = None) -> list[Tried]:
    """Every case in each of its environments, or in one; LS-LOAD-001 where there are none to ask
    about.
    """
    path = package.root / CASES
    if not path.exists():
        raise LockstepError.of(
            "LS-LOAD-001",
            str(path),
            "there are no policy cases",
            "write some; `lockstep schema cases` prints what a case may say",
        )
    found = load(Cases, path)
    strangers = (
        *_strangers(package, "case", found.case, path),
        *_strangers(package, "plan", found.plan, path),
    )
    if strangers:
        raise LockstepError(*strangers)
    worlds = {environment: package.world(environment)} if environment else {}

    def world(name: str) -> World:
        if name not in worlds:
            worlds[name] = package.world(name)
        return worlds[name]

    return [
        *(
            tried(number, case, world(name))
            for number, case in enumerate(found.case, start=1)
            for name in case.environments
            if environment in (None, name)
        ),
        *(
            tried_plan(number, plan, world(name))
            for number, plan in enumerate(found.plan, start=1)
            for name in plan.environments
            if environment in (None, name)
        ),
    ]


def _strangers(
    package: AgentPackage, table: str, cases: Sequence[Case | PlanCase], path: Path
) -> Iterator[Finding]:
    for index, case in enumerate(cases):
        for name in case.environments:
            if name not in package.environments:
                yield Finding(
                    code="LS-LOAD-007",
                    place=f"{path}/{table}/{index}/env",
                    problem=f"environment `{name}` does not exist",
                    fix=did_you_mean(name, package.environments) or "name one with a manifest",
                )
