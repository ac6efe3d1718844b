"""What an environment's error catalogue does about the errors that tools signal, on a real server.

Each run here is replayed and compared as every run of the yard is: what was done, for how long it
was waited and what was put in follow from the lock and the history.
"""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import CancelledError

from lockstep.amount import Amount
from lockstep.decision import Outcome
from lockstep.errors import LockstepError
from lockstep.escalation import Ground, Verdict
from lockstep.lock import Body
from lockstep.outcome import AttemptEnd
from tests.runs.command import lockstep
from tests.runs.yard import Book, Ended, Json, Yard, output, say, step, until, with_
from worker.records.account import account

pytestmark = pytest.mark.asyncio(loop_scope="session")


def lift(id: str, book: Book, load: Any = "pallet", **args: Any) -> Json:
    return step(id, "Lift", ledger=book.name, load=load, **args)


def courses(ended: Ended, step: str | None = None) -> list[tuple[str, int, float]]:
    """What was done about its errors: which action, for the how-manieth time, after how long."""
    return [
        (what.action, what.number, what.delay.total_seconds() if what.delay else 0)
        for what in ended.of("step.recovering", step)
    ]


async def test_a_signal_is_tried_again_as_often_as_the_catalogue_says(
    yard: Yard, book: Book
) -> None:
    """Each time a call of its own: reserved, decided, counted. After the last the plan's own
    fallback is taken, where it has one.
    """
    other_book = yard.book()
    ended = await yard.run(
        say(),
        lift("up", book, busy=2),
        with_(
            lift("never", other_book, busy=9),
            on_error={"Busy": {"output": {"text": "nothing", "line": 0}}},
        ),
        step("tell", "Echo", text=output("never")),
    )
    assert "completed" == ended.result.status
    assert [("retry", 1, 0.05), ("retry", 2, 0.1)] == courses(ended, "up")
    assert ["called for pallet"] * 3 + ["lifted pallet"] == book.lines
    assert [1, 2, 3] == [one.dispatch for one in ended.of("step.started", "up")]
    assert [Outcome.ALLOW] * 3 == [one.decision.outcome for one in ended.of("step.decided", "up")]
    assert Amount(calls=8) == ended.result.spent
    (caught,) = ended.of("step.caught", "never")
    assert (3, "Busy") == (len(other_book.lines), caught.error)
    assert {"text": "nothing", "number": 0} == ended.output("tell")
    order = [event.what.type for event in ended.events if getattr(event.what, "step", "") == "up"]
    turn = ["step.started", "step.decided", "step.attempted"]
    assert [*turn, "step.recovering", *turn, "step.recovering"] == order[:8]


async def test_when_all_is_used_up_the_run_says_what_was_done(yard: Yard, book: Book) -> None:
    """And the way out, in the manifest's words."""
    ended = await yard.run(say(), lift("up", book, busy=9))
    assert "failed" == ended.result.status
    assert (
        "LS-STEP-003 step `up`: EnvironmentError: Busy(the hook is taken), after 2 more calls; "
        "RecoveryPath: wait for the hook"
    ) == str(ended.finding)
    assert 3 == len(book.lines)


async def test_a_signal_says_how_long_to_wait_as_far_as_the_manifest_allows(
    yard: Yard, book: Book
) -> None:
    """In the signal's data; longer than that, and nobody waits."""
    other_book = yard.book()
    ended = await yard.run(say(), lift("up", book, closed=0.2))
    assert "completed" == ended.result.status
    assert [("wait", 1, 0.2)] == courses(ended)
    begun, again = [event for event in ended.events if event.what.type == "step.started"][1:]
    assert again.at - begun.at >= timedelta(seconds=0.2)
    ended = await yard.run(say(), lift("up", other_book, closed=3600))
    assert "it asks for a wait of 1h, and 500ms are allowed" in ended.finding.problem
    assert ([], ["called for pallet"]) == (courses(ended), other_book.lines)


async def test_a_substitute_is_another_call_and_decided_as_one(yard: Yard, book: Book) -> None:
    """It is in the lock what is put in; policy, schema and catalogue are asked about it anew, and
    its key is its own.
    """
    other_book = yard.book()
    ended = await yard.run(say("which", text="beam"), lift("up", book, load=output("which")), say())
    assert ("completed", ["called for beam", "called for pallet", "lifted pallet"]) == (
        ended.result.status,
        book.lines[-3:],
    )
    (recovering,) = ended.of("step.recovering")
    assert ['/load "beam" -> "pallet"'] == [str(one) for one in recovering.changes]
    first, second = ended.of("step.decided", "up")
    assert ["beam", "pallet"] == [made.decision.targets[0].name for made in (first, second)]
    assert first.decision.args_digest != second.decision.args_digest
    found = account(ended.history, ended.events, "up")
    assert [("/load", "catalogue", "Missing", '"pallet"')] == [
        (one.at, one.source, one.name, one.text)
        for one in found.arguments
        if one.source == "catalogue"
    ]

    handle = await yard.start(yard.lock(say(), lift("up", other_book, load="engine")))
    question = await yard.question(handle)
    assert (Ground.DENIED, "rubble") == (question.ground, question.args.preview["load"])  # type: ignore[index,call-overload]  # it is what a Lift takes
    assert "crane.scrap-stays" in question.why
    with pytest.raises(LockstepError, match="LS-ASK-002"):
        await yard.answer(handle, question, Verdict.APPROVE)
    edited = {"ledger": other_book.name, "load": "pallet", "jams": False}
    await yard.answer(handle, question, Verdict.EDIT, args=edited)
    assert "completed" == (await yard.ended(handle)).result.status
    assert ["called for engine", "called for pallet", "lifted pallet"] == other_book.lines


async def test_a_name_that_turns_out_not_to_be_there_is_recovered_from(
    yard: Yard, book: Book
) -> None:
    """It is known without a call, and what the catalogue says of it is done: a substitute is put
    in, and with nothing to put in a human is asked.
    """
    ended = await yard.run(say("which", text="plank"), lift("up", book, load=output("which")))
    assert ("completed", ["called for pallet", "lifted pallet"]) == (
        ended.result.status,
        book.lines,
    )
    held, done = ended.of("step.attempted", "up")
    assert (AttemptEnd.WITHHELD, None) == (held.attempt.end, held.attempt.decision)
    assert AttemptEnd.COMPLETED is done.attempt.end
    assert ["LS-ENV-003"] == [
        found.code for what in ended.of("step.blocked", "up") for found in what.findings
    ]
    (recovering,) = ended.of("step.recovering")
    assert ("substitute", "Missing", '"plank"', Amount()) == (
        recovering.action,
        recovering.error,
        recovering.detail,
        recovering.spent,
    )
    assert ["pallet"] == [one.decision.targets[0].name for one in ended.of("step.decided", "up")]
    assert Amount(calls=2) == ended.result.spent

    nowhere = yard.lock(say("which", text="nowhere"), lift("up", book, load=output("which")))
    handle = await yard.start(nowhere)
    question = await yard.question(handle)
    assert (Ground.SIGNALLED, '"nowhere"' in question.why) == (question.ground, True)
    edited = {"ledger": book.name, "load": "pallet"}
    await yard.answer(handle, question, Verdict.EDIT, args=edited)
    assert "completed" == (await yard.ended(handle)).result.status
    assert ["called for pallet", "lifted pallet"] * 2 == book.lines


async def test_what_a_human_wrote_is_not_replaced(yard: Yard, book: Book) -> None:
    """The next action comes: they are asked again."""
    handle = await yard.start(yard.lock(say(), lift("up", book, jams=True)))
    question = await yard.question(handle)
    edited = {"ledger": book.name, "load": "beam"}
    await yard.answer(handle, question, Verdict.EDIT, args=edited)
    async with asyncio.timeout(30):
        while question.id != "up.2":
            question = await yard.question(handle)
    assert "its arguments are a human's, and are not replaced" in question.why
    assert "beam" in question.shown
    await yard.answer(handle, question, Verdict.DENY)
    ended = await yard.ended(handle)
    assert ("failed", "LS-RUN-002") == (ended.result.status, ended.finding.code)
    assert [("escalate", 1, 0), ("escalate", 1, 0)] == courses(ended)


async def test_a_human_may_give_the_output_of_a_step_that_signals(yard: Yard, book: Book) -> None:
    """One that its tool could have given; whoever draws from the step gets it."""
    steps = say(), lift("up", book, jams=True), step("tell", "Echo", text=output("up"))
    handle = await yard.start(yard.lock(*steps))
    question = await yard.question(handle)
    assert (Ground.SIGNALLED, "up.1") == (question.ground, question.id)
    assert "EnvironmentError: Jammed(the hook is stuck); RecoveryPath: free the hook" == (
        question.why
    )
    assert {"load": "pallet", "jams": True}.items() <= question.args.preview.items()  # type: ignore[union-attr]  # it is what a Lift takes
    shown = await lockstep("inbox", "show", handle.id)
    assert "inbox supply" in shown.out
    short = '{"text": "x"}'
    unfit = await lockstep("inbox", "supply", handle.id, "--output", short, "--as", "ana")
    assert 3 == unfit.code
    assert "LS-ASK-005 step `up`: argument `line` is missing" in unfit.err
    fit = '{"text": "by hand", "line": 7}'
    taken = await lockstep("inbox", "supply", handle.id, "--output", fit, "--as", "ana")
    assert 0 == taken.code, taken.err
    ended = await yard.ended(handle)
    assert ("completed", "by hand") == (ended.result.status, ended.output("tell")["text"])
    (given,) = ended.of("step.replaced")
    assert ("up", "ana", None) == (given.step, given.person, given.by)
    told = await lockstep("runs", "events", handle.id)
    assert "Step up: its output is the one that ana gives" in told.out
    assert "so a human is asked; RecoveryPath: free the hook" in told.out


async def test_items_of_a_loop_recover_for_themselves(yard: Yard, book: Book) -> None:
    """Each with counts of its own, and told apart when the loop is explained."""
    loads = step("loads", "Muster", names=["pallet", "beam", "pallet"])
    each = with_(
        lift("up", book, load={"$item": "/name"}),
        for_each={"in": {"$from": "loads", "path": "/hands"}, "max": 3},
    )
    ended = await yard.run(say(), loads, each)
    assert "completed" == ended.result.status
    (gathered,) = ended.of("step.gathered")
    assert ["pallet", "pallet", "pallet"] == [one["text"] for one in gathered.value.preview]
    assert [("up", 1)] == [(what.step, what.item) for what in ended.of("step.recovering")]

    whole = account(ended.history, ended.events, "up")
    assert [(0, 1), (1, 2), (2, 1)] == [(one.item, one.dispatches) for one in whole.parts]
    assert ["completed"] * 3 == [one.end for one in whole.parts]
    item = account(ended.history, ended.events, "up[1]")
    assert (1, "completed", 2) == (item.item, item.end, len(item.decisions))
    assert {1, None} == {getattr(event.what, "item", None) for event in item.events}
    (load,) = [one for one in item.arguments if one.source == "item"]
    assert ('"beam"', "/name") == (load.text, load.name)
    for name, problem in (
        ("up[9]", r"did nothing for item 9 \(its list has 3, from 0\)"),
        ("hello[0]", "step `hello`: is no loop; write `hello`"),
    ):
        with pytest.raises(LockstepError, match=problem):
            account(ended.history, ended.events, name)
    human = await lockstep("explain", ended.history.workflow_id, "up")
    other = await lockstep("explain", ended.history.workflow_id, "up[1]")
    assert "[1]  ALLOW (crane.work), completed, 2 dispatches" in human.out
    assert "[2] completed" in human.out
    assert other.out.startswith('Step up[1]: Proposed Action -> Lift("pallet")')
    assert 'the item\'s own /name, untrusted: "beam"' in other.out
    assert 'put in because of Missing: "pallet"' in other.out


async def test_a_step_that_waits_holds_up_no_other_and_no_end(yard: Yard, book: Book) -> None:
    """With one slot for all; and when the run stops nobody waits the time out."""

    def alone(body: Body) -> Body:
        return body.model_copy(update={"limits": body.limits.model_copy(update={"parallel": 1})})

    lock = yard.lock(
        say(),
        lift("storm", book, storm=True),
        with_(step("other", "Slow", ledger=book.name, parts=2), after=["hello"]),
        with_(step("f", "Flaky", fails=9), attempts=1, after=["other"]),
        change=alone,
    )
    handle = await yard.start(lock)
    ended = await yard.ended(handle)
    assert ("failed", "LS-STEP-004", "step `f`") == (
        ended.result.status,
        ended.finding.code,
        ended.finding.place,
    )
    assert [("retry", 1, 300)] == courses(ended)
    assert "end slow" in book.lines
    assert 1 == len(ended.of("step.started", "storm"))


async def test_a_step_that_waits_can_be_cancelled(yard: Yard, book: Book) -> None:
    """The run ends at once, and its account says so."""
    handle = await yard.start(yard.lock(say(), lift("storm", book, storm=True)))
    await until(lambda: book.lines)
    async with asyncio.timeout(30):
        while True:
            lines = await handle.query("events")
            if any(line["what"]["type"] == "step.recovering" for line in lines):
                break
            await asyncio.sleep(0.02)
    await handle.cancel()
    async with asyncio.timeout(10):
        with pytest.raises(WorkflowFailureError) as ended:
            await handle.result()
    assert isinstance(ended.value.cause, CancelledError)


async def test_a_wait_that_the_run_has_no_time_for_is_not_begun(yard: Yard, book: Book) -> None:
    """The step ends then and there, with the reason."""

    def short(body: Body) -> Body:
        limits = body.limits.model_copy(update={"wall": timedelta(minutes=1)})
        return body.model_copy(update={"limits": limits})

    lock = yard.lock(say(), lift("storm", book, storm=True), change=short)
    ended = await yard.ended(await yard.start(lock))
    assert "a wait of 5m is more than the run has left" in ended.finding.problem
    assert [] == courses(ended)
