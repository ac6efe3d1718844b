"""From a lock back to the plan that it was made of: the way of `freeze`, the other way round.

A lock says every default that its plan left open. What the plan itself said of a step's time and
attempts cannot be told from a tool's default without the tool as it was then; where that was kept,
a value that equals it was the default, and the present tool's counts now. Where it was not, a value
tighter than the present one is taken for the plan's own: a refreshed lock may then be tighter than
it had to be, and never looser.
"""

from collections.abc import Mapping
from contextlib import suppress

from pydantic import JsonValue

from lockstep.action import defaults
from lockstep.contents import Look, nothing
from lockstep.duration import write_duration
from lockstep.errors import LockstepError
from lockstep.fallback import owners
from lockstep.loading import parse_json, shaped
from lockstep.lock import Body, LockedToolStep
from lockstep.tool import ToolSpec

_PROPOSED = {"id", "kind", "tool", "reason", "args", "when", "on_error", "for_each"}


def thaw(body: Body, now: Mapping[str, ToolSpec], look: Look = nothing) -> dict[str, JsonValue]:
    """The plan as a document; `look` finds the tools that the lock pinned."""
    whose = owners(body.steps)
    steps: list[JsonValue] = [
        {
            **step.model_dump(mode="json", include=_PROPOSED - {"on_error"}),
            **_provided(step, body),
            # The plan's own edges are those that no reference draws.
            "after": [*sorted({*step.needs} - {*step.draws, whose.get(step.id)})],
            **_tighter(step, _then(body, step.tool, look), now.get(step.tool)),
        }
        for step in body.steps
    ]
    return {"lockstep": "plan/1", "goal": body.goal, "steps": steps}


def _provided(step: LockedToolStep, body: Body) -> dict[str, JsonValue]:
    """The fallbacks that are the plan's own, and not what the environment does in any case."""
    given = defaults(body.recoveries.get(step.tool, {}))
    said: dict[str, JsonValue] = {
        error: fallback.model_dump(mode="json")
        for error, fallback in step.on_error.items()
        if fallback != given.get(error)
    }
    return {"on_error": said} if said else {}


def _tighter(
    step: LockedToolStep, then: ToolSpec | None, now: ToolSpec | None
) -> dict[str, JsonValue]:
    """What the plan said of the step's time and attempts."""
    said: dict[str, JsonValue] = {}
    if then is not None:
        own_timeout, own_attempts = step.timeout != then.timeout, step.attempts != then.attempts
    else:
        own_timeout = now is not None and step.timeout < now.timeout
        own_attempts = now is not None and step.attempts < now.attempts
    if own_timeout:
        said["timeout"] = write_duration(step.timeout)
    if own_attempts:
        said["attempts"] = step.attempts
    return said


def _then(body: Body, tool: str, look: Look) -> ToolSpec | None:
    """The tool as it was; None where that was not kept, or is nothing that can be read."""
    pin = body.pins.tools.get(tool)
    data = look(pin) if pin is not None else None
    if data is None:
        return None
    with suppress(LockstepError):
        spec = shaped(ToolSpec, parse_json(data, tool, canonical=True), tool)
        return spec if spec.digest == pin else None
    return None
