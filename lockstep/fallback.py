"""A fallback: what takes the place of a step's output when the step signals an error it declared.

Another step, which runs only then; a value that was written down with the plan; or nothing, so that
the step is left out. Which of them it is stands in the plan, and nobody makes it up when the error
is there.
"""

from collections.abc import Iterable, Mapping, Set
from typing import Literal, Protocol, Self

from pydantic import Field, JsonValue, model_validator

from lockstep.canonical import Exact
from lockstep.names import StepId
from lockstep.record import Record

MAX_FALLBACKS = 16
"""Errors of one step that are provided for."""


def is_absent(value: object) -> bool:
    return value is None


class Fallback(Record):
    """Exactly one of the three; `skip` leaves the step out, and all that draws from it."""

    step: StepId | None = Field(default=None, exclude_if=is_absent)
    output: Exact | None = Field(default=None, exclude_if=is_absent)
    skip: Literal[True] | None = Field(default=None, exclude_if=is_absent)

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if sum(not is_absent(one) for one in (self.step, self.output, self.skip)) != 1:
            raise ValueError("a fallback is one of `step`, `output` and `skip`")
        return self

    def __str__(self) -> str:
        if self.step is not None:
            return self.step
        return "left out" if self.skip else "a given output"


class Provided(Protocol):
    """What proposed and locked steps have in common here."""

    @property
    def id(self) -> str: ...
    @property
    def args(self) -> Mapping[str, JsonValue]: ...
    @property
    def needs(self) -> tuple[str, ...]: ...
    @property
    def draws(self) -> tuple[str, ...]: ...
    @property
    def on_error(self) -> Mapping[str, Fallback]: ...


def stand_ins(step: Provided) -> tuple[str, ...]:
    """The ids of the steps that may stand in for this one, sorted."""
    if not step.on_error:
        return ()
    return tuple(sorted({one.step for one in step.on_error.values() if one.step is not None}))


def owners(steps: Iterable[Provided]) -> dict[str, str]:
    """For each step that stands in for another: which one that is."""
    return {name: step.id for step in steps if step.on_error for name in stand_ins(step)}


def edges(steps: Iterable[Provided]) -> dict[str, tuple[str, ...]]:
    """All that must be over before each step begins: a stand-in waits for its step to signal."""
    found = list(steps)
    whose = owners(found)
    return {
        step.id: tuple(sorted({*step.needs, *([whose[step.id]] if step.id in whose else [])}))
        for step in found
    }


def waits(steps: Iterable[Provided]) -> dict[str, tuple[str, ...]]:
    """All that must be over before each step is: its needs, and the steps that may stand in for it.

    A cycle in here is a run that waits for ever.
    """
    found = list(steps)
    whose = owners(found)
    if not whose:
        return {
            # A lock's are what somebody wrote down.
            step.id: step.needs if len(step.needs) < 2 else tuple(sorted({*step.needs}))
            for step in found
        }
    return {
        step.id: tuple(sorted(({*step.needs} - {whose.get(step.id)}) | {*stand_ins(step)}))
        for step in found
    }


def without(steps: Iterable[Provided], gone: Set[str]) -> frozenset[str]:
    """What does not run if these do not: they, all that draw from their outputs, and what stands in
    for any of them.
    """
    found, every = {*gone}, list(steps)
    whose = owners(every)
    for step in every:
        if not found.isdisjoint(step.draws) or whose.get(step.id) in found:
            found.add(step.id)
    return frozenset(found)


def last(steps: Iterable[Provided]) -> tuple[str, ...]:
    """The steps whose outputs are what a run was for: no other waits for them."""
    found = list(steps)
    used = {need for needs in waits(found).values() for need in needs}
    return tuple(step.id for step in found if step.id not in used)
