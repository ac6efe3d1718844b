"""What takes a step's place when it signals an error, and what follows from that."""

import pytest

from lockstep.escalation import Verdict
from tests.runs.language import COUNT, guard, muster, seek, ways, write
from tests.runs.yard import Book, Yard, output, say, step, with_

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_fallback_stands_in_for_the_step_that_signals(yard: Yard, book: Book) -> None:
    """What draws from the step gets the stand-in's output and need not know."""
    ended = await yard.run(
        say("before"),
        seek("look", step="other"),
        with_(say("other", {"$from": "before", "path": "/text"}, number=9)),
        with_(step("tell", "Write", ledger=book.name, text=output("look"))),
    )
    assert ("completed", ["hello"]) == (ended.result.status, book.lines)
    assert ended.result.outputs["look"].digest == ended.result.outputs["other"].digest
    (caught,) = ended.of("step.caught")
    assert ("look", "NotFound", "lost anchor") == (caught.step, caught.error, caught.detail)
    (replaced,) = ended.of("step.replaced")
    assert ("look", "other") == (replaced.step, replaced.by)
    order = [event.what.type for event in ended.events if getattr(event.what, "step", "") == "look"]
    assert [
        "step.started",
        "step.decided",
        "step.attempted",
        "step.caught",
        "step.replaced",
    ] == order
    assert caught.error in {one.attempt.failure for one in ended.of("step.attempted", "look")}
    (made,) = ended.of("step.decided", "look")
    assert made.decision.digest == ended.of("step.attempted", "look")[0].attempt.decision


async def test_a_stand_in_that_is_not_wanted_does_not_run(yard: Yard, book: Book) -> None:
    """Its step gave an output, or was left out itself; it is told, and is no loss."""
    ended = await yard.run(
        say(),
        muster("ana"),
        seek("look", "anchor", step="other"),
        say("other"),
        with_(seek("idle", step="spare"), when=[guard(COUNT, ">", 1)]),
        say("spare"),
        write("tell", book, "look"),
    )
    assert ("completed", ["tell"]) == (ended.result.status, book.lines)
    assert ("idle",) == ended.result.skipped
    assert "it stands in for `look`, which gave an output without it" == ways(ended)["other"]
    assert "it stands in for `idle`, which was left out" == ways(ended)["spare"]
    assert [] == ended.of("step.started", "other") + ended.of("step.started", "spare")


async def test_an_output_that_the_plan_gives_stands_in(yard: Yard, book: Book) -> None:
    """It is kept like any output, and what draws from it gets it."""
    ended = await yard.run(
        seek("look", output={"text": "spare", "number": 0}),
        step("tell", "Write", ledger=book.name, text=output("look")),
    )
    assert ("completed", ["spare"]) == (ended.result.status, book.lines)
    (replaced,) = ended.of("step.replaced")
    assert (None, {"text": "spare", "number": 0}) == (replaced.by, replaced.value.preview)


async def test_a_step_may_be_left_out_when_it_signals(yard: Yard, book: Book) -> None:
    """As if its guard did not hold: what draws from it is left out, what follows it runs."""
    ended = await yard.run(
        seek("look", skip=True),
        step("tell", "Write", ledger=book.name, text=output("look")),
        write("end", book, "tell"),
    )
    assert ("completed", ["end"]) == (ended.result.status, book.lines)
    assert {"look", "tell"} == {*ended.result.skipped}
    assert "it signalled NotFound" == ways(ended)["look"]


async def test_a_signal_that_is_not_provided_for_ends_the_run_as_ever(yard: Yard) -> None:
    """A fallback is for the error that it names."""
    ended = await yard.run(seek("look", "fog", step="other"), say("other"), say())
    assert ("failed", "LS-STEP-003") == (ended.result.status, ended.finding.code)
    assert [] == ended.of("step.started", "other") + ended.of("step.skipped", "other")


async def test_a_stand_in_may_have_a_stand_in(yard: Yard, book: Book) -> None:
    """And a guard; what is left in the end is the first one's output."""
    ended = await yard.run(
        say(),
        seek("first", step="second"),
        seek("second", "lost too", step="third"),
        with_(say("third", "found"), when=[guard({"$input": "/floor"}, "==", 1)]),
        step("tell", "Write", ledger=book.name, text=output("first")),
    )
    assert ("completed", ["found"]) == (ended.result.status, book.lines)
    assert [("second", "third"), ("first", "second")] == [
        (what.step, what.by) for what in ended.of("step.replaced")
    ]


async def test_a_stand_in_whose_guard_does_not_hold_leaves_its_step_out(
    yard: Yard, book: Book
) -> None:
    """Then there is no output, from neither."""
    ended = await yard.run(
        say(),
        seek("look", step="other"),
        with_(say("other"), when=[guard({"$input": "/floor"}, ">", 1)]),
        step("tell", "Write", ledger=book.name, text=output("look")),
    )
    assert ("completed", []) == (ended.result.status, book.lines)
    assert ("look", "other", "tell") == tuple(sorted(ended.result.skipped))


async def test_a_stand_in_that_policy_holds_back_asks_like_any_step(yard: Yard, book: Book) -> None:
    """An approval lets it run; to skip it leaves out the step that it stands in for."""
    steps = [
        say(),
        seek("look", step="other"),
        step("other", "Echo", text={"$input": "/greeting"}),
        step("tell", "Write", ledger=book.name, text=output("look")),
    ]
    handle = await yard.start(yard.lock(*steps), greeting="SHOUT")
    question = await yard.question(handle)
    assert "other.1" == question.id
    await yard.answer(handle, question, Verdict.APPROVE, by="cleo")
    assert ("completed", ["SHOUT"]) == ((await yard.ended(handle)).result.status, book.lines)

    handle = await yard.start(yard.lock(*steps), greeting="SHOUT")
    await yard.answer(handle, await yard.question(handle), Verdict.SKIP, by="cleo")
    ended = await yard.ended(handle)
    assert ("completed", ["SHOUT"]) == (ended.result.status, book.lines)
    assert ("look", "other", "tell") == tuple(sorted(ended.result.skipped))


async def test_a_stand_in_waits_for_what_it_needs_itself(yard: Yard, book: Book) -> None:
    """Even for what its step did not need."""
    ended = await yard.run(
        say(),
        step("slow", "Slow", ledger=book.name, parts=3),
        seek("look", step="other"),
        with_(say("other"), after=["slow"]),
        write("tell", book, "look"),
    )
    assert "completed" == ended.result.status
    assert ["begin slow", "end slow", "tell"] == book.lines


async def test_a_stand_in_that_fails_fails_the_run(yard: Yard) -> None:
    """There is nothing left to fall back on."""
    ended = await yard.run(
        say(), seek("look", step="other"), with_(step("other", "Seek", name="fog"))
    )
    assert ("failed", "LS-STEP-003", "step `other`") == (
        ended.result.status,
        ended.finding.code,
        ended.finding.place,
    )
