"""What a call names and its environment does not hold: found before policy is asked, since a rule
about things that exist says nothing of those that do not.
"""

import json
from collections.abc import Container, Iterable, Iterator

from lockstep.finding import Finding
from lockstep.recovery import told, way_out
from lockstep.resource import Touched
from policies.checks.misfit import did_you_mean
from policies.checks.recovery import about
from policies.world import World

MAX_GUESSES = 5
"""Of a step's unknown names: how many are compared with all the known ones."""


def declared_error(
    found: Iterable[Touched], world: World, signals: Container[str]
) -> tuple[str, str] | None:
    """Name and detail of the first error that a call comes to which names what is not there; None
    where some of that is no error that its tool declares: then it is for a human.
    """
    missing = list(_absent(found, world))
    known = [about(world.environment, one.kind) for one in missing]
    names = [one[0] for one in known if one is not None and one[0] in signals]
    if not missing or len(names) < len(missing):
        return None
    return names[0], _quoted(missing[0].name)


def missing_resources(place: str, found: Iterable[Touched], world: World) -> Iterator[Finding]:
    """What the arguments name and the environment does not hold."""
    for number, resource in enumerate(_absent(found, world)):
        members = world.environment.resources.get(resource.kind, {})
        here = world.environment.name
        # Against hundreds of names a guess takes milliseconds, and the first few show the mistake.
        guess = did_you_mean(resource.name, members) if number < MAX_GUESSES else ""
        known = about(world.environment, resource.kind)
        if known is not None:
            name, recovery = known
            error = told(name, _quoted(resource.name))
            problem = f"{error}: not in environment `{here}`"
            advice = "; ".join(filter(None, (way_out(recovery.recovery), guess)))
        else:
            problem = f"{resource.kind} `{resource.name}` is not in environment `{here}`"
            advice = guess or f"name a `{resource.kind}` of its manifest"
        yield Finding(
            code="LS-ENV-003",
            place=f"{place} {resource.at}",
            problem=problem,
            fix=advice,
        )


def _absent(found: Iterable[Touched], world: World) -> Iterator[Touched]:
    held = world.environment.resources
    return (one for one in found if one.name not in held.get(one.kind, {}))


def _quoted(name: str) -> str:
    return json.dumps(name, ensure_ascii=False)
