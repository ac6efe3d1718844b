"""What an audit looks at: a run's events, the locks it went by, and what it sent out.

All of it is read off a history by whoever has one. Nothing here asks whether the history is true;
what is asked is whether it is the history of a run that kept its lock.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from lockstep.asked import QuestionAsked
from lockstep.canonical import Digest
from lockstep.event import Event, Happening, RunStarted
from lockstep.finding import Finding
from lockstep.fork import RunForked
from lockstep.lock import Lock, LockedStep
from lockstep.loop import label
from lockstep.outcome import Dispatch
from lockstep.replanned import RunReplanned
from lockstep.stepped import (
    StepBlocked,
    StepCompleted,
    StepGathered,
    StepReplaced,
    StepStarted,
)
from lockstep.value import Value


@dataclass(frozen=True)
class Leg:
    """One dispatch of a step: from its start to the next of the same step, or of the same item."""

    start: Event
    started: StepStarted
    events: tuple[Event, ...]
    lock: Lock

    @property
    def label(self) -> str:
        """The step, of a loop with its item; and which dispatch of it, but for the first."""
        name = label(self.started.step, self.started.item)
        return name if self.started.dispatch == 1 else f"{name}.{self.started.dispatch}"


@dataclass(frozen=True)
class Trail:
    """`locks` in the order in which the run went by them; the first is the one it began with."""

    events: tuple[Event, ...]
    locks: tuple[Lock, ...]
    sent: tuple[Dispatch, ...] = ()

    @property
    def run(self) -> str:
        first = self.events[0].what if self.events else None
        return first.run if isinstance(first, RunStarted) else ""

    @cached_property
    def legs(self) -> tuple[Leg, ...]:
        """Every dispatch, with the lock that was in force when it began."""
        own: dict[str, list[list[Event]]] = {}
        held: dict[int, Lock] = {}
        for event, lock in self.under():
            what = event.what
            if isinstance(what, StepStarted):
                own.setdefault(label(what.step, what.item), []).append([event])
                held[event.seq] = lock
                continue
            step = getattr(what, "step", None)
            begun = own.get(label(step, getattr(what, "item", None))) if step else None
            if begun:
                begun[-1].append(event)
        legs = [
            Leg(first, first.what, tuple(rest), held[first.seq])
            for parts in own.values()
            for first, *rest in parts
            if isinstance(first.what, StepStarted)
        ]
        return tuple(sorted(legs, key=lambda leg: leg.start.seq))

    def under(self) -> Iterator[tuple[Event, Lock]]:
        """Each event with the lock that was in force."""
        if not self.locks:
            return
        known = {lock.digest: lock for lock in self.locks}
        lock = self.locks[0]
        for event in self.events:
            if isinstance(event.what, RunReplanned):
                lock = known.get(event.what.lock, lock)
            yield event, lock

    @cached_property
    def steps(self) -> dict[tuple[Digest, str], LockedStep]:
        """What each lock says of each step."""
        return {(lock.digest, step.id): step for lock in self.locks for step in lock.body.calls}

    @cached_property
    def values(self) -> tuple[Value, ...]:
        """All values that the events speak of, each once, sorted by digest: what steps gave, what
        people were asked about. One that is told with its contents comes before one without.
        """
        found: dict[Digest, Value] = {}
        for value in self.told():
            if found.setdefault(value.digest, value).preview is None:
                found[value.digest] = value
        return tuple(found[name] for name in sorted(found))

    def told(self) -> Iterator[Value]:
        """Every value as often as an event tells of it."""
        for event in self.events:
            yield from _values(event.what)

    def parents(self) -> Iterator[tuple[Lock, Lock]]:
        """Each lock and the one that was made of it."""
        yield from pairwise(self.locks)


def _values(what: Happening) -> Iterator[Value]:
    match what:
        case StepCompleted(value=value) | StepGathered(value=value) | StepReplaced(value=value):
            yield value
        case StepBlocked(args=Value() as args):
            yield args
        case QuestionAsked(question=question):
            yield question.args
        case RunForked(carried=carried):
            for one in carried:
                yield from (item.value for item in one.items)
                if one.value is not None:
                    yield one.value
        case _:
            return


def wrong(code: str, place: str, problem: str) -> Finding:
    """Something that an audit found; what to do is the same for all of it."""
    return Finding(
        code=code,
        place=place,
        problem=problem,
        fix="find out how this came into the history, and who could write it",
    )
