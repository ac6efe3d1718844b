"""What a call names and its environment does not hold: found before policy is asked, since a rule
about things that exist says nothing of those that do not.
"""

import json
from collections.abc import Iterable, Iterator

from lockstep.finding import Finding
from lockstep.recovery import told, way_out
from lockstep.resource import Touched
from policies.checks.misfit import did_you_mean
from policies.checks.recovery import about
from policies.world import World

MAX_GUESSES = 5
"""Of a step's unknown names: how many are compared with all the known ones."""


def missing_resources(place: str, found: Iterable[Touched], world: World) -> Iterator[Finding]:
    """What the arguments name and the environment does not hold."""
    guesses = 0
    for resource in found:
        members = world.environment.resources.get(resource.kind, {})
        if resource.name in members:
            continue
        here = world.environment.name
        # Against hundreds of names a guess takes milliseconds, and the first few show the mistake.
        guess = did_you_mean(resource.name, members) if guesses < MAX_GUESSES else ""
        guesses += 1
        known = about(world.environment, resource.kind)
        if known is not None:
            name, recovery = known
            error = told(name, json.dumps(resource.name, ensure_ascii=False))
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
