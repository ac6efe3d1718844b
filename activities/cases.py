"""Reads an agent's policy cases and has each answered in each of its environments."""

from collections.abc import Iterator
from pathlib import Path

from activities.package import AgentPackage
from lockstep.case import Case, Cases
from lockstep.errors import LockstepError
from lockstep.finding import Finding
from lockstep.loading import load
from policies.cases import Tried, tried
from policies.misfit import did_you_mean

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
    cases = load(Cases, path).case
    strangers = tuple(_strangers(package, cases, path))
    if strangers:
        raise LockstepError(*strangers)
    worlds = {environment: package.world(environment)} if environment else {}
    results: list[Tried] = []
    for number, case in enumerate(cases, start=1):
        for name in case.environments:
            if environment in (None, name):
                if name not in worlds:
                    worlds[name] = package.world(name)
                results.append(tried(number, case, worlds[name]))
    return results


def _strangers(package: AgentPackage, cases: tuple[Case, ...], path: Path) -> Iterator[Finding]:
    for index, case in enumerate(cases):
        for name in case.environments:
            if name not in package.environments:
                yield Finding(
                    code="LS-LOAD-007",
                    place=f"{path}/case/{index}/env",
                    problem=f"environment `{name}` does not exist",
                    fix=did_you_mean(name, package.environments) or "name one with a manifest",
                )
