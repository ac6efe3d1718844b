"""What a question to a human promises, by either door and through any silence."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.common import RawValue

from lockstep.agent import Silence
from lockstep.canonical import digest
from lockstep.errors import LockstepError
from lockstep.escalation import Ground, Question, Verdict
from lockstep.lock import Body
from lockstep.outcome import AttemptEnd
from tests.runs.yard import (
    PATIENCE,
    Book,
    Ended,
    Handle,
    Json,
    Yard,
    output,
    renamed,
    replace,
    reply,
    say,
    step,
    until,
    with_,
)
from worker import inbox
from workflows.desk import MAX_CHANGES, MAX_REFUSED

pytestmark = pytest.mark.asyncio(loop_scope="session")

Body_ = Callable[[Body], Body]


def remove(book: Book, load: Any = "beam", id: str = "lift") -> Json:
    given = step(id, "Remove", ledger=book.name, load=load)
    return with_(given, after=["hello"], reason="it is in the way")


def asking(**changes: Any) -> Body_:
    return lambda body: body.model_copy(update={"asking": body.asking.model_copy(update=changes)})


SOON = timedelta(milliseconds=200)


async def refused(code: str, yard: Yard, handle: Handle, *given: Any, **more: Any) -> LockstepError:
    """The polite door says no with this code, and the question stays as it was."""
    before = await yard.questions(handle)
    with pytest.raises(LockstepError) as error:
        await yard.answer(handle, *given, **more)
    assert code == error.value.code, error.value
    assert before == await yard.questions(handle)
    return error.value


async def test_an_approved_step_runs_under_its_grant(yard: Yard, book: Book) -> None:
    """The question shows what is asked, why and of whom; a yes lets exactly that happen once."""
    handle = await yard.start(yard.lock(say(), remove(book)))
    question = await yard.question(handle)
    assert (Ground.APPROVAL, "lift.1", "Remove") == (question.ground, question.id, question.tool)
    assert "crane.removal-review: what is taken away is gone" == question.why
    assert {"ledger": book.name, "load": "beam"} == question.args.preview
    assert (("foreman",), ("ana", "ben")) == (question.roles, question.approvers)
    assert "it is in the way" == question.step_reason
    await yard.answer(handle, question, Verdict.APPROVE, "ben", note="go on")
    ended = await yard.ended(handle)
    assert ["removed beam"] == book.lines
    _, decided = ended.of("step.decided", "lift")
    assert "crane.removal-review approved by ben" == decided.decision.why
    (answered,) = ended.of("question.answered")
    assert ("ben", "go on", "update") == (answered.by, answered.note, answered.door)


async def test_each_rule_is_lifted_by_its_own_role(yard: Yard, tmp_path: Path) -> None:
    """A foreman's yes is good for the foreman's rule; for the master's the master is asked."""

    def change(root: Path) -> None:
        renamed(root)
        with (root / "policy" / "approvals.cedar").open("a") as policy:
            policy.write(
                '@id("crane.master-only") @reason("only the master lets anything be removed")\n'
                '@approvers("harbour-master")\n'
                'forbid (principal, action == Action::"Remove", resource is Load);\n'
            )

    async with yard.other(tmp_path, change) as other, other.worker():
        book = other.book()
        lift = with_(step("lift", "Remove", ledger=book.name, load="beam"), after=["hello"])
        handle = await other.start(other.lock(say(), lift))
        both = await other.question(handle)
        assert {"crane.removal-review", "crane.master-only"} == {rule.id for rule in both.rules}
        await other.answer(handle, both, Verdict.APPROVE, "ben")
        rest = both
        while rest.id == both.id:
            rest = await other.question(handle)
        assert [] == book.lines
        assert ["crane.master-only"] == [rule.id for rule in rest.rules]
        with pytest.raises(LockstepError) as refused:
            await other.answer(handle, rest, Verdict.APPROVE, "ben")
        assert "LS-ASK-003" == refused.value.code
        await other.answer(handle, rest, Verdict.APPROVE, "cleo")
        ended = await other.ended(handle)
    assert ("completed", 1) == (ended.result.status, len(book.lines))
    granted = ended.of("step.decided", "lift")[-1].decision.grants
    assert {("crane.removal-review", "ben"), ("crane.master-only", "cleo")} == {
        (grant.rule, grant.by) for grant in granted
    }


async def test_a_no_stops_the_run(yard: Yard, book: Book) -> None:
    """Denied by a human, the run fails with who said so, and nothing happens any more."""
    handle = await yard.start(yard.lock(say(), remove(book)))
    await yard.answer(handle, await yard.question(handle), Verdict.DENY, note="not today")
    ended = await yard.ended(handle)
    assert ("LS-RUN-002", "step `lift`") == (ended.finding.code, ended.finding.place)
    assert "`ana` said no: not today" == ended.finding.problem
    assert [] == book.lines


async def test_a_skipped_step_takes_along_what_needs_its_output(yard: Yard, book: Book) -> None:
    """Who needs its data is left out too; who only came after it, and all others, run."""
    handle = await yard.start(
        yard.lock(
            say(),
            remove(book),
            say("told", output("lift", "/load")),
            say("told-again", output("told")),
            with_(step("later", "Write", ledger=book.name, text="later"), after=["lift"]),
            step("aside", "Write", ledger=book.name, text="aside"),
        )
    )
    await yard.answer(handle, await yard.question(handle), Verdict.SKIP)
    ended = await yard.ended(handle)
    assert "completed" == ended.result.status
    assert ("lift", "told", "told-again") == ended.result.skipped
    assert {"later", "aside"} == set(book.lines)
    assert ["`ana` left it out"] == [what.because for what in ended.of("step.skipped", "lift")]


async def test_a_skip_that_breaks_a_rule_is_refused(yard: Yard) -> None:
    """What remains of the plan is checked before the answer is taken; the question stays."""
    handle = await yard.start(yard.lock(say("only", "SHOUT")))
    question = await yard.question(handle)
    error = await refused("LS-RULE-002", yard, handle, question, Verdict.SKIP, "cleo")
    assert "every plan says something (crane.announced)" in str(error)
    await yard.answer(handle, question, Verdict.APPROVE, "cleo")
    assert "completed" == (await yard.ended(handle)).result.status


async def test_two_skips_that_only_together_break_a_rule(yard: Yard) -> None:
    """Each alone would leave a plan we would run; both at once would not, so one is refused."""
    handle = await yard.start(yard.lock(say("one", "SHOUT"), say("two", "SHOUT")))
    questions = await yard.questions(handle, 2)
    answers = [yard.answer(handle, asked, Verdict.SKIP, "cleo") for asked in questions]
    taken = await asyncio.gather(*answers, return_exceptions=True)
    assert 1 == taken.count(None), taken
    (no,) = [error for error in taken if isinstance(error, LockstepError)]
    assert "LS-RULE-002" == no.code
    await yard.answer(handle, await yard.question(handle), Verdict.APPROVE, "cleo")
    assert 1 == len((await yard.ended(handle)).result.skipped)


async def test_a_skip_in_the_middle_keeps_the_order(yard: Yard, book: Book) -> None:
    """Leaving out a step on the way does not undo that its ends came one after the other."""
    handle = await yard.start(
        yard.lock(
            say(),
            with_(say("between", "SHOUT"), after=["hello"]),
            with_(step("lift", "Remove", ledger=book.name, load="rubble"), after=["between"]),
        )
    )
    await yard.answer(handle, await yard.question(handle), Verdict.SKIP, "cleo")
    ended = await yard.ended(handle)
    assert (("between",), ["removed rubble"]) == (ended.result.skipped, book.lines)


async def edited(yard: Yard, handle: Handle, book: Book, load: Any, **more: Any) -> None:
    args = {"ledger": book.name, "load": load, **more}
    await yard.answer(handle, await yard.question(handle), Verdict.EDIT, args=args)


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("LS-PLAN-008", {"load": 7}),
        ("LS-PLAN-007", {"how": "slowly"}),
        ("LS-PLAN-006", {"load": None}),
        ("LS-ENV-003", {"load": "beem"}),
        ("LS-POLICY-002", {"load": "engine"}),
        ("LS-PLAN-011", {"load": {"$from": "hello", "path": "/text"}}),
        ("LS-PLAN-011", {"load": {"$what": "ever"}}),
    ],
)
async def test_a_bad_edit_is_refused(
    yard: Yard, book: Book, code: str, change: dict[str, Any]
) -> None:
    """Edited arguments are held to all that the first ones were; the question stays open."""
    handle = await yard.start(yard.lock(say(), remove(book)))
    question = await yard.question(handle)
    args = {"ledger": book.name, "load": "pallet", **change}
    args = {name: value for name, value in args.items() if value is not None}
    await refused(code, yard, handle, question, Verdict.EDIT, args=args)
    await handle.terminate()
    assert [] == book.lines


async def test_an_edit_that_needs_no_approval_is_dispatched(yard: Yard, book: Book) -> None:
    """What a human wrote instead is called, and is in the events under their name."""
    handle = await yard.start(yard.lock(say(), remove(book)))
    await edited(yard, handle, book, "rubble")
    ended = await yard.ended(handle)
    assert ["removed rubble"] == book.lines
    (edit,) = ended.of("step.edited", "lift")
    assert ("ana", "rubble") == (edit.by, edit.args["load"])


async def test_an_edit_may_need_approval_in_its_turn(yard: Yard, book: Book) -> None:
    """A yes to other arguments is no yes to these: policy is asked again, and so is a human."""
    handle = await yard.start(yard.lock(say(), remove(book)))
    await edited(yard, handle, book, "pallet")
    again = await yard.question(handle)
    assert ("lift.2", Ground.APPROVAL) == (again.id, again.ground)
    assert {"ledger": book.name, "load": "pallet"} == again.args.preview
    await yard.answer(handle, again, Verdict.APPROVE)
    await yard.ended(handle)
    assert ["removed pallet"] == book.lines


async def test_a_denial_cannot_be_approved(yard: Yard, book: Book) -> None:
    """What policy forbids at run time is no matter of approval: edit, skip or stop."""
    loads = say("load", {"$input": "/greeting"})
    handle = await yard.start(
        yard.lock(say(), loads, remove(book, output("load"))), greeting="engine"
    )
    question = await yard.question(handle)
    assert Ground.DENIED == question.ground
    assert Verdict.APPROVE not in question.offers
    assert "crane.critical-load: Critical load; removal prohibited" == question.why
    await refused("LS-ASK-002", yard, handle, question, Verdict.APPROVE)
    await refused("LS-ASK-002", yard, handle, question, Verdict.RETRY)
    await edited(yard, handle, book, "rubble")
    ended = await yard.ended(handle)
    assert ["removed rubble"] == book.lines
    (blocked,) = ended.of("step.blocked")
    assert ("it is in the way", question.why) == (blocked.reason, blocked.why)


async def test_a_resource_that_only_the_run_knows_must_exist(yard: Yard, book: Book) -> None:
    """A name that comes by reference is held against the manifest before the call."""
    loads = say("load", {"$input": "/greeting"})
    handle = await yard.start(
        yard.lock(say(), loads, remove(book, output("load"))), greeting="beem"
    )
    question = await yard.question(handle)
    assert Ground.DENIED == question.ground
    assert "LS-ENV-003" in question.why
    assert "did you mean `beam`?" in question.why
    await yard.answer(handle, question, Verdict.SKIP)
    assert ("lift",) == (await yard.ended(handle)).result.skipped


async def test_only_who_is_named_may_answer(yard: Yard, book: Book) -> None:
    """Neither a stranger nor the holder of another role, whatever they would say."""
    handle = await yard.start(yard.lock(say(), remove(book)))
    question = await yard.question(handle)
    for person in ("mallory", "cleo", "Ana", "*"):
        for verdict in (Verdict.APPROVE, Verdict.SKIP, Verdict.DENY):
            await refused("LS-ASK-003", yard, handle, question, verdict, person)
    await yard.answer(handle, question, Verdict.APPROVE)
    await yard.ended(handle)


async def test_an_answer_is_about_what_was_shown(yard: Yard, book: Book) -> None:
    """An answer to other arguments, or to a question that was settled before, does not count."""
    handle = await yard.start(yard.lock(say(), remove(book)))
    question = await yard.question(handle)
    other = digest({"ledger": book.name, "load": "pallet"})
    await refused("LS-ASK-004", yard, handle, question, Verdict.APPROVE, args_digest=other)
    await refused("LS-ASK-005", yard, handle, question, Verdict.EDIT)
    await refused("LS-ASK-005", yard, handle, question, Verdict.APPROVE, args={"load": "beam"})
    await edited(yard, handle, book, "pallet")
    await yard.question(handle)
    await refused("LS-ASK-001", yard, handle, question, Verdict.APPROVE)
    await yard.answer(handle, await yard.question(handle), Verdict.DENY)
    await yard.ended(handle)
    with pytest.raises(LockstepError) as late:
        await yard.answer(handle, question, Verdict.APPROVE)
    assert "LS-ASK-001" == late.value.code


async def test_the_first_of_two_answers_counts(yard: Yard, book: Book) -> None:
    """The same answer twice is one; another one after it is told that nothing waits."""
    handle = await yard.start(yard.lock(say(), remove(book), say("slow", "SHOUT")))
    lift, shout = sorted(await yard.questions(handle, 2), key=lambda asked: asked.id)
    await yard.answer(handle, lift, Verdict.APPROVE)
    await yard.answer(handle, lift, Verdict.APPROVE)
    with pytest.raises(LockstepError) as second:
        await yard.answer(handle, lift, Verdict.DENY, "ben")
    assert "LS-ASK-001" == second.value.code
    await yard.answer(handle, shout, Verdict.APPROVE, "cleo")
    ended = await yard.ended(handle)
    assert ["removed beam"] == book.lines
    assert 2 == len(ended.of("question.answered"))


async def test_who_asks_for_one_step_holds_up_no_other(yard: Yard, book: Book) -> None:
    """A step that waits for a human keeps no slot; its time does not count as the run's."""
    lock = yard.lock(
        say("wait", "SHOUT"),
        *(step(f"w{n}", "Write", ledger=book.name, text=f"w{n}") for n in range(3)),
        change=lambda body: body.model_copy(
            update={"limits": body.limits.model_copy(update={"parallel": 1})}
        ),
    )
    handle = await yard.start(lock)
    question = await yard.question(handle)
    await until(lambda: 3 == len(book.lines))
    await yard.answer(handle, question, Verdict.APPROVE, "cleo")
    await yard.ended(handle)


def written(question: Question, more: str) -> RawValue:
    """An answer as no client of ours would write it."""
    text = f'{{"question": "{question.id}", "by": "ana", "args_digest": "sha256:00", {more}}}'
    return RawValue(Payload(metadata={"encoding": b"json/plain"}, data=text.encode()))


def forged(question: Question) -> list[tuple[Any, ...]]:
    """What somebody might send who is not asked."""
    good = reply(question, Verdict.APPROVE).model_dump(mode="json")
    return [
        (),
        (None,),
        ([],),
        ("approve",),
        ({"question": question.id},),
        ({**good, "by": "mallory"},),
        ({**good, "args_digest": "sha256:00"},),
        ({**good, "question": "lift.7"},),
        ({**good, "question": "x" * 100_000},),
        ({**good, "verdict": "retry"},),
        ({**good, "verdict": "edit", "args": {"load": "engine"}},),
        ({**good, "verdict": "edit", "args": {"load": 2**60}},),
        ({**good, "verdict": "edit", "args": {"load": float("nan")}},),
        (written(question, '"args": {"load": "\\ud800"}, "verdict": "edit"'),),
        (written(question, '"verdict": "deny", "verdict": "approve"'),),
        (written(question, '"verdict": '),),
        ({**good, "verdict": "edit", "args": {"load": "beam"}, "note": "x" * 2000},),
        (good, good),
        (b"\x00\xff",),
    ]


async def test_a_flood_of_forged_answers_changes_nothing(yard: Yard, book: Book) -> None:
    """Five hundred signals and two hundred updates, of every wrong form; then the real one."""
    handle = await yard.start(yard.lock(say(), remove(book)))
    question = await yard.question(handle)
    fakes = forged(question)
    gate = asyncio.Semaphore(8)  # the server takes ten updates of one run at a time

    async def signal(number: int) -> None:
        async with gate:
            await handle.signal("answer", args=fakes[number % len(fakes)])

    async def update(number: int) -> None:
        async with gate:
            with pytest.raises(Exception):  # noqa: B017, PT011 – each fake has a refusal of its own
                await handle.execute_update("answer", args=fakes[number % len(fakes)])

    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(*map(signal, range(500)))
        await asyncio.gather(*map(update, range(200)))
    assert [question] == await yard.questions(handle)
    await yard.answer(handle, question, Verdict.APPROVE)
    ended = await yard.ended(handle)
    assert ["removed beam"] == book.lines
    assert 1 == len(ended.of("question.answered"))
    assert 0 < len(ended.of("answer.refused")) <= MAX_REFUSED
    assert len("".join(str(event.line) for event in ended.events)) < 100_000


async def test_changes_are_looked_at_so_many_times(yard: Yard, book: Book) -> None:
    """Each look is an activity of the run, and a run holds only so many: later ones are refused."""
    handle = await yard.start(yard.lock(say("only", "SHOUT")))
    question = await yard.question(handle)
    for _ in range(MAX_CHANGES + 20):
        await inbox.leave(yard.client, handle.id, reply(question, Verdict.SKIP, "cleo"))
    error = await refused("LS-ASK-006", yard, handle, question, Verdict.SKIP, "cleo", note="again")
    assert "give another answer" in str(error)
    await yard.answer(handle, question, Verdict.APPROVE, "cleo")
    ended = await yard.ended(handle)
    codes = [what.finding.code for what in ended.of("answer.refused")]
    assert ["LS-RULE-002"] * MAX_CHANGES + ["LS-ASK-006"] * 20 == codes


async def test_a_signal_waits_for_a_worker(yard: Yard, book: Book, tmp_path: Path) -> None:
    """Question and answer outlive the worker: what was left while none was up counts later."""
    async with yard.other(tmp_path, renamed) as own:
        async with own.worker():
            handle = await own.start(own.lock(say(), remove(book)))
            question = await own.question(handle)
        await inbox.leave(own.client, handle.id, reply(question, Verdict.APPROVE, "mallory"))
        await inbox.leave(own.client, handle.id, reply(question, Verdict.APPROVE))
        assert [] == book.lines
        async with own.worker():
            ended = await own.ended(handle)
    assert ["removed beam"] == book.lines
    (answered,) = ended.of("question.answered")
    assert ("ana", "signal") == (answered.by, answered.door)
    assert ["LS-ASK-003"] == [what.finding.code for what in ended.of("answer.refused")]


async def test_a_question_survives_its_worker(yard: Yard, book: Book, tmp_path: Path) -> None:
    """A new worker knows the question as it was asked, and takes the answer to it."""
    async with yard.other(tmp_path, renamed) as own:
        async with own.worker():
            handle = await own.start(own.lock(say(), remove(book)))
            question = await own.question(handle)
        assert [question] == await inbox.open_questions(own.client, handle.id)
        async with own.worker():
            assert question == await own.question(handle)
            await own.answer(handle, question, Verdict.APPROVE)
            await own.ended(handle)
    assert ["removed beam"] == book.lines


async def test_a_yes_does_not_outlive_its_policy(yard: Yard, book: Book, tmp_path: Path) -> None:
    """Policy that became stricter while a human thought is asked again, and says no."""
    async with yard.other(tmp_path, renamed) as then:
        async with then.worker():
            handle = await then.start(then.lock(say(), remove(book)))
            question = await then.question(handle)

        def forbid(root: Path) -> None:
            replace(root / "policy" / "authorize.cedar", "resource.critical", "true")

        async with then.other(tmp_path, forbid) as now, now.worker():
            await now.answer(handle, question, Verdict.APPROVE)
            again = await now.question(handle)
            assert (Ground.DENIED, "lift.2") == (again.ground, again.id)
            await now.answer(handle, again, Verdict.SKIP)
            await now.ended(handle, stricter=True)
    assert [] == book.lines


async def silent(yard: Yard, silence: Silence, *steps: Json) -> Ended:
    lock = yard.lock(*steps, change=asking(deadline=SOON, silence=silence))
    return await yard.ended(await yard.start(lock))


async def test_silence_can_mean_that_the_run_stops(yard: Yard, book: Book) -> None:
    """Nobody answered in time, and the agent said that this is a no."""
    ended = await silent(yard, Silence.ABORT, say(), remove(book))
    assert ("LS-RUN-003", "step `lift`") == (ended.finding.code, ended.finding.place)
    assert ["lift.1"] == [what.question for what in ended.of("question.expired")]
    assert [] == book.lines


async def test_silence_can_mean_that_the_step_is_left_out(yard: Yard, book: Book) -> None:
    """Nobody answered in time, and the agent said that this is not needed."""
    ended = await silent(
        yard, Silence.SKIP, say(), remove(book), say("told", output("lift", "/load"))
    )
    assert ("completed", ("lift", "told")) == (ended.result.status, ended.result.skipped)


async def test_silence_leaves_no_plan_that_breaks_a_rule(yard: Yard) -> None:
    """Left out by silence is still left out: a plan without what is mandatory does not go on."""
    one = await silent(yard, Silence.SKIP, say("only", "SHOUT"))
    assert "LS-RUN-003" == one.finding.code
    two = await silent(yard, Silence.SKIP, say("one", "SHOUT"), say("two", "SHOUT"))
    assert "LS-RUN-003" == two.finding.code


async def test_a_withdrawn_question_takes_no_answer(yard: Yard, book: Book) -> None:
    """When the run ends for another reason, what still waits is not asked any more."""
    handle = await yard.start(yard.lock(say("loud", "SHOUT"), say(), remove(book)))
    lift, loud = sorted(await yard.questions(handle, 2), key=lambda asked: asked.id)
    await yard.answer(handle, lift, Verdict.DENY)
    ended = await yard.ended(handle)
    assert "LS-RUN-002" == ended.finding.code
    with pytest.raises(LockstepError) as late:
        await yard.answer(handle, loud, Verdict.APPROVE, "cleo")
    assert "LS-ASK-001" == late.value.code
    assert [] == await inbox.open_questions(yard.client, handle.id)


def strike(book: Book, first: str, **more: Any) -> Json:
    return with_(step("s", "Strike", ledger=book.name, text="hit", first=first), **more)


UNKNOWN = pytest.mark.parametrize(
    ("first", "more"), [("hang", {"timeout": "300ms"}), ("raise", {})], ids=["hang", "raise"]
)


@UNKNOWN
async def test_nobody_strikes_twice_without_being_told(
    yard: Yard, book: Book, first: str, more: dict[str, Any]
) -> None:
    """Where a call may have taken effect and cannot be repeated, a human says what to do."""
    handle = await yard.start(yard.lock(strike(book, first, **more)))
    question = await yard.question(handle)
    assert Ground.UNKNOWN == question.ground
    assert "not known whether the call took effect" in question.why
    assert ("ana", "ben", "cleo") == question.approvers
    assert ["hit"] == book.lines
    await refused("LS-ASK-002", yard, handle, question, Verdict.APPROVE)
    await yard.answer(handle, question, Verdict.RETRY)
    ended = await yard.ended(handle)
    assert ["hit", "hit"] == book.lines
    assert {"text": "hit", "line": 2} == ended.output("s")


@UNKNOWN
async def test_what_may_have_struck_can_be_left_at_that(
    yard: Yard, book: Book, first: str, more: dict[str, Any]
) -> None:
    """Skip: the call is not made again, and what needs its output is left out."""
    handle = await yard.start(
        yard.lock(say(), strike(book, first, **more), say("after", output("s")))
    )
    await yard.answer(handle, await yard.question(handle), Verdict.SKIP)
    ended = await yard.ended(handle)
    assert (["hit"], ("s", "after")) == (book.lines, ended.result.skipped)


async def called(handle: Handle, step: str) -> None:
    """Waits until a worker has begun with the step and has said so."""
    while True:
        pending = (await handle.describe()).raw_description.pending_activities
        if any(one.activity_id == step and one.heartbeat_details.payloads for one in pending):
            return
        await asyncio.sleep(0.02)


async def test_a_worker_that_is_told_to_stop_gives_its_steps_back(
    yard: Yard, tmp_path: Path
) -> None:
    """With their account: what can be tried again goes on elsewhere from where it was, what cannot
    is asked about, and nobody waits for a thread, since none can be stopped."""
    hit, slow, once = yard.book(), yard.book(), yard.book()
    steps = {
        "s": strike(hit, "hang"),
        "slow": step("slow", "Slow", ledger=slow.name, parts=40, pause=0.02),
        "once": step("once", "Write", ledger=once.name, text="once", linger=2.5),
    }
    async with yard.other(tmp_path, renamed) as own:
        async with own.worker(), asyncio.timeout(PATIENCE):
            handles = {id: await own.start(own.lock(one)) for id, one in steps.items()}
            await asyncio.gather(*(called(handle, id) for id, handle in handles.items()))
            await until(lambda: slow.lines and hit.lines)
            told = monotonic()
        # Had it waited for the thread, it would have taken five seconds.
        assert monotonic() - told < 3.5
        async with own.worker():
            question = await own.question(handles["s"])
            assert Ground.UNKNOWN == question.ground
            await own.answer(handles["s"], question, Verdict.RETRY)
            ended = {id: await own.ended(handle) for id, handle in handles.items()}
    assert ["hit", "hit"] == hit.lines
    assert ["begin slow", "begin slow", "end slow"] == slow.lines
    assert 0 < ended["slow"].output("slow")["began"] < 40
    assert ["once"] == once.lines
    for id in steps:
        first, *_ = ended[id].of("step.attempted", id)
        assert (AttemptEnd.FAILED, "its worker was stopped before it was done") == (
            first.attempt.end,
            first.attempt.failure,
        )
