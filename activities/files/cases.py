"""Reads an agent's policy cases and has each answered in each of its environments."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from activities.package import AgentPackage
from lockstep.case import AnyCase, Cases
from lockstep.errors import LockstepError
from lockstep.finding import Finding
from lockstep.loading import load
from policies.checks.misfit import did_you_mean
from policies.trials.cases import tried
from policies.trials.expected import Tried
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
    given = load(Cases, path)
    strangers = tuple(
        found
        for table, cases in (("case", given.case), ("plan", given.plan), ("replan", given.replan))
        for found in _strangers(package, table, cases, path)
    )
    if strangers:
        raise LockstepError(*strangers)
    worlds = {environment: package.world(environment)} if environment else {}

    def world(name: str) -> World:
        if name not in worlds:
            worlds[name] = package.world(name)
        return worlds[name]

    return [
        tried(place, case, world(name))
        for place, case in given.every
        for name in case.environments
        if environment in (None, name)
    ]


def _strangers(
    package: AgentPackage, table: str, cases: Sequence[AnyCase], path: Path
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
