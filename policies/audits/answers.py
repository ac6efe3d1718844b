"""Was each answer given to a question that lay open, by somebody who was asked, in time?"""

from collections.abc import Iterator

from lockstep.agent import ANYONE
from lockstep.asked import QuestionAnswered, QuestionAsked, QuestionExpired
from lockstep.escalation import Question
from lockstep.event import Event
from lockstep.finding import Finding
from lockstep.lock import Lock
from policies.audits.trail import Trail, wrong

CODE = "LS-AUDIT-005"


def answers(trail: Trail) -> Iterator[Finding]:
    """What speaks against the questions and what came back."""
    waiting: dict[str, Question] = {}
    for event, lock in trail.under():
        match event.what:
            case QuestionAsked(question=question):
                yield from _asked(question, waiting, lock)
                waiting[question.id] = question
            case QuestionAnswered(question=id):
                yield from _answered(event, event.what, waiting.pop(id, None))
            case QuestionExpired(question=id):
                found = waiting.pop(id, None)
                if found is None or event.at < found.deadline:
                    yield wrong(CODE, f"question `{id}`", "ended before its time was over")
            case _:
                continue


def _asked(question: Question, waiting: dict[str, Question], lock: Lock) -> Iterator[Finding]:
    place = f"question `{question.id}`"
    if question.id in waiting:
        yield wrong(CODE, place, "was asked while it lay open")
    known = {one for role in question.roles for one in lock.body.approvers.get(role, ())}
    for person in question.approvers:
        if person not in known:
            yield wrong(CODE, place, f"was put to `{person}`, whom the lock does not name for it")


def _answered(
    event: Event, answer: QuestionAnswered, question: Question | None
) -> Iterator[Finding]:
    place = f"question `{answer.question}`"
    if question is None:
        yield wrong(CODE, place, f"was answered by `{answer.by}`, and did not lie open")
        return
    if answer.by not in question.approvers and ANYONE not in question.approvers:
        yield wrong(CODE, place, f"was answered by `{answer.by}`, who was not asked")
    if answer.verdict not in question.offers:
        yield wrong(CODE, place, f"`{answer.verdict}` was not offered")
    if event.at >= question.deadline:
        yield wrong(CODE, place, "was answered after its deadline")
