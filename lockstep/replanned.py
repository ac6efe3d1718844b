"""What happens where the rest of a run is planned anew: the events beside those of any planning."""

from typing import Literal

from pydantic import Field

from lockstep.amount import Amount
from lockstep.canonical import Digest
from lockstep.decision import Decision, Grounds
from lockstep.fallback import is_absent
from lockstep.names import Person
from lockstep.record import Record
from lockstep.revision import Signal
from lockstep.tail import Tail


class RunReplanning(Record):
    """Tools signalled errors for which the rest is to be planned anew, if policy lets it be;
    `number` is for the how-manieth time in this run. What was under way has ended by now.
    """

    type: Literal["run.replanning"] = "run.replanning"
    number: int
    signals: tuple[Signal, ...]
    decision: Decision
    grounds: Grounds | None = Field(default=None, exclude_if=is_absent)


class RunRevised(Record):
    """A new rest was found and frozen, and nothing of it was begun: `lock` names `parent`, `worst`
    is the most that its steps to come may spend, `by` the person who gave it in the model's place,
    and `plan` the decision on the whole of it, where policy speaks of that.
    """

    type: Literal["run.revised"] = "run.revised"
    number: int
    lock: Digest
    parent: Digest
    tail: Tail
    worst: Amount
    by: Person | None = Field(default=None, exclude_if=is_absent)
    plan: Decision | None = Field(default=None, exclude_if=is_absent)


class RunReplanned(Record):
    """The run goes on with the new lock."""

    type: Literal["run.replanned"] = "run.replanned"
    number: int
    lock: Digest
    parent: Digest
