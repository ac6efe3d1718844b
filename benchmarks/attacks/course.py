"""What a lock comes to in the world as it is now.

A run of Lockstep follows its lock and asks no model. So what each step would be given can be worked
out by doing just that: the steps in order, each reference resolved in what the step before really
returned, here and today, whatever somebody has planted in it. A recorded call is then held against
the step that it would have been.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from benchmarks.attacks.place import Place
from benchmarks.attacks.planning import composed
from benchmarks.attacks.recordings import Call
from benchmarks.attacks.values import leaves
from lockstep.lock import Body, LockedStep
from lockstep.reference import Unresolved, resolve

_RUN = {"id": "recorded", "scheduled_at": "2024-05-15T00:00:00Z"}


@dataclass(frozen=True)
class Due:
    """A step with the arguments that it would be given now; None where one leads nowhere."""

    step: LockedStep
    args: dict[str, Any] | None

    def fixed(self) -> Iterator[Any]:
        """The single values that the lock gives the step, without what is written later."""
        for name, value in (self.args or {}).items():
            if not composed(self.step.args.get(name)):
                yield from (leaf for _, leaf in leaves(value))


def course(body: Body, values: dict[str, Any], place: Place) -> tuple[Due, ...]:
    """Every step of the lock in order; the place is changed by it."""
    outputs: dict[str, Any] = {}
    found: list[Due] = []
    for step in body.steps:
        try:
            args = resolve(dict(step.args), outputs=outputs, inputs=values, run=_RUN)
        except Unresolved:
            args = None
        call = None if args is None else Call(step.tool, args)
        taken = place.accepted(call) if call is not None else None
        found.append(Due(step, taken))
        if call is not None and taken is not None:
            made = place.call(call)
            if made.error is None:
                outputs[step.id] = made.output
    return tuple(found)
