"""A fork: a new run that goes on from where another one got to.

Who wants one names a run that is over, and what of it is to be done again; nobody hands a run any
outputs. What is carried is read from that run's history by the worker, and written down here: so it
can be told afterwards which outputs were made where.
"""

from collections.abc import Iterable, Mapping, Set
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, JsonValue

from lockstep.amount import Amount
from lockstep.canonical import Digest
from lockstep.fallback import is_absent, owners, stand_ins
from lockstep.finding import Finding
from lockstep.lock import Body, LockedStep
from lockstep.names import StepId
from lockstep.record import Record, is_empty
from lockstep.value import Value

MAX_NAMED = 10_000
"""Steps that a request names."""

WorkflowId = Annotated[str, Field(min_length=1, max_length=1000)]


class Fork(Record):
    """What is gone on with: a run, by its workflow id, Temporal's own id of that execution, and the
    head of its chain of events.

    `redo` are steps that are to be done again although they are over, with all that hangs on them.
    `again` are those of which a person knows that they may have had an effect already, and wants
    them called once more.
    """

    run: WorkflowId
    execution: Annotated[str, Field(min_length=1, max_length=100)]
    head: Digest
    redo: tuple[StepId, ...] = Field(default=(), max_length=MAX_NAMED, exclude_if=is_empty)
    again: tuple[StepId, ...] = Field(default=(), max_length=MAX_NAMED, exclude_if=is_empty)


class CarriedItem(Record):
    """What one item of a loop gave, where the loop as a whole is not over."""

    item: Annotated[int, Field(ge=0)]
    value: Value


class Carried(Record):
    """One step as it stands in the run that is forked: done, with its output; left out, and why;
    or a loop of which some items are done.

    `edits` are arguments that humans gave it there, `given` says that a human gave its output.
    """

    step: StepId
    value: Value | None = Field(default=None, exclude_if=is_absent)
    because: str = Field(default="", exclude_if=is_empty)
    items: tuple[CarriedItem, ...] = Field(default=(), exclude_if=is_empty)
    edits: tuple[dict[str, JsonValue], ...] = Field(default=(), exclude_if=is_empty)
    given: bool = Field(default=False, exclude_if=is_empty)

    @property
    def is_over(self) -> bool:
        """Whether nothing of it is done any more."""
        return not self.items


class Carry(Record):
    """A run that wants to go on so, with its lock, its inputs, and the time that it is about."""

    fork: Fork
    body: Body
    inputs: dict[str, JsonValue]
    scheduled_at: AwareDatetime


class Heritage(Record):
    """What the worker found in the history of the run that is forked; nothing is carried where
    there are findings. `lock` is the last that it went by, `spent` what it cost.

    `keys` names the run whose idempotency key each of these steps keeps: it was begun there and not
    completed, and is called again with the same arguments.
    """

    findings: tuple[Finding, ...] = ()
    lock: Digest | None = None
    spent: Amount = Amount()
    carried: tuple[Carried, ...] = ()
    keys: dict[StepId, WorkflowId] = Field(default={}, exclude_if=is_empty)


class RunForked(Record):
    """The run goes on from where another one got to: from its last event, which was `head`.

    What is `carried` was found there and is not done again. `again` are the steps that may have had
    an effect there, and that a person wants called once more; `keys` says of others that were begun
    there which run's idempotency key they keep, so that their effect is had once.
    """

    type: Literal["run.forked"] = "run.forked"
    run: WorkflowId
    execution: str
    head: Digest
    lock: Digest
    spent: Amount
    carried: tuple[Carried, ...]
    again: tuple[StepId, ...] = Field(default=(), exclude_if=is_empty)
    keys: dict[StepId, WorkflowId] = Field(default={}, exclude_if=is_empty)


def hanging(
    steps: Iterable[LockedStep], first: Set[str], spared: Set[str] = frozenset()
) -> frozenset[str]:
    """The steps that are done again if the first ones are: all that need one of them for whatever
    reason, and those for which one of them stands in. `spared` are stand-ins that were not wanted;
    they are a matter of the step that did without them.
    """
    found, every = {*first}, list(steps)
    whose = owners(every)
    growing = True
    while growing:
        growing = False
        for step in every:
            if step.id in found or (step.id in spared and whose.get(step.id) not in found):
                continue
            if not found.isdisjoint(step.needs) or not found.isdisjoint(stand_ins(step)):
                found.add(step.id)
                growing = True
    return frozenset(found)


def over(steps: Iterable[LockedStep], carried: Mapping[str, Carried]) -> frozenset[str]:
    """The steps that a fork comes by: what is carried whole, with the stand-ins of that."""
    every = list(steps)
    found = {step.id for step in every if step.id in carried and carried[step.id].is_over}
    whose = owners(every)
    for step in every:
        # A stand-in comes after the step that it stands in for.
        if whose.get(step.id) in found:
            found.add(step.id)
    return frozenset(found)
