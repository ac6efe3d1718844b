"""Does the error catalogue of an environment speak of errors that can happen there?

A name that no tool declares would never be looked up, and a way out that nobody is shown is none.
"""

from collections.abc import Iterator, Mapping

from lockstep.environment import Environment
from lockstep.finding import Finding
from lockstep.recovery import Recovery
from lockstep.tool import ToolSpec
from policies.cedar.targets import kinds
from policies.checks.actions import impossible
from policies.checks.misfit import did_you_mean


def about(environment: Environment, kind: str) -> tuple[str, Recovery] | None:
    """The error that a missing resource of this kind is, with its name."""
    entries = environment.errors.items()
    return next(((name, known) for name, known in entries if known.resource == kind), None)


def contradictions(
    environment: Environment, specs: Mapping[str, ToolSpec], place: str
) -> Iterator[Finding]:
    """What no tool of the environment signals or takes, what two errors claim at once, and actions
    that could not be taken.
    """
    here = [specs[name] for name in environment.offered if name in specs]
    signals = sorted({signal for spec in here for signal in spec.signals})
    named = sorted({kind for spec in here for kind in kinds(spec.input)})
    claimed: dict[str, str] = {}
    for name, known in environment.errors.items():
        at = f"{place}/errors/{name}"
        if name not in signals:
            yield _contradiction(
                at,
                f"no tool of this environment declares the signal `{name}`",
                did_you_mean(name, signals) or "declare it in a tool's `signals`, or take it out",
            )
        if known.resource is None:
            continue
        if known.resource not in named:
            yield _contradiction(
                f"{at}/resource",
                f"no tool of this environment takes a `{known.resource}`",
                did_you_mean(known.resource, named)
                or "name a kind that an argument is marked with",
            )
        if claimed.setdefault(known.resource, name) != name:
            yield _contradiction(
                f"{at}/resource",
                f"`{claimed[known.resource]}` is about a missing `{known.resource}` already",
                "leave `resource` out of one of them",
            )
    yield from impossible(environment, specs, place)


def _contradiction(place: str, problem: str, fix: str) -> Finding:
    return Finding(code="LS-AGENT-003", place=place, problem=problem, fix=fix)
