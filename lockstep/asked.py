"""What happens between a run and the people it asks: the events of its questions."""

from typing import Annotated, Literal

from pydantic import Field

from lockstep.decision import StandingGrant
from lockstep.escalation import Question, Verdict
from lockstep.fallback import is_absent
from lockstep.finding import Finding
from lockstep.names import Person
from lockstep.record import Record

Item = Annotated[int | None, Field(exclude_if=is_absent)]
"""Which item of a loop this is about, from 0; not there where the step is no loop."""


class QuestionAsked(Record):
    type: Literal["question.asked"] = "question.asked"
    question: Question


class QuestionAnswered(Record):
    type: Literal["question.answered"] = "question.answered"
    question: str
    step: str
    verdict: Verdict
    by: Person
    note: str
    door: Literal["update", "signal"]


class GrantGiven(Record):
    """A yes that is to stand for every run of the lock; it does once it is kept beside it."""

    type: Literal["grant.given"] = "grant.given"
    step: str
    item: Item = None
    question: str
    grants: tuple[StandingGrant, ...]


class QuestionExpired(Record):
    type: Literal["question.expired"] = "question.expired"
    question: str
    step: str
    silence: str


class AnswerRefused(Record):
    """An answer came through the signal's door and could not be taken."""

    type: Literal["answer.refused"] = "answer.refused"
    finding: Finding
