"""A run that goes on from another one: what is done is carried, and nobody is believed about it.

Every run here is held to the laws of the yard, so a fork's chain is whole and its replay is the
same again.
"""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest

from activities.package import load_package
from lockstep.escalation import Verdict
from lockstep.fork import Fork
from lockstep.lock import Lock
from tests.runs.command import lockstep
from tests.runs.yard import (
    Book,
    Ended,
    Handle,
    Json,
    Yard,
    output,
    renamed,
    replace,
    say,
    step,
    until,
    with_,
)
from worker.again.heirs import heirs
from worker.cli.story import tell
from worker.records.account import account
from worker.records.history import events_of
from worker.runs import FORKED, listed, start
from workflows.run import Run
from workflows.run_request import RunRequest

pytestmark = pytest.mark.asyncio(loop_scope="session")


def blocked(book: Book) -> None:
    """Nothing can be written there for now."""
    book.path.mkdir()


def mended(book: Book) -> None:
    book.path.rmdir()


def lines(book: Book, other: Book) -> tuple[Json, ...]:
    """A word, a line in one ledger, a line in another that comes of it, and what is told of it."""
    return (
        say(),
        with_(step("strike", "Strike", ledger=book.name, text="once"), after=["hello"]),
        with_(step("write", "Write", ledger=other.name, text=output("strike")), attempts=1),
        say("tell", output("write")),
    )


def asked(ended: Ended, **more: Any) -> Fork:
    """To go on from where that run got to."""
    began = ended.history.events[0].workflow_execution_started_event_attributes
    execution = began.original_execution_run_id
    return Fork.model_validate(
        {"run": ended.result.run, "execution": execution, "head": ended.result.head, **more}
    )


async def begin(yard: Yard, lock: Lock, fork: Fork, like: Ended, **more: Any) -> Handle:
    """A run of the lock that is about the same time."""
    (began,) = like.of("run.started")
    given = {"scheduled_at": began.scheduled_at, **more}
    return await start(yard.client, RunRequest(lock=lock, started_by="ben", fork=fork, **given))


async def go_on(yard: Yard, lock: Lock, like: Ended, **more: Any) -> Ended:
    return await yard.ended(await begin(yard, lock, asked(like, **more), like))


def codes(ended: Ended) -> list[str]:
    return [found.code for found in ended.result.findings]


async def test_what_is_done_is_not_done_again(yard: Yard, book: Book) -> None:
    """A run that fails at its third step is gone on with once that is mended, and again where it
    was not. The call that failed keeps its key, for it may have been made; policy is asked anew,
    and the account is the fork's own.
    """
    other = yard.book()
    blocked(other)
    lock = yard.lock(*lines(book, other))
    first = await yard.ended(await yard.start(lock))
    assert ["LS-STEP-004"] == codes(first)
    second = await go_on(yard, lock, first)
    assert ["LS-STEP-004"] == codes(second)
    mended(other)
    third = await go_on(yard, lock, second)
    assert ("completed", second.result.run) == (third.result.status, third.result.forked)
    assert (["once"], ["once"]) == (book.lines, other.lines)
    assert "once" == third.output("tell")["text"]
    assert ["write", "tell"] == [one.step for one in third.of("step.started")]
    assert ["write", "tell"] == [one.step for one in third.of("step.decided")]
    assert (2, 4) == (third.result.spent.calls, len(third.result.outputs))
    (forked,) = third.of("run.forked")
    assert (second.result.run, second.result.head, lock.digest) == (
        forked.run,
        forked.head,
        forked.lock,
    )
    assert first.result.outputs["strike"].digest == forked.carried[1].value.digest
    assert {"write": first.result.run} == forked.keys
    (written,) = third.of("step.completed", "write")
    assert other.whole[0].startswith(written.idempotency_key)
    found = account(third.history, third.events, "strike")
    assert ("carried", ()) == (found.end, found.decisions)
    (argument,) = account(third.history, third.events, "write").arguments[1:]
    assert ("step", "Strike", '"once"') == (argument.source, argument.tool, argument.text)


async def test_nobody_is_believed_about_what_a_run_has_done(yard: Yard, book: Book) -> None:
    """A request names a run, its execution and its head, and holds no output. A run that is not
    there, is not over, or ended otherwise than was said gives nothing; nor does one of another
    agent, or one that took place on a queue that is not the agent's.
    """
    lock = yard.lock(*lines(book, yard.book()))
    done = await yard.ended(await yard.start(lock))
    removal = with_(step("off", "Remove", ledger=book.name, load="beam"), after=["hello"])
    waiting = await yard.start(yard.lock(say(), removal))
    await yard.question(waiting)
    description = await waiting.describe()
    running = {"run": waiting.id, "execution": description.run_id}
    # An agent's own worker verifies what stands on its queue, and this one is another agent's.
    async with yard.other(yard.ledgers.parent, renamed) as elsewhere, elsewhere.worker():
        stranger = await elsewhere.ended(await elsewhere.start(elsewhere.lock(say())))
        handle = await yard.client.start_workflow(
            "Run",
            RunRequest(lock=lock, started_by="ana").model_dump(mode="json"),
            id=f"{done.result.run}-elsewhere",
            task_queue=elsewhere.queue,
        )
        misplaced = await yard.ended(handle)
        # A lock may say of itself that it belongs there.
        body = lock.body.model_copy(update={"task_queue": elsewhere.queue})
        posing = Lock.freeze(body)
        posed = await yard.ended(
            await start(yard.client, RunRequest(lock=posing, started_by="ana"))
        )
    outputs = {"value": done.result.outputs["tell"].model_dump(mode="json")}
    for fork, expected in (
        (asked(done, redo=["tell"], head=done.events[2].digest), "LS-FORK-002"),
        (asked(done, redo=["tell"], run="nobody"), "LS-RUN-005"),
        (asked(done, redo=["tell"], execution="nowhere"), "LS-RUN-005"),
        (asked(done, redo=["tell"], **running), "LS-FORK-001"),
        (asked(stranger, redo=["hello"]), "LS-FORK-001"),
        (asked(misplaced), "LS-FORK-002"),
        (asked(posed), "LS-FORK-002"),
    ):
        refused = await yard.ended(await begin(yard, lock, fork, done))
        assert ("refused", [expected]) == (refused.result.status, codes(refused)[:1]), fork
        assert {} == refused.result.outputs
    with pytest.raises(ValidationError):
        # There is no field in which an output could be handed over.
        RunRequest.model_validate(
            {"lock": lock, "started_by": "ana", "fork": {**asked(done).model_dump(), **outputs}}
        )
    later = await yard.ended(
        await begin(yard, lock, asked(done, redo=["tell"]), done, scheduled_at="2020-01-01T00:00Z")
    )
    assert ["LS-FORK-001"] == codes(later)
    await waiting.terminate("enough")


async def test_a_run_that_was_reset_is_not_gone_on_with(yard: Yard, book: Book) -> None:
    """What it did until then stands in the other history: neither of the two tells all of it."""
    lock = yard.lock(*lines(book, yard.book()))
    first = await yard.ended(await yard.start(lock))
    first_task = next(
        event.event_id
        for event in first.history.events
        if event.HasField("workflow_task_completed_event_attributes")
    )
    base = asked(first)
    answer = await yard.client.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace=yard.client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=base.run, run_id=base.execution),
            workflow_task_finish_event_id=first_task,
            request_id="again",
            reason="test",
        )
    )
    handle = yard.client.get_workflow_handle_for(Run.run, base.run, run_id=answer.run_id)
    await handle.terminate("enough")
    events = await events_of(await handle.fetch_history())
    last = base.model_copy(update={"execution": answer.run_id, "head": events[-1].digest})
    for fork in (last, base.model_copy(update={"redo": ("tell",)})):
        refused = await yard.ended(await begin(yard, lock, fork, first))
        assert ["LS-FORK-002"] == codes(refused), fork
    told = await lockstep("fork", base.run, "--agent", str(yard.package.root), "--as", "ben")
    assert 3 == told.code
    assert "it was reset" in told.err
    assert ["once"] == book.lines


async def test_a_run_that_was_terminated_is_gone_on_with_and_asks_again(
    yard: Yard, book: Book
) -> None:
    """What it had done by then is proved by its history; a yes that was given there was for it."""
    removal = with_(step("off", "Remove", ledger=book.name, load="beam"), after=["hello"])
    lock = yard.lock(say(), removal)
    first = await yard.start(lock)
    await yard.question(first)
    await first.terminate("enough")
    events = await events_of(await first.fetch_history())
    execution = (await first.describe()).run_id
    fork = Fork(run=first.id, execution=execution, head=events[-1].digest)
    at = events[0].what.scheduled_at  # type: ignore[union-attr]  # the first is `run.started`
    request = RunRequest(lock=lock, started_by="ben", scheduled_at=at, fork=fork)
    second = await start(yard.client, request)
    await yard.answer(second, await yard.question(second), Verdict.APPROVE)
    ended = await yard.ended(second)
    assert ("completed", ["removed beam"]) == (ended.result.status, book.lines)
    assert ["off", "off"] == [one.step for one in ended.of("step.started")]


async def test_a_loop_goes_on_with_what_is_not_done_and_what_is_unknown_is_not_carried(
    yard: Yard, book: Book
) -> None:
    """Of three strikes nobody knows of one whether it was made. It is made again only if a person
    says so, and the other two are not.
    """
    lock = yard.lock(
        say(),
        step("crew", "Muster", names=["ann", "bob", "cat"]),
        with_(
            step("each", "Strike", ledger=book.name, text={"$item": "/name"}, first="raise"),
            for_each={"in": output("crew", "/hands"), "max": 3},
        ),
        with_(say("bye", "bye"), after=["each"]),
    )
    handle = await yard.start(lock)
    question = await yard.question(handle)
    await until(lambda: len(book.lines) == 3)
    await yard.answer(handle, question, Verdict.DENY)
    first = await yard.ended(handle)
    silent = await go_on(yard, lock, first)
    assert ["LS-FORK-003"] == codes(silent)
    second = await go_on(yard, lock, first, again=["each"])
    assert ("completed", 4) == (second.result.status, len(book.lines))
    (again,) = second.of("step.started", "each")
    assert question.label == f"each[{again.item}]"
    (forked,) = second.of("run.forked")
    parts = {one.step: [part.item for part in one.items] for one in forked.carried}
    assert sorted({0, 1, 2} - {again.item}) == parts["each"]
    assert (("each",), {}) == (forked.again, forked.keys)


async def test_another_lock_goes_on_where_it_says_the_same(yard: Yard, book: Book) -> None:
    """What is to come may be otherwise; what is over may not, unless it is done again, and a write
    is done again only by consent.
    """
    other = yard.book()
    lock = yard.lock(*lines(book, other))
    first = await yard.ended(await yard.start(lock))
    hello, strike, write, _ = lines(book, other)
    later = yard.lock(hello, strike, write, say("tell", "otherwise"))
    second = await go_on(yard, later, first, redo=["tell"])
    assert ("completed", "otherwise") == (second.result.status, second.output("tell")["text"])
    assert (lock.digest, later.digest) == (second.of("run.forked")[0].lock, second.result.lock)
    bolder = yard.lock(
        hello, with_(step("strike", "Strike", ledger=book.name, text="twice"), after=["hello"]),
        write, say("tell", output("write")),
    )  # fmt: skip
    refused = await go_on(yard, bolder, first, redo=["tell"])
    assert ["LS-FORK-004"] == codes(refused)
    asked_for = await go_on(yard, bolder, first, redo=["strike"])
    assert ["LS-FORK-003", "LS-FORK-003"] == codes(asked_for)
    third = await go_on(yard, bolder, first, redo=["strike"], again=["strike", "write"])
    assert ("completed", ["once", "twice"]) == (third.result.status, book.lines)
    assert ["once", "twice"] == other.lines


async def test_the_command_goes_on_with_a_run_and_says_what_it_does(
    yard: Yard, book: Book, tmp_path: Path
) -> None:
    """It asks for consent by what to type, refuses a drifted lock with the way out, and a fork is
    known as one in lists and in its own account.
    """
    other = yard.book()
    blocked(other)

    async with yard.other(tmp_path, renamed) as here:
        root = here.package.root
        more = "--agent", str(root), "--as", "ben"
        async with here.worker():
            first = await here.ended(await here.start(here.lock(*lines(book, other))))
            run = first.result.run
            unknown, silent = await asyncio.gather(
                lockstep("fork", run, "--from", "stryke", *more),
                lockstep("fork", run, "--from", "strike", *more),
            )
            assert (2, 3) == (unknown.code, silent.code)
            assert "did you mean `strike`?" in unknown.err
            assert "LS-FORK-003 step `strike`: it was done" in silent.err
            assert "say `--again strike`" in silent.err
            mended(other)
            done = await lockstep("fork", run, *more, "--format", "json")
            assert (0, "completed", run) == (done.code, done.json["status"], done.json["forked"])
            assert (["once"], ["once"]) == (book.lines, other.lines)
            fork = done.json["run"]
            assert [fork] == [*await heirs(here.client, run)]
            # One that no worker has taken up yet is under way.
            waiting = await here.client.start_workflow(
                "Run", {}, id=f"{run}-waiting", task_queue="nobody", memo={FORKED: run}
            )
            early = await lockstep("fork", run, *more)
            assert (3, True) == (early.code, f"gone on with by `{waiting.id}`" in early.err)
            idle = await lockstep("runs", "show", waiting.id)
            assert (0, True) == (idle.code, "no worker polls `nobody`" in idle.err), idle
            await waiting.terminate("enough")
            nothing = await lockstep("fork", waiting.id, *more)
            assert (3, True) == (nothing.code, "ended before any worker took it up" in nothing.err)
            # What it did can be looked at all the same: it was nothing.
            shown = await lockstep("runs", "show", waiting.id)
            assert (0, True) == (shown.code, "terminated" in shown.out)
            events = await lockstep("runs", "events", waiting.id)
            assert (0, "") == (events.code, events.out)
            audited = await lockstep("audit", "report", waiting.id)
            assert (2, True) == (audited.code, audited.err.startswith("LS-AUDIT-009"))
            handle = here.client.get_workflow_handle_for(Run.run, fork)
            told = "\n".join(map(tell, (await here.ended(handle)).events))
            assert f"goes on from {run}, which spent 3 calls: 2 steps carried" in told
            assert f"Step write: keeps its idempotency key of {run}" in told
            assert (fork, run) in {(row.id, row.forked) for row in await listed(here.client, 9)}
        replace(root / "environments" / "test.toml", 'wall = "10m"', 'wall = "9m"')
        drifted = await lockstep("fork", run, *more)
        assert 3 == drifted.code
        assert "LS-LOCK-002" in drifted.err
        assert f"lockstep runs show {run} --out LOCK" in drifted.err
        kept = root / "plans.lock.json"
        changed = Yard(here.home, here.client, load_package(root), here.ledgers, here.log)
        async with changed.worker():
            kept.write_text(changed.lock(*lines(book, other)).model_dump_json())
            fresh = await lockstep(
                "fork", fork, "--lock", str(kept), "--from", "tell", "--as", "ben"
            )
        assert 0 == fresh.code, fresh.err
        assert "carried: hello, strike, write; to be done: tell" in fresh.err
