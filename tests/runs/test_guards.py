"""When a step runs: what its guards say of outputs, and what follows where they do not hold."""

from pathlib import Path

import pytest

from lockstep.event import Event
from lockstep.stepped import StepCompleted
from tests.runs.language import COUNT, guard, muster, ways, write
from tests.runs.yard import Book, Handle, Json, Yard, output, say, step, until, with_
from workflows.run import Run

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_step_runs_only_when_its_guards_hold(yard: Yard, book: Book) -> None:
    """All of them; what they saw is in the events, and one that does not hold is no failure."""
    ended = await yard.run(
        muster("ana", "ben"),
        write("two", book, when=[guard(COUNT, ">", 1), guard({"$input": "/floor"}, "==", 1)]),
        write("three", book, when=[guard(COUNT, ">", 2), guard({"$input": "/floor"}, "==", 1)]),
    )
    assert ("completed", ["two"]) == (ended.result.status, book.lines)
    assert ("three",) == ended.result.skipped
    assert {"three": "`muster/count > 2` does not hold (2 and 2)"} == ways(ended)
    (told,) = ended.of("step.guarded", "three")
    assert [(False, 2, 2), (True, 1, 1)] == [
        (one.holds, one.left, one.right) for one in told.comparisons
    ]
    assert [True] == [what.holds for what in ended.of("step.guarded", "two")]
    assert [] == ended.of("step.started", "three")


@pytest.mark.parametrize(
    ("left", "problem"),
    [
        ({"$from": "muster", "path": "/hands/3/name"}, "`muster/hands/3/name`: `3` is not there"),
        ({"$from": "muster", "path": "/master"}, "`!=` compares"),
    ],
)
async def test_what_cannot_be_read_does_not_hold(
    yard: Yard, book: Book, left: Json, problem: str
) -> None:
    """A place that a list does not have, a field that is null: the step is left out and says why,
    even where the guard asked for a difference.
    """
    ended = await yard.run(muster("ana"), write("w", book, when=[guard(left, "!=", "ben")]))
    assert ("completed", []) == (ended.result.status, book.lines)
    assert problem in ways(ended)["w"]


async def test_what_draws_from_a_skipped_step_is_skipped_and_what_follows_it_is_not(
    yard: Yard, book: Book
) -> None:
    """An argument and a guard cannot do without the output; an order can."""
    ended = await yard.run(
        muster("ana"),
        say("loud", "word", number=3),
        with_(say("quiet", "hush", number=3), when=[guard(COUNT, ">", 5)]),
        with_(step("drawn", "Write", ledger=book.name, text=output("quiet"))),
        write("watched", book, when=[guard(output("quiet", "/number"), "==", 3)]),
        write("behind", book, "drawn", "quiet", "watched"),
        write("beside", book, when=[guard(output("loud", "/number"), "==", 3)]),
    )
    assert ("completed", ["behind", "beside"]) == (ended.result.status, sorted(book.lines))
    assert ("drawn", "quiet", "watched") == tuple(sorted(ended.result.skipped))
    assert "it needs the output of a step that was left out" == ways(ended)["drawn"]
    assert [] == ended.of("step.guarded", "watched")


async def test_a_guard_is_weighed_once_and_the_step_decided_as_ever(yard: Yard) -> None:
    """Policy is asked about a step that may run, and about no other."""
    shout = step("loud", "Echo", text={"$input": "/greeting"})
    ended = await yard.run(
        say(), muster("ana"), with_(shout, when=[guard(COUNT, "!=", 1)]), greeting="SHOUT"
    )
    assert ("completed", ("loud",)) == (ended.result.status, ended.result.skipped)
    assert [] == ended.of("question.asked")


async def test_a_value_that_is_gone_is_taken_for_no_answer(yard: Yard, book: Book) -> None:
    """The step is asked about again for a while, and then stops the run with a code."""
    handle = await yard.start(
        yard.lock(
            muster("ana", book.name),
            step("spin", "Slow", ledger=book.name, parts=4, pause=0.2),
            write("late", book, "spin", when=[guard(COUNT, ">", 0)]),
        )
    )
    await until(lambda: "begin slow" in book.lines)
    path = await kept(yard, handle, "muster")
    hidden = path.rename(path.with_suffix(".hidden"))
    with pytest.raises(AssertionError, match="LS-REPLAY-005"):
        await yard.ended(handle)
    hidden.rename(path)
    ended = await yard.ended(handle)
    assert ("failed", "LS-STEP-007", "step `late`") == (
        ended.result.status,
        ended.finding.code,
        ended.finding.place,
    )
    assert [] == ended.of("step.started", "late")


async def kept(yard: Yard, handle: Handle, step: str) -> Path:
    """The file that holds a step's output, once it has one."""
    found: list[str] = []
    while not found:
        events = [Event.model_validate(line) for line in await handle.query(Run.events)]
        ends = [one.what for one in events if isinstance(one.what, StepCompleted)]
        found = [what.value.digest for what in ends if what.step == step]
    name = found[0].partition(":")[2]
    return yard.home.values / name[:2] / name
