"""From a lock back to the plan that it was made of: the way of `freeze`, the other way round.

A lock says every default that its plan left open. What the plan itself said of a step's time and
attempts cannot be told from a tool's default without the tool as it was then; where that was kept,
a value that equals it was the default, and the present tool's counts now. Where it was not, a value
tighter than the present one is taken for the plan's own: a refreshed lock may then be tighter than
it had to be, and never looser.
"""

from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any

from pydantic import JsonValue

from lockstep.compose import COMPOSE, ComposeSpec
from lockstep.contents import Look, nothing
from lockstep.duration import write_duration
from lockstep.errors import LockstepError
from lockstep.fallback import owners
from lockstep.loading import parse_json, shaped
from lockstep.lock import Body, LockedComposeStep, LockedStep
from lockstep.tool import ToolSpec

_PROPOSED = {"id", "kind", "reason", "when", "for_each", "on_error"}
_CALLED = {"tool", "args"}
_ASKED = {"instruction", "inputs", "output", "long"}
_BOUNDED = ("timeout", "attempts")
_COMPOSED = ("max_tokens", "max_input_tokens")


def thaw(body: Body, now: Mapping[str, ToolSpec], look: Look = nothing) -> dict[str, JsonValue]:
    """The plan as a document; `look` finds the tools that the lock pinned."""
    whose = owners(body.steps)
    steps: list[JsonValue] = [
        {
            # A fallback that the environment gave as well stays: whether the plan said it cannot be
            # told any more, and nothing that it said may be lost.
            **step.model_dump(mode="json", include=_PROPOSED | _own(step)),
            # The plan's own edges are those that no reference draws.
            "after": [*sorted({*step.needs} - {*step.draws, whose.get(step.id)})],
            **_tighter(step, _then(body, step.tool, look), now.get(step.tool)),
        }
        for step in body.steps
    ]
    return {"lockstep": "plan/1", "goal": body.goal, "steps": steps}


def _own(step: LockedStep) -> set[str]:
    """What only a step of its kind has."""
    return _ASKED if isinstance(step, LockedComposeStep) else _CALLED


def _tighter(step: LockedStep, then: ToolSpec | None, now: ToolSpec | None) -> dict[str, JsonValue]:
    """What the plan said of the step's time and attempts, and of how much may be composed."""
    said: dict[str, JsonValue] = {}
    for name in (*_BOUNDED, *(_COMPOSED if isinstance(step, LockedComposeStep) else ())):
        value = getattr(step, name)
        if then is not None:
            own = value != getattr(then, name)
        else:
            own = now is not None and value < getattr(now, name, value)
        if own:
            said[name] = write_duration(value) if isinstance(value, timedelta) else value
    return said


def _then(body: Body, tool: str, look: Look) -> ToolSpec | None:
    """The tool as it was; None where that was not kept, or is nothing that can be read."""
    pin = body.pins.tools.get(tool)
    data = look(pin) if pin is not None else None
    if data is None:
        return None
    with suppress(LockstepError):
        spec = _spec(parse_json(data, tool, canonical=True), tool)
        return spec if spec.digest == pin else None
    return None


def _spec(value: Any, tool: str) -> ToolSpec:
    if tool != COMPOSE or not isinstance(value, dict):
        return shaped(ToolSpec, value, tool)
    # Prices are not pinned, and nothing is asked of them here.
    return shaped(ComposeSpec, {**value, "rates": {}}, tool)
