"""Does a lock say of a step what the lock said that it was done by?

What made an output what it is has to be the same: tool, arguments, guards, loop, fallbacks, effect,
and where policy is told that its arguments come from. When, how long and how often it was to be
tried made no difference to what came of it.
"""

from collections.abc import Iterator, Set

from pydantic import JsonValue

from lockstep.difference import changes
from lockstep.finding import Finding
from lockstep.lock import Body, LockedStep
from lockstep.past import Ancestor
from lockstep.reference import Reference, references
from lockstep.shown import shown

_ANYHOW = {
    *("expected", "reason", "needs"),
    *("timeout", "heartbeat", "deadline", "attempts", "backoff", "cost"),
}
_MOST = 5
"""Differences of one step that are told."""


def differences(step: LockedStep, body: Body, ancestor: Ancestor) -> list[str]:
    """What is otherwise, in words; nothing for a step that its ancestor does not have."""
    before = ancestor.steps.get(step.id)
    if before is None:
        return []
    told = [
        f"`{one.at}` was {_brief(one.old)}, and is {_brief(one.new)}"
        for one in changes(_said(before), _said(step))
    ]
    if body.pins.tools.get(step.tool) != ancestor.body.pins.tools.get(step.tool):
        told.append(f"tool `{step.tool}` is another one")
    return told


def unlike(step: LockedStep, body: Body, ancestor: Ancestor) -> Iterator[Finding]:
    """Why what was done is not what this lock would have had done."""
    told = differences(step, body, ancestor)
    value, most = ancestor.past.done.get(step.id), body.limits.output_bytes
    if value is not None and value.size > most:
        told.append(f"its output has {value.size:,} bytes, of {most:,} that are allowed now")
    if told:
        yield Finding(
            code="LS-FORK-004",
            place=f"step `{step.id}`",
            problem=f"it was done by another lock: {'; '.join(told[:_MOST])}",
            fix=f"do it again: `--from {step.id}`",
        )


def draws_on(step: LockedStep, inputs: Set[str]) -> bool:
    """Whether a step is made of any of these inputs, decided over or repeated by them."""
    looked: list[JsonValue] = [dict(step.args)]
    looked += [side for guard in step.when for side in guard.operands]
    if step.for_each is not None:
        looked.append(step.for_each.in_)
    found = (one for value in looked for _, one in references(value))
    return any(
        # Without a path all of them are meant.
        one.source == "$input" and not inputs.isdisjoint(one.parts[:1] or inputs)
        for one in found
        if isinstance(one, Reference)
    )


def _said(step: LockedStep) -> dict[str, JsonValue]:
    said: dict[str, JsonValue] = step.model_dump(mode="json", exclude=_ANYHOW)
    return said


def _brief(value: JsonValue) -> str:
    return "not there" if value is None else shown({"": value})[1:]
