"""What became of the steps of a run, read off its events.

A run that is forked is taken at its events' word and at nobody else's: what they do not say is
over is not, and what they leave open about a call may have happened.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from pydantic import JsonValue

from lockstep.agent import defaults
from lockstep.amount import Amount
from lockstep.event import Event, RunCompleted, RunFailed, RunRefused, RunStarted
from lockstep.fork import RunForked
from lockstep.lock import Body, LockedStep
from lockstep.outcome import Attempt, AttemptEnd
from lockstep.stepped import (
    StepAttempted,
    StepCaught,
    StepCompleted,
    StepEdited,
    StepGathered,
    StepRecovering,
    StepReplaced,
    StepSkipped,
    StepStarted,
)
from lockstep.value import Value

UNKNOWN = ""
"""How a call ended of which it is open what it did; no error is called so."""

Item = int | None


@dataclass
class Past:
    """Of one run. `done` have an output, `because` says why others were left out, `items` are what
    the items of loops gave; `given` had an output from a human, `edits` arguments.

    `completed` are the calls that gave an output, by step and item; `ends` says how others ended
    that may have had an effect: in which error, or `UNKNOWN`. `keys` names the runs whose
    idempotency keys steps were called with, where it was another's; `varied` are steps that may
    have been called with several keys or arguments. `used` are stand-ins that were wanted.
    """

    inputs: dict[str, JsonValue] = field(default_factory=dict)
    scheduled_at: datetime | None = None
    mocked: frozenset[str] = frozenset()
    spent: Amount = field(default_factory=Amount)
    done: dict[str, Value] = field(default_factory=dict)
    because: dict[str, str] = field(default_factory=dict)
    items: dict[str, dict[int, Value]] = field(default_factory=dict)
    given: set[str] = field(default_factory=set)
    edits: dict[str, tuple[dict[str, JsonValue], ...]] = field(default_factory=dict)
    completed: set[tuple[str, Item]] = field(default_factory=set)
    ends: dict[tuple[str, Item], set[str]] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    varied: set[str] = field(default_factory=set)
    used: set[str] = field(default_factory=set)
    _open: set[tuple[str, Item]] = field(default_factory=set)

    @classmethod
    def of(cls, events: Iterable[Event]) -> "Past":
        past = cls()
        for event in events:
            past._take(event)
        for call in past._open:
            # It was sent out, and nobody lived to say what came of it.
            past._ended(call, UNKNOWN)
        return past

    def _take(self, event: Event) -> None:
        match event.what:
            case RunStarted() as began:
                self.inputs, self.scheduled_at = began.inputs, began.scheduled_at
                self.mocked = frozenset(began.mocked)
            case RunForked() as forked:
                self._forked(forked)
            case StepStarted(step=id, item=item):
                self._open.add((id, item))
            case StepAttempted(step=id, item=item, attempt=attempt):
                self._attempted((id, item), attempt)
            case StepCompleted(step=id, item=item, value=value):
                self.completed.add((id, item))
                self._gave(id, item, value)
            case StepReplaced(step=id, item=item, person=person, value=value):
                self._gave(id, item, value)
                if person is not None:
                    self.given.add(id)
            case StepGathered(step=id, value=value):
                self.done[id] = value
            case StepCaught(fallback=fallback) if fallback.step is not None:
                self.used.add(fallback.step)
            case StepSkipped(step=id, because=because):
                self.because[id] = because
            case StepEdited(step=id, args=args):
                self.edits[id] = (*self.edits.get(id, ()), args)
                self.varied.add(id)
            case StepRecovering(step=id, action="substitute"):
                self.varied.add(id)
            case RunRefused(spent=Amount() as spent) | RunFailed(spent=spent):
                self.spent = spent
            case RunCompleted(spent=spent):
                self.spent = spent
            case _:
                pass

    def _gave(self, step: str, item: Item, value: Value) -> None:
        if item is None:
            self.done[step] = value
        else:
            self.items.setdefault(step, {})[item] = value

    def _attempted(self, call: tuple[str, Item], attempt: Attempt) -> None:
        self._open.discard(call)
        self.spent += attempt.spent
        if attempt.end is AttemptEnd.SIGNALLED:
            self._ended(call, attempt.failure)
        elif attempt.end is AttemptEnd.UNRECORDED or attempt.decision is not None:
            self._ended(call, UNKNOWN)

    def _ended(self, call: tuple[str, Item], how: str) -> None:
        self.ends.setdefault(call, set()).add(how)

    def _forked(self, forked: RunForked) -> None:
        """What it was given to begin with, as if it had been done there."""
        for one in forked.carried:
            if one.value is not None:
                self.done[one.step] = one.value
                self.completed.add((one.step, None))
            for part in one.items:
                self._gave(one.step, part.item, part.value)
                self.completed.add((one.step, part.item))
            if one.because:
                self.because[one.step] = one.because
            if one.edits:
                self.edits[one.step] = one.edits
            if one.given:
                self.given.add(one.step)
            self.used.add(one.step)
        self.keys |= forked.keys
        self.varied |= {*forked.again}
        for step in (*forked.again, *forked.keys):
            # It may have had an effect before, whether or not this run came to it.
            self._ended((step, None), UNKNOWN)


@dataclass(frozen=True)
class Ancestor:
    """A run that is gone on with: its name, the lock that it went by last, and its past."""

    run: str
    body: Body
    past: Past

    @cached_property
    def steps(self) -> dict[str, LockedStep]:
        """Of that lock, by id."""
        return {step.id: step for step in self.body.steps}

    @property
    def mocked(self) -> frozenset[str]:
        """The tools that a mock answered for, in the lock that it began with or the last one."""
        return self.past.mocked | {*self.body.mocked}

    @cached_property
    def inputs(self) -> dict[str, JsonValue]:
        """What its steps were given, defaults included."""
        return {**defaults(self.body.inputs), **self.past.inputs}
