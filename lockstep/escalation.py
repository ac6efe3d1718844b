"""A question to a human: what is asked, who may answer, what silence means.

A denial is never put to the vote: where policy says no, the offers are to change the arguments, to
leave the step out, or to stop. Only where approval is what is missing can approval be given.
"""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from lockstep.agent import Silence
from lockstep.canonical import Digest, ExactObject
from lockstep.decision import Rule
from lockstep.duration import Duration
from lockstep.fallback import is_absent
from lockstep.names import Person, Role, Sentence, StepId, ToolName
from lockstep.record import Record, is_empty
from lockstep.value import Value


class Ground(StrEnum):
    """Why a human is asked."""

    APPROVAL = "approval"
    DENIED = "denied"
    UNKNOWN = "unknown"
    SIGNALLED = "signalled"
    PLANNING = "planning"
    PLAN = "plan"
    REPLAN = "replan"


class Verdict(StrEnum):
    """What a human can say. `deny` stops the run; `retry` calls again where nobody knows, or where
    the tool has signalled or a model refused; `supply` gives the step's output in the tool's place.

    Of planning, `edit` gives a plan in place of the model's and `retry` lets the model go on; of a
    rest that was planned anew, `edit` gives another one.
    """

    APPROVE = "approve"
    DENY = "deny"
    SKIP = "skip"
    EDIT = "edit"
    RETRY = "retry"
    SUPPLY = "supply"


OFFERS: dict[Ground, tuple[Verdict, ...]] = {
    Ground.APPROVAL: (Verdict.APPROVE, Verdict.DENY, Verdict.SKIP, Verdict.EDIT),
    Ground.DENIED: (Verdict.DENY, Verdict.SKIP, Verdict.EDIT),
    Ground.UNKNOWN: (Verdict.RETRY, Verdict.DENY, Verdict.SKIP),
    Ground.SIGNALLED: (
        Verdict.RETRY,
        Verdict.EDIT,
        Verdict.SUPPLY,
        Verdict.SKIP,
        Verdict.DENY,
    ),
    Ground.PLANNING: (Verdict.EDIT, Verdict.RETRY, Verdict.DENY),
    Ground.PLAN: (Verdict.APPROVE, Verdict.DENY),
    Ground.REPLAN: (Verdict.APPROVE, Verdict.EDIT, Verdict.DENY),
}


class Question(Record):
    """Asked once; `args` are the resolved arguments, by reference and, unless large, in full.

    `approvers` are the people who may answer; `rules` are what stands in the way; `untrusted` are
    JSON pointers of the arguments that hold what may not be believed. `standing` is how long a yes
    may stand for every run of the lock; None where none may.
    """

    id: str
    run: str
    step: StepId
    tool: ToolName
    ground: Ground
    why: str
    step_reason: Sentence
    args: Value
    shown: str = ""
    rules: tuple[Rule, ...]
    untrusted: tuple[str, ...] = Field(default=(), exclude_if=is_empty)
    roles: tuple[Role, ...]
    approvers: tuple[Person, ...]
    asked_at: AwareDatetime
    deadline: AwareDatetime
    silence: Silence
    standing: Duration | None = Field(default=None, exclude_if=is_absent)

    @property
    def label(self) -> str:
        """The step as it was sent out: of a loop with its item, `drain[3]`."""
        return self.id.rpartition(".")[0] or self.step

    @property
    def offers(self) -> tuple[Verdict, ...]:
        return OFFERS[self.ground]


class Answer(Record):
    """What came back. `args_digest` is of the arguments the human saw; `args` go with `edit`, and
    only with it, `output` with `supply`, and `standing`, how long a yes is to stand for every run
    of the lock, with `approve`.
    """

    lockstep: Literal["answer/1"] = "answer/1"
    question: Annotated[str, Field(max_length=100)]
    verdict: Verdict
    by: Person
    args_digest: Digest
    args: ExactObject | None = None
    output: ExactObject | None = Field(default=None, exclude_if=is_absent)
    note: Sentence = ""
    standing: Duration | None = Field(default=None, exclude_if=is_absent)
