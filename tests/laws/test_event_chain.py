"""Events are bound to one another: what is changed, dropped, added or moved shows, and where."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from lockstep.amount import Amount
from lockstep.canonical import Digest, digest
from lockstep.event import Event, Happening, RunCompleted, RunStarted, broken_at, genesis, link
from lockstep.planned import PlanLocked
from lockstep.stepped import StepSkipped, StepStarted

RUN = "harbour.test.weekly"
START = datetime(2026, 11, 16, 6, tzinfo=UTC)
LOCK = digest("lock")


def happenings(steps: int) -> list[Happening]:
    """A run of so many steps, every third of them skipped."""
    inner: list[Happening] = [
        StepSkipped(step=f"s{n}", because="a human said so")
        if n % 3 == 2
        else StepStarted(
            step=f"s{n}", tool="T", dispatch=1, reason="", reserved=Amount(calls=n + 1)
        )
        for n in range(steps)
    ]
    started = RunStarted(
        run=RUN, lock=LOCK, agent="harbour", environment="test", started_by="ana",
        trigger="person", scheduled_at=START, inputs={"days": 7, "ratio": 0.5},
    )  # fmt: skip
    return [started, *inner, RunCompleted(spent=Amount(calls=steps), skipped=())]


def chain(what: list[Happening], workflow: str = RUN) -> list[Event]:
    events: list[Event] = []
    prev = genesis(workflow)
    for seq, happening in enumerate(what, start=1):
        events.append(link(seq, START + timedelta(milliseconds=1500 * seq), prev, happening))
        prev = events[-1].digest
    return events


WHOLE = chain(happenings(6))
numbers = st.integers(1, len(WHOLE))
few = settings(max_examples=25)


@pytest.mark.parametrize("steps", [0, 1, 6])
def test_a_chain_is_whole_as_it_was_made(steps: int) -> None:
    """In memory, and read again from lines of JSON."""
    events = chain(happenings(steps))
    assert broken_at(RUN, events) is None
    lines = [json.dumps(event.line) for event in events]
    assert broken_at(RUN, [Event.model_validate_json(line) for line in lines]) is None
    assert broken_at(RUN, []) is None


@given(numbers)
@few
def test_a_dropped_event_is_found_at_its_number(seq: int) -> None:
    """The one after it does not follow. Only a dropped end shows elsewhere: against the head."""
    left = [event for event in WHOLE if event.seq != seq]
    if seq == len(WHOLE):
        assert broken_at(RUN, left) is None
        assert WHOLE[-1].digest != left[-1].digest
    else:
        assert seq == broken_at(RUN, left)


@given(numbers, st.data())
@few
def test_an_edited_event_is_found_at_its_number(seq: int, data: st.DataObject) -> None:
    """Whatever is changed: what happened, when, its number, what it is bound to, its digest."""
    event = WHOLE[seq - 1]
    other = WHOLE[seq % len(WHOLE)]
    change: dict[str, Any] = data.draw(
        st.sampled_from(
            [
                {"what": PlanLocked(lock=LOCK)},
                {"at": event.at + timedelta(microseconds=1)},
                {"at": event.at.astimezone(None).replace(tzinfo=UTC) + timedelta(hours=1)},
                {"seq": seq + 1},
                {"prev": other.digest},
                {"digest": other.digest},
            ]
        )
    )
    edited = [*WHOLE[: seq - 1], event.model_copy(update=change), *WHOLE[seq:]]
    assert seq == broken_at(RUN, edited)


@given(numbers)
@few
def test_an_edit_that_is_signed_again_is_found_at_the_next(seq: int) -> None:
    """Who forges one event has to forge all that follow, and then the head is another one."""
    event = WHOLE[seq - 1]
    forged = link(event.seq, event.at, event.prev, PlanLocked(lock=LOCK))
    edited = [*WHOLE[: seq - 1], forged, *WHOLE[seq:]]
    if seq == len(WHOLE):
        assert broken_at(RUN, edited) is None
        assert WHOLE[-1].digest != edited[-1].digest
    else:
        assert seq + 1 == broken_at(RUN, edited)


@given(numbers, numbers)
@few
def test_events_that_changed_places_are_found_at_the_first(one: int, other: int) -> None:
    """Order is part of what is told."""
    moved = list(WHOLE)
    moved[one - 1], moved[other - 1] = moved[other - 1], moved[one - 1]
    assert (None if one == other else min(one, other)) == broken_at(RUN, moved)


@given(numbers, st.sampled_from([0, 1]))
@few
def test_an_added_event_is_found_at_its_number(seq: int, own: int) -> None:
    """A copy of another one, or one made up and bound to the one before it."""
    event = WHOLE[seq - 1]
    added = event if own else link(seq + 1, event.at, event.digest, PlanLocked(lock=LOCK))
    longer = [*WHOLE[:seq], added, *WHOLE[seq:]]
    found = broken_at(RUN, longer)
    if own:
        assert seq + 1 == found
    elif seq == len(WHOLE):
        assert found is None
        assert WHOLE[-1].digest != longer[-1].digest
    else:
        assert seq + 2 == found


def test_a_chain_tells_of_its_own_run_only() -> None:
    """The same events under another run's name do not even begin."""
    assert 1 == broken_at("harbour.test.other", WHOLE)
    assert genesis(RUN) != genesis("harbour.test.other")


def test_the_head_depends_on_every_event() -> None:
    """One line that a run returns stands for all that it tells."""
    heads = {chain(happenings(steps))[-1].digest for steps in range(8)}
    assert 8 == len(heads)


def test_a_made_up_digest_is_no_event() -> None:
    """The first event is bound to the version of the events, not to nothing."""
    first = link(1, START, Digest("sha256:" + "0" * 64), PlanLocked(lock=LOCK))
    assert 1 == broken_at(RUN, [first])


def test_every_kind_of_event_is_told_by_its_type() -> None:
    """Each type is its own word of two parts, and reading it back gives the same kind."""
    adapter: TypeAdapter[Happening] = TypeAdapter(Happening)
    for happening in (*happenings(3), PlanLocked(lock=LOCK)):
        assert happening == adapter.validate_json(happening.model_dump_json())
    mapping = adapter.json_schema()["discriminator"]["mapping"]
    assert all(2 == len(word.split(".")) for word in mapping)
