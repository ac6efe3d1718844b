"""What is left of a run, planned anew when a tool signals what the plan does not provide for.

Each run here is replayed and compared like every run of the yard: which lock it went on with, and
why, follows from its history.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lockstep.errors import LockstepError
from lockstep.escalation import Ground, Question, Verdict
from lockstep.lock import Lock
from lockstep.statement import Proposed
from tests.runs.command import lockstep
from tests.runs.office import KEY, Office, office, scene, working
from tests.runs.yard import (
    Book,
    Ended,
    Handle,
    Json,
    Yard,
    output,
    plan,
    renamed,
    replace,
    say,
    step,
    with_,
)
from worker.cli.options import read_lock
from worker.records.account import account
from worker.records.locks import locks_of
from worker.records.origins import sent_out

pytestmark = pytest.mark.asyncio(loop_scope="session")

PERMIT = """
@id("crane.go-on")
@reason("an operator finds a way")
permit (principal, action == Action::"plan.replan", resource)
when { context.errors == ["Jammed"] && context.replans < 2 };
"""
FORBID = """
@id("crane.stand-still")
@reason("a crane that may have lifted is looked at")
forbid (principal, action == Action::"plan.replan", resource)
when { context.unknown };
"""


def anew(policy: str = "", approvals: str = "") -> Callable[[Path], None]:
    """The crane, whose rest is planned anew when its hook is stuck."""

    def change(root: Path) -> None:
        renamed(root)
        replace(
            root / "environments" / "test.toml",
            'recovery = "free the hook"\nactions = [{ kind = "escalate" }]',
            'recovery = "free the hook"\nactions = [{ kind = "replan" }]',
        )
        for name, more in {"authorize": policy, "approvals": approvals}.items():
            with (root / "policy" / f"{name}.cedar").open("a") as rules:
                rules.write(more)

    return change


def stuck(book: Book) -> tuple[Json, ...]:
    """A plan whose lift jams: what is said before stays, what draws from the lift cannot be."""
    return (
        say(),
        with_(step("up", "Lift", ledger=book.name, load="pallet", jams=True), after=["hello"]),
        step("tell", "Echo", text=output("up")),
        with_(say("bye", "good bye"), after=["tell"]),
    )


def by_ana(yard: Yard, book: Book) -> Lock:
    """The lock of that plan, which a person proposed."""
    said = Proposed(by="ana", at=datetime(2026, 11, 21, tzinfo=UTC))
    return yard.lock(*stuck(book)).stating(said)


def rest(book: Book, id: str = "again") -> Json:
    """A rest that works: another lift, and the same is told of it."""
    return plan(
        step(id, "Lift", ledger=book.name, load="pallet"),
        step("tell", "Echo", text=output(id)),
        say("so", output("hello")),
    )


@asynccontextmanager
async def begun(
    yard: Yard, folder: Path, book: Book, *answers: Json, policy: str = ""
) -> AsyncIterator[tuple[Office, Handle]]:
    told = scene("lift", *({"proposal": one} for one in answers))
    async with office(yard, folder, told, furnish=anew(policy)) as opened:
        lock = opened.yard.lock(*stuck(book))
        yield opened, await opened.yard.start(lock)


async def asked(opened: Office, handle: Handle, id: str) -> Question:
    """The question of that id, once it is asked."""
    async with asyncio.timeout(30):
        while True:
            found = await opened.yard.question(handle)
            if found.id == id:
                return found
            await asyncio.sleep(0.02)


async def test_a_run_goes_on_with_a_new_rest_once_a_human_says_yes(
    yard: Yard, book: Book, tmp_path: Path
) -> None:
    """What is done stays done, under a lock that names the one it departs from. What the human sees
    is what is run, and a worker that goes away meanwhile takes nothing with it.
    """
    told = scene("lift", {"proposal": rest(book)})
    async with office(yard, tmp_path, told, furnish=anew(), serve=False) as opened:
        lock = opened.yard.lock(*stuck(book))
        async with working(opened):
            handle = await opened.yard.start(lock)
            question = await asked(opened, handle, "plan.replan.1.approve.1")
        assert (Ground.REPLAN, ("ana", "ben", "cleo")) == (question.ground, question.approvers)
        facts = question.args.preview
        assert isinstance(facts, dict)
        lines = "\n".join(map(str, facts["rest"]))  # type: ignore[arg-type]  # a list of lines
        assert '+ again  Lift(ledger="' in lines
        assert '~ tell  Echo(text={"$from": "again", "path": "/text"})' in lines
        assert '- bye  Echo(text="good bye")' in lines
        assert "1 step stays; 1 given up, 2 new, 1 changed, 1 dropped" == question.shown
        async with working(opened):
            await opened.yard.answer(handle, question, Verdict.APPROVE, by="cleo")
            ended = await opened.yard.ended(handle)
        assert ("completed", 1, 1) == (
            ended.result.status,
            ended.result.replans,
            ended.result.planner_calls,
        )
        assert ["called for pallet", "called for pallet", "lifted pallet"] == book.lines
        assert "hello" == ended.output("so")["text"]
        first, child = locks_of(ended.history, ended.events)
        assert (lock.digest, first.digest, ended.result.lock) == (
            first.digest,
            child.body.parent,
            child.digest,
        )
        (said,) = [one for one in child.statements if one.kind == "approved"]
        assert ("cleo", ("lockstep.replanning-asks",)) == (said.by, said.rules)
        assert 1 == len(ended.of("step.completed", "hello"))
        assert ["replan"] == [one.action for one in ended.of("step.recovering", "up")]
        assert opened.billed == ended.result.spent.tokens
        again = account(ended.history, ended.events, "again")
        assert ("completed", child.digest) == (again.end, _lock_sent(ended, "again"))
        assert "given up" == account(ended.history, ended.events, "up").end
        assert "not started" == account(ended.history, ended.events, "bye").end
        (prompt,) = [one.last_message for one in opened.model.ledger]
        assert '"detail": "the hook is stuck"' in prompt
        assert '"state": "given up"' in prompt
        assert "good morning" not in prompt
        assert KEY not in ended.text
        # The child is a plan of its own, that can be run from its beginning.
        async with working(opened):
            fresh = await opened.yard.ended(await opened.yard.start(child))
        assert ("completed", 0) == (fresh.result.status, fresh.result.planner_calls)


def _lock_sent(ended: Ended, step: str) -> str:
    """The lock that a step was sent out under."""
    sent = sent_out(ended.history, step, None)
    assert sent is not None
    return sent.run.lock


async def test_policy_may_let_it_go_on_by_itself_within_a_limit(
    yard: Yard, book: Book, tmp_path: Path
) -> None:
    """A proposal that takes an id again goes back to the model like any other; what is found counts
    against the limit, and then a human is asked after all: who may give the rest by hand.
    """
    taken = plan(step("up", "Lift", ledger=book.name, load="pallet"), say("so"))
    dangling = plan(step("more", "Echo", text=output("up")))
    async with begun(yard, tmp_path, book, taken, dangling, policy=PERMIT) as (opened, handle):
        question = await asked(opened, handle, "plan.replan.1.1")
        assert "PlanRegenerationLimitError: exceeded max retries (2)" == question.why
        assert (Ground.PLANNING, 2) == (question.ground, opened.asked)
        second = opened.model.ledger[1].last_message
        assert "LS-PLAN-019 step `up`: a step of this id was begun, and is given up" in second
        with pytest.raises(LockstepError, match="LS-PLAN-019"):
            await opened.yard.answer(handle, question, Verdict.EDIT, args=taken)
        with pytest.raises(LockstepError, match="LS-ASK-003"):
            await opened.yard.answer(handle, question, Verdict.EDIT, by="eve", args=rest(book))
        await opened.yard.answer(handle, question, Verdict.EDIT, args=rest(book))
        ended = await opened.yard.ended(handle)
        assert ("completed", 1, 2) == (
            ended.result.status,
            ended.result.replans,
            ended.result.planner_calls,
        )
        (revised,) = ended.of("run.revised")
        assert ("ana", ("tell",), ("bye",)) == (
            revised.by,
            revised.tail.changed,
            revised.tail.removed,
        )


async def test_a_rest_that_jams_again_is_planned_again_as_far_as_policy_permits(
    yard: Yard, book: Book, tmp_path: Path
) -> None:
    """Each lock names the one before it, and nobody is asked as long as policy permits it."""
    other = yard.book()
    lift = step("second", "Lift", ledger=other.name, load="pallet", jams=True)
    jams = plan(lift, say("meanwhile"))
    async with begun(yard, tmp_path, book, jams, rest(book), policy=PERMIT) as (opened, handle):
        ended = await opened.yard.ended(handle)
        assert ("completed", 2) == (ended.result.status, ended.result.replans)
        first, second, third = locks_of(ended.history, ended.events)
        assert (first.digest, second.digest) == (second.body.parent, third.body.parent)
        assert [] == ended.of("question.asked")
        assert 2 == opened.asked


async def test_policy_may_forbid_it(yard: Yard, book: Book, tmp_path: Path) -> None:
    """Then the model is not even asked, and the run ends with what was signalled and why."""
    async with begun(yard, tmp_path, book, rest(book), policy=FORBID) as (opened, handle):
        ended = await opened.yard.ended(handle)
        assert ("failed", 0, "LS-POLICY-002") == (
            ended.result.status,
            opened.asked,
            ended.finding.code,
        )
        assert "Lift signalled Jammed(the hook is stuck)" in ended.finding.problem
        assert "BLOCKED by crane.stand-still" in ended.finding.problem


async def test_without_a_model_a_human_gives_the_rest(
    yard: Yard, book: Book, tmp_path: Path
) -> None:
    """No key is no reason to lose a run. A no ends it."""
    book_two = yard.book()
    async with (
        office(
            yard, tmp_path, scene("lift", {"nothing": True}), furnish=anew(), serve=False
        ) as opened,
        working(opened, key=""),
    ):
        handle = await opened.yard.start(opened.yard.lock(*stuck(book)))
        question = await asked(opened, handle, "plan.replan.1.1")
        assert "no key for the model" in question.why
        await opened.yard.answer(handle, question, Verdict.RETRY)
        question = await asked(opened, handle, "plan.replan.1.2")
        await opened.yard.answer(handle, question, Verdict.EDIT, by="ben", args=rest(book))
        ended = await opened.yard.ended(handle)
        assert ("completed", 0) == (ended.result.status, ended.result.planner_calls)
        assert ["ben"] == [one.by for one in ended.of("plan.approved")]

        handle = await opened.yard.start(opened.yard.lock(*stuck(book_two)))
        question = await asked(opened, handle, "plan.replan.1.1")
        await opened.yard.answer(handle, question, Verdict.DENY)
        ended = await opened.yard.ended(handle)
        assert ("failed", ["called for pallet"]) == (ended.result.status, book_two.lines)


LOOKED_AT = """
@id("crane.foreman-looks")
@reason("a new rest is looked at by a foreman")
@approvers("foreman")
forbid (principal, action == Action::"plan.replan", resource);

@id("crane.master-looks")
@reason("what is lifted is looked at by the master")
@approvers("harbour-master")
forbid (principal, action == Action::"plan.submit", resource)
when { context.phase == "run" && context.tools.contains("Lift") && context.steps > 2 };
"""
"""Two rules of two roles ask for a yes."""


@pytest.mark.parametrize("lifts", [False, True])
async def test_a_yes_to_one_rest_is_none_to_another(
    yard: Yard, book: Book, tmp_path: Path, lifts: bool
) -> None:
    """Where one of two people gives another rest instead of a yes, the other is asked once more:
    whether the new rest needs fewer of them or as many.
    """
    told = scene("lift", {"proposal": rest(book)})
    async with office(yard, tmp_path, told, furnish=anew(approvals=LOOKED_AT)) as opened:
        lift = step("up", "Lift", ledger=book.name, load="pallet", jams=True)
        handle = await opened.yard.start(opened.yard.lock(say(), with_(lift, after=["hello"])))
        question = await asked(opened, handle, "plan.replan.1.approve.1")
        await opened.yard.answer(handle, question, Verdict.APPROVE, by="ana")
        question = await asked(opened, handle, "plan.replan.1.approve.2")
        other = rest(book, "other") if lifts else plan(say("instead"))
        await opened.yard.answer(handle, question, Verdict.EDIT, by="cleo", args=other)
        question = await asked(opened, handle, "plan.replan.1.approve.3")
        assert ["crane.foreman-looks"] == [one.id for one in question.rules]
        facts = question.args.preview
        assert isinstance(facts, dict)
        assert ("other" if lifts else "instead") in str(facts["rest"])
        await opened.yard.answer(handle, question, Verdict.APPROVE, by="ben")
        ended = await opened.yard.ended(handle)
        assert "completed" == ended.result.status
        (child,) = locks_of(ended.history, ended.events)[1:]
        said = {(one.by, one.rules) for one in child.statements if one.kind == "approved"}
        masters = {("cleo", ("crane.master-looks",))} if lifts else set()
        assert {("ben", ("crane.foreman-looks",))} | masters == said


async def test_what_asks_before_a_plan_is_locked_asks_before_a_new_rest(
    yard: Yard, book: Book, tmp_path: Path
) -> None:
    """Though policy lets a run go on by itself: a lock is made here, and a rule that asks at both
    times is answered once.
    """
    rules = """
@id("crane.before-locking")
@reason("a model's plan is looked at before it is locked")
@approvers("harbour-master")
forbid (principal, action == Action::"plan.submit", resource)
when { context.phase == "plan" && context.model };

@id("crane.always")
@reason("lifts are looked at")
@approvers("harbour-master")
forbid (principal, action == Action::"plan.submit", resource)
when { context.model && context.tools.contains("Lift") };
"""

    told = scene("lift", {"proposal": rest(book)})
    async with office(yard, tmp_path, told, furnish=anew(PERMIT, rules)) as opened:
        handle = await opened.yard.start(by_ana(opened.yard, book))
        question = await asked(opened, handle, "plan.replan.1.approve.1")
        assert ["crane.always", "crane.before-locking"] == [one.id for one in question.rules]
        await opened.yard.answer(handle, question, Verdict.APPROVE, by="cleo")
        ended = await opened.yard.ended(handle)
        assert "completed" == ended.result.status


async def test_the_plan_as_a_whole_is_decided_for_whoever_runs_it(
    yard: Yard, book: Book, tmp_path: Path
) -> None:
    """Policy that speaks of whole plans is asked about the new one as about any that is run; each
    rule that asks is answered by a role of its own.
    """
    rules = """
@id("crane.looked-at")
@reason("what was planned anew is looked at by the master")
@approvers("harbour-master")
forbid (principal, action == Action::"plan.submit", resource)
when { context.phase == "run" && context.model && context.tools.contains("Lift") };
"""

    told = scene("lift", {"proposal": rest(book)})
    async with office(yard, tmp_path, told, furnish=anew(approvals=rules)) as opened:
        handle = await opened.yard.start(by_ana(opened.yard, book))
        question = await asked(opened, handle, "plan.replan.1.approve.1")
        assert ["lockstep.replanning-asks", "crane.looked-at"] == [one.id for one in question.rules]
        await opened.yard.answer(handle, question, Verdict.APPROVE)
        question = await asked(opened, handle, "plan.replan.1.approve.2")
        assert (["crane.looked-at"], ("cleo",)) == (
            [one.id for one in question.rules],
            question.approvers,
        )
        await opened.yard.answer(handle, question, Verdict.APPROVE, by="cleo")
        ended = await opened.yard.ended(handle)
        assert "completed" == ended.result.status
        (revised,) = ended.of("run.revised")
        assert revised.plan is not None
        child = locks_of(ended.history, ended.events)[-1]
        again = await opened.yard.ended(await opened.yard.start(child))
        assert ("completed", []) == (again.result.status, again.of("question.asked"))


async def test_what_any_item_of_a_loop_signals_counts(yard: Yard, tmp_path: Path) -> None:
    """Policy that permits one error and not the other is told of both, whichever item is first."""
    permit = PERMIT.replace("Jammed", "NotFound")

    def missing(root: Path) -> None:
        anew(permit)(root)
        with (root / "environments" / "test.toml").open("a") as manifest:
            manifest.write(
                '\n[errors.NotFound]\nrecovery = "look"\nactions = [{ kind = "replan" }]\n'
            )
        replace(
            root / "environments" / "test.toml",
            'recovery = "switch on the lamp"',
            'recovery = "switch on the lamp"\nactions = [{ kind = "replan" }]',
        )

    told = scene("seek", {"proposal": plan(say("so"))})
    async with office(yard, tmp_path, told, furnish=missing) as opened:
        names = ["lost", "fog", "pier", "fogbank", "lost at sea"]
        each = {"in": {"$from": "all", "path": "/hands"}, "max": 5}
        steps = (
            say(),
            step("all", "Muster", names=names),
            with_(step("seek", "Seek", name={"$item": "/name"}), for_each=each),
        )
        handle = await opened.yard.start(opened.yard.lock(*steps))
        question = await asked(opened, handle, "plan.replan.1.approve.1")
        facts = question.args.preview
        assert isinstance(facts, dict)
        assert "Foggy" in str(facts["signals"])
        await opened.yard.answer(handle, question, Verdict.APPROVE)
        ended = await opened.yard.ended(handle)
        (replanning,) = ended.of("run.replanning")
        assert [(0, "NotFound"), (1, "Foggy")] == [
            (one.item, one.error) for one in replanning.signals
        ]
        assert "completed" == ended.result.status


async def test_calls_that_were_given_up_are_counted_to_the_end(
    yard: Yard, book: Book, tmp_path: Path
) -> None:
    """A rule that lets a run lift twice is not reset by planning anew."""

    def twice(root: Path) -> None:
        anew(PERMIT)(root)
        with (root / "policy" / "rules.toml").open("a") as rules:
            rules.write(
                '\n[[at_most]]\nid = "crane.twice"\ntool = "Lift"\nsteps = 2\n'
                'reason = "two lifts are enough"\n'
            )

    other, third, more = yard.book(), yard.book(), say("more")
    told = scene(
        "lift",
        {
            "proposal": plan(
                step("second", "Lift", ledger=other.name, load="pallet", jams=True), more
            )
        },
        {"proposal": plan(step("third", "Lift", ledger=third.name, load="pallet"), say("most"))},
        {"proposal": plan(say("so"))},
    )
    async with office(yard, tmp_path, told, settings="replans = 5", furnish=twice) as opened:
        handle = await opened.yard.start(opened.yard.lock(*stuck(book)))
        ended = await opened.yard.ended(handle)
        assert ("completed", 2, 3) == (ended.result.status, ended.result.replans, opened.asked)
        assert "two lifts are enough (crane.twice)" in opened.model.ledger[2].last_message
        assert [] == third.lines


async def test_a_hostile_error_hides_nothing_and_stops_nothing(
    yard: Yard, book: Book, tmp_path: Path
) -> None:
    """Twenty steps signal at once, at length and in signs that no terminal should see: whoever is
    asked sees what is to be done, and can have the lock before it is run.
    """

    def hostile(root: Path) -> None:
        anew()(root)
        replace(
            root / "tools.py",
            'Signal("Jammed", "the hook is stuck")',
            'Signal("Jammed", "\\x1b[2J\\n" + "\\x01" * 500_000)',
        )

    order = "\x01\u202e" * 2000
    told = scene("lift", {"proposal": plan(say("so", order), say("then", "x" * 90))})
    async with office(yard, tmp_path, told, furnish=hostile) as opened:
        lifts = (
            step(f"up{n}", "Lift", ledger=yard.book().name, load="pallet", jams=True)
            for n in range(20)
        )
        handle = await opened.yard.start(opened.yard.lock(say(), *lifts))
        question = await asked(opened, handle, "plan.replan.1.approve.1")
        facts = question.args.preview
        assert isinstance(facts, dict)
        shown = "\n".join(map(str, facts["rest"]))  # type: ignore[arg-type]  # a list of lines
        assert f'+ then  Echo(text="{"x" * 90}")' in shown
        assert not {"\x00", "\x01", "\x1b", "\u202e"} & {*shown}
        asking = await lockstep("inbox", "show", handle.id)
        assert f'+ then  Echo(text="{"x" * 90}")' in asking.out
        assert f"in full: lockstep runs show {handle.id} --out FILE" in asking.out
        file = tmp_path / "proposed.lock.json"
        shown_run = await lockstep("runs", "show", handle.id, "--out", str(file))
        assert 0 == shown_run.code, shown_run.err
        proposed = read_lock(file)
        assert (facts["lock"], order) == (proposed.digest, proposed.body.steps["so"].args["text"])
        await opened.yard.answer(handle, question, Verdict.APPROVE)
        ended = await opened.yard.ended(handle)
        assert ("completed", proposed.digest) == (ended.result.status, ended.result.lock)
        (replanning,) = ended.of("run.replanning")
        assert 0 < len(replanning.signals) <= 20


async def test_a_rest_that_cannot_be_frozen_ends_the_run_and_its_account(
    yard: Yard, book: Book, tmp_path: Path
) -> None:
    """Together with what is over it is more than a lock can hold."""
    told = scene("nothing of this", {"nothing": True})
    async with office(yard, tmp_path, told, furnish=anew(PERMIT)) as opened:
        lift = step("up", "Lift", ledger=yard.book().name, load="pallet", jams=True)
        large = [say(f"said{n}", "x" * 60_000) for n in range(10)]
        handle = await opened.yard.start(opened.yard.lock(*large, lift))
        question = await asked(opened, handle, "plan.replan.1.1")
        more = plan(*(say(f"more{n}", "y" * 50_000) for n in range(10)))
        await opened.yard.answer(handle, question, Verdict.EDIT, args=more)
        ended = await opened.yard.ended(handle)
        assert ("failed", "LS-RUN-004") == (ended.result.status, ended.finding.code)
        assert "LS-LOCK-003" in ended.finding.problem


@pytest.mark.parametrize(("policy", "asks"), [("", 0), (PERMIT, 1)])
async def test_where_nobody_could_answer_nobody_is_waited_for(
    yard: Yard, book: Book, tmp_path: Path, policy: str, asks: int
) -> None:
    """An agent that names no approvers: a model is asked only where policy needs no yes, and when
    it has no rest to give, the run ends and does not wait for a day.
    """

    def alone(root: Path) -> None:
        anew(policy)(root)
        approvers = '[approvers]\nforeman = ["ana", "ben"]\nharbour-master = ["cleo"]\n'
        replace(root / "agent.toml", approvers, "")
        (root / "policy" / "approvals.cedar").write_text("")

    told = scene("lift", {"refusal": "cyber"})
    async with office(yard, tmp_path, told, furnish=alone) as opened:
        ended = await opened.yard.ended(await opened.yard.start(opened.yard.lock(*stuck(book))))
        assert ("failed", asks, []) == (
            ended.result.status,
            opened.asked,
            ended.of("question.asked"),
        )
        why = "refused to plan this" if asks else "nobody may say yes to a new rest"
        assert why in ended.finding.problem
