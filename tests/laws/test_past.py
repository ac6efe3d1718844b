"""What became of a run's steps, read off its events: what is over, and what may have happened."""

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import JsonValue

from lockstep.amount import Amount
from lockstep.canonical import digest
from lockstep.event import Event, Happening, RunFailed, RunStarted, genesis, link
from lockstep.fallback import Fallback
from lockstep.finding import Finding
from lockstep.fork import Carried, CarriedItem, RunForked
from lockstep.outcome import Attempt, AttemptEnd
from lockstep.past import UNKNOWN, Past
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

AT = datetime(2026, 11, 16, 6, tzinfo=UTC)
HEAD = digest("the last event")
OUTPUT = Value.of({"count": 2})[0]
INPUTS: dict[str, JsonValue] = {"days": 7}


def told(*what: Happening) -> Past:
    events: list[Event] = []
    prev = genesis("then")
    started = RunStarted(
        run="then", lock=HEAD, agent="harbour", environment="test", started_by="ana",
        trigger="person", scheduled_at=AT, inputs=INPUTS,
    )  # fmt: skip
    for seq, happening in enumerate((started, *what), start=1):
        events.append(link(seq, AT + timedelta(seconds=seq), prev, happening))
        prev = events[-1].digest
    return Past.of(events)


def started(step: str, item: int | None = None) -> StepStarted:
    return StepStarted(
        step=step, item=item, tool="T", dispatch=1, reason="", reserved=Amount(calls=1)
    )


def attempted(
    step: str, end: AttemptEnd, *, decided: bool = True, why: str = "", item: int | None = None
) -> StepAttempted:
    attempt = Attempt(
        number=1, decision=HEAD if decided else None, end=end, failure=why, spent=Amount(calls=1)
    )
    return StepAttempted(step=step, item=item, attempt=attempt)


def completed(step: str, item: int | None = None) -> StepCompleted:
    return StepCompleted(
        step=step, item=item, value=OUTPUT, spent=Amount(calls=1), decision=HEAD,
        idempotency_key="k",
    )  # fmt: skip


def test_only_what_has_an_output_or_was_left_out_is_over() -> None:
    """A loop when it is gathered, a step when it completed or something took its place."""
    then = told(
        started("a"), attempted("a", AttemptEnd.COMPLETED), completed("a"),
        completed("b", 0), completed("b", 1),
        completed("c", 0), StepGathered(step="c", items=1, value=OUTPUT),
        StepReplaced(step="d", by="e", value=OUTPUT),
        StepReplaced(step="f", person="ben", value=OUTPUT),
        StepSkipped(step="g", because="so"),
        StepEdited(step="a", by="ben", args={"x": 1}),
    )  # fmt: skip
    assert {"a", "c", "d", "f"} == then.done.keys()
    assert ({"g": "so"}, {"f"}, {"a"}) == (then.because, then.given, {*then.edits})
    assert {0, 1} == then.items["b"].keys()


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ([], None),
        ([started("a")], {UNKNOWN}),
        ([started("a"), attempted("a", AttemptEnd.FAILED)], {UNKNOWN}),
        ([started("a"), attempted("a", AttemptEnd.FAILED, decided=False)], None),
        ([started("a"), attempted("a", AttemptEnd.WITHHELD, decided=False)], None),
        ([started("a"), attempted("a", AttemptEnd.UNRECORDED, decided=False)], {UNKNOWN}),
        ([started("a"), attempted("a", AttemptEnd.SIGNALLED, why="Busy")], {"Busy"}),
    ],
    ids=["never", "lost", "failed", "before the call", "held back", "unrecorded", "signalled"],
)
def test_a_call_may_have_had_an_effect_unless_it_is_sure_that_it_had_none(
    what: list[Happening], expected: set[str] | None
) -> None:
    """Silence is no proof, and a failure says nothing of what came before it."""
    assert expected == told(*what).ends.get(("a", None))


def test_a_fork_tells_of_what_it_was_given_as_of_its_own() -> None:
    """So it can be forked in its turn: what is carried there is over here, what was called again
    or kept its key may have had an effect, and a stand-in that was wanted stays one.
    """
    carried = (
        Carried(step="a", value=OUTPUT, edits=({"x": 1},), given=True),
        Carried(step="b", because="so"),
        Carried(step="c", items=(CarriedItem(item=1, value=OUTPUT),)),
    )
    then = told(
        RunForked(
            run="before", execution="x", head=HEAD, lock=HEAD, spent=Amount(), carried=carried,
            again=("d",), keys={"e": "before"},
        ),
        StepCaught(
            step="f", error="Busy", detail="", fallback=Fallback(step="g"), spent=Amount()
        ),
    )  # fmt: skip
    assert ({"a"}, {"b": "so"}, {"a"}) == ({*then.done}, then.because, then.given)
    assert ({1}, ({"x": 1},)) == ({*then.items["c"]}, then.edits["a"])
    assert {("a", None), ("c", 1)} == then.completed
    assert {("d", None), ("e", None)} == then.ends.keys()
    assert ({"e": "before"}, {"d"}) == (then.keys, then.varied)
    assert {"a", "b", "c", "g"} == then.used


def test_what_a_run_spent_is_what_it_says_or_what_its_attempts_add_up_to() -> None:
    """A run that was terminated says nothing."""
    calls = [attempted("a", AttemptEnd.FAILED), attempted("b", AttemptEnd.COMPLETED)]
    assert Amount(calls=2) == told(*calls).spent
    finding = Finding(code="LS-STEP-004", place="", problem="", fix="")
    assert Amount(calls=9) == told(*calls, RunFailed(finding=finding, spent=Amount(calls=9))).spent


def test_a_call_with_other_arguments_is_not_the_same_call() -> None:
    """A human edited them, or the catalogue put others in: what was called then had another key."""
    recovering = StepRecovering(
        step="b", error="Busy", detail="", action="substitute", number=1, times=1, recovery="",
        spent=Amount(),
    )  # fmt: skip
    again = recovering.model_copy(update={"step": "c", "action": "retry"})
    then = told(StepEdited(step="a", by="ben", args={"x": 1}), recovering, again)
    assert {"a", "b"} == then.varied
