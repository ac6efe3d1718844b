"""The two doors by which an answer comes in, and what can be read while a workflow waits.

An update answers and can say no; a signal waits while no worker is up and cannot. Both lead to the
same judgement, and a workflow that asks says in `take` what an answer does.
"""

from typing import Any, Literal

from temporalio import workflow

from lockstep.errors import LockstepError
from lockstep.escalation import Answer
from lockstep.finding import Finding
from lockstep.unreadable import received
from workflows.desk import Desk
from workflows.journal import Journal
from workflows.verdicts import failed

_MOST_EVENTS, _MOST_BYTES = 200, 1024 * 1024
Door = Literal["update", "signal"]


class Doors:
    """What every workflow that asks humans has in common."""

    def __init__(self) -> None:
        self.journal = Journal()
        self.desk = Desk(self.journal)

    async def take(self, given: Answer, door: Door) -> Finding | None:
        """Take the answer, or say why not."""
        problem = self.desk.problem(given)
        if problem is None:
            self.desk.take(given, door)
        return problem

    @workflow.query(name="events")
    def events(self, since: int = 0) -> list[dict[str, Any]]:
        """The events after number `since`, oldest first: at most 200, and no more than fit one
        answer.
        """
        page: list[dict[str, Any]] = []
        size = 0
        for event in self.journal.events[since : since + _MOST_EVENTS]:
            size += len(event.model_dump_json())
            if page and size > _MOST_BYTES:
                break
            page.append(event.line)
        return page

    @workflow.query(name="questions")
    def questions(self) -> list[dict[str, Any]]:
        """The questions that wait for an answer."""
        return [question.model_dump(mode="json") for question in self.desk.questions]

    @workflow.update(name="answer")
    async def answer(self, raw: Any = None, *more: Any) -> dict[str, Any]:
        """The polite door: a refusal is an answer too."""
        given = _answer(raw, more)
        problem = await self.take(given, "update")
        if problem is not None:
            raise failed(problem)
        return given.model_dump(mode="json")

    @answer.validator
    def _may_answer(self, raw: Any = None, *more: Any) -> None:
        try:
            problem = self.desk.problem(_answer(raw, more))
        except LockstepError as error:
            problem = _malformed(error)
        if problem is not None:
            raise failed(problem)

    @workflow.signal(name="answer")
    async def answer_by_signal(self, raw: Any = None, *more: Any) -> None:
        """The durable door: it waits while no worker is up, and cannot be told no."""
        try:
            given = _answer(raw, more)
        except LockstepError as error:
            self.desk.refuse(_malformed(error))
            return
        problem = self.desk.problem(given) or await self.take(given, "signal")
        if problem is not None:
            self.desk.refuse(problem)


def _answer(raw: Any, more: tuple[Any, ...]) -> Answer:
    return received(Answer, (raw, *more), "answer")


def _malformed(error: LockstepError) -> Finding:
    return error.findings[0].model_copy(update={"code": "LS-ASK-005"})
