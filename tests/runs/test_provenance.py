"""Where an argument comes from is told to policy in a run, as it was when the plan was locked."""

import pytest

from lockstep.decision import Outcome
from lockstep.escalation import Question, Verdict
from lockstep.lock import Body
from lockstep.plan import Steps
from lockstep.provenance import Provenance
from tests.runs.command import lockstep
from tests.runs.yard import Book, Json, Yard, output, say, step, with_

pytestmark = pytest.mark.asyncio(loop_scope="session")


def remove(book: Book, id: str, load: str | Json) -> Json:
    return with_(step(id, "Remove", ledger=book.name, load=load), after=["hello"])


def rules(question: Question) -> list[str]:
    return [rule.id for rule in question.rules]


async def test_a_strangers_word_is_held_back_and_a_persons_is_not(yard: Yard, book: Book) -> None:
    """The same rubble twice: what the plan's author named goes, what a tool brought is asked about.

    A human who edits something else has not vouched for it; what they write themselves is theirs.
    """
    told = remove(book, "told", output("pick"))
    lock = yard.lock(say(), say("pick", text="rubble"), remove(book, "named", "rubble"), told)
    assert Outcome.ALLOW is lock.steps["named"].expected
    assert Provenance(untrusted=("/load",), sources=("Echo",)) == lock.steps["told"].provenance

    handle = await yard.start(lock)
    first = await yard.question(handle)
    assert ("told", ["crane.strangers-load"], ("/load",)) == (
        first.step,
        rules(first),
        first.untrusted,
    )
    shown = await lockstep("inbox", "show", handle.id)
    assert "  untrusted  /load" in shown.out.splitlines()
    explained = await lockstep("explain", handle.id, "told")
    assert '/load    from step pick/text (Echo), untrusted: "rubble" (' in explained.out
    assert "  made of    what Echo gave" in explained.out.splitlines()

    other = yard.book()
    left = {"ledger": other.name, "load": "rubble"}
    await yard.answer(handle, first, Verdict.EDIT, args=left)
    second = await yard.question(handle)
    assert (["crane.strangers-load"], left) == (rules(second), second.args.preview)

    rewritten = {"ledger": other.name, "load": "beam"}
    await yard.answer(handle, second, Verdict.EDIT, args=rewritten)
    third = await yard.question(handle)
    assert (["crane.removal-review"], ()) == (rules(third), third.untrusted)
    await yard.answer(handle, third, Verdict.APPROVE)

    ended = await yard.ended(handle)
    assert (["removed rubble"], ["removed beam"]) == (book.lines, other.lines)
    made = [what.decision for what in ended.of("step.decided", "told")]
    assert [("/load",), ("/load",), (), ()] == [one.provenance.untrusted for one in made]


async def test_a_lock_that_hides_a_doubt_is_refused(yard: Yard, book: Book) -> None:
    """Before anything runs, however well its digest fits."""

    def hidden(body: Body) -> Body:
        steps = (one.model_copy(update={"provenance": Provenance()}) for one in body.steps)
        return body.model_copy(update={"steps": Steps(steps)})

    pick, told = say("pick", text="rubble"), remove(book, "told", output("pick"))
    ended = await yard.ended(await yard.start(yard.lock(say(), pick, told, change=hidden)))
    assert "LS-LOCK-002" == ended.finding.code
    assert "`steps.told.provenance`" in ended.finding.problem
    assert [] == book.lines
