"""A plan that may need a yes: followed until it is locked, or until it waits for a human."""

from dataclasses import dataclass

from temporalio.client import WorkflowHandle

from lockstep.escalation import Question
from lockstep.finding import Finding
from worker.cli.question import show_question, show_waiting
from worker.cli.terminal import emit_json, is_json, out, safe
from worker.inbox import open_questions
from worker.plans import ended
from worker.runs import follow
from worker.session import Session
from workflows.lock_plan import LockPlan, LockResult


@dataclass(frozen=True)
class Waiting:
    """The plan is good, and somebody has to say yes to it first."""

    planning: str
    questions: list[Question]
    lasting: bool


async def ended_or_waiting(
    handle: WorkflowHandle[LockPlan, dict[str, object]], open_: Session
) -> LockResult | Finding | Waiting:
    """How a planning ended, or what it waits for."""
    async for heard in follow(handle):
        if any(event.what.type == "question.asked" for event in heard.events):
            questions = await open_questions(open_.client, handle.id)
            return Waiting(handle.id, questions, open_.lasting)
    return await ended(handle)


def show_unapproved(found: Waiting) -> None:
    """Who has to say yes, and how the lock is had then."""
    if is_json():
        questions = [question.model_dump(mode="json") for question in found.questions]
        emit_json({"status": "waiting", "planning": found.planning, "questions": questions})
        return
    for question in found.questions:
        show_question(question)
    show_waiting(found.lasting)
    out.print(f"after that: lockstep runs show {safe(found.planning)} --out LOCK")
