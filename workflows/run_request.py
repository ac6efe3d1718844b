"""What a run is started with, and what it begins with because of that."""

from datetime import datetime

from pydantic import AwareDatetime, Field
from temporalio import workflow
from temporalio.common import SearchAttributeKey

from activities.contract.validator import Submitted, Verify
from lockstep.budget import Ledger
from lockstep.canonical import ExactObject
from lockstep.fallback import is_absent
from lockstep.fork import Fork
from lockstep.lock import Lock
from lockstep.names import Person
from lockstep.outcome import RunFacts
from lockstep.outlay import Outlay
from lockstep.record import Record

SCHEDULED_AT = SearchAttributeKey.for_datetime("TemporalScheduledStartTime")
SCHEDULED_BY = SearchAttributeKey.for_keyword("TemporalScheduledById")


class RunRequest(Record):
    """The one argument of a run. `scheduled_at` is for runs about another time than now. `planned`
    is there where what planning cost is part of what this run costs, `fork` where it goes on from
    another run.
    """

    lock: Lock
    inputs: ExactObject = {}
    started_by: Person
    scheduled_at: AwareDatetime | None = None
    planned: Outlay | None = Field(default=None, exclude_if=is_absent)
    fork: Fork | None = Field(default=None, exclude_if=is_absent)

    @property
    def ledger(self) -> Ledger:
        """What planning spent is spent."""
        limits, planned = self.lock.body.limits.amount, self.planned
        if planned is None:
            return Ledger(limits)
        ledger = Ledger(planned.budget(limits))
        ledger.spent = planned.spent
        return ledger

    def facts(self) -> RunFacts:
        """What steps are told of this run; within a workflow."""
        info = workflow.info()
        attributes = info.typed_search_attributes
        schedule = attributes.get(SCHEDULED_BY)
        at: datetime = self.scheduled_at or attributes.get(SCHEDULED_AT) or info.start_time
        body = self.lock.body
        return RunFacts(
            id=info.workflow_id,
            scheduled_at=at,
            started_by=_scheduler(schedule) if schedule else self.started_by,
            trigger="schedule" if schedule else "person",
            inputs=self.inputs,
            lock=self.lock.digest,
            agent=body.agent,
            role=body.role,
            environment=body.environment,
            stage=body.stage,
            policy=body.pins.policy,
            tool=self.lock.digest,
            output_bytes=body.limits.output_bytes,
        )

    def verify(self, facts: RunFacts) -> Verify:
        """The question whether it may start; within a workflow."""
        lock = self.lock
        submitted = Submitted(
            lock=lock.digest,
            statements=lock.statements,
            by=facts.started_by,
            trigger=facts.trigger,
            at=workflow.now(),
        )
        # Of most locks policy says nothing as a whole, and then nothing of this is recorded.
        return Verify(
            body=lock.body, inputs=self.inputs, submitted=submitted if lock.body.whole else None
        )


def _scheduler(name: str) -> str:
    """A schedule as a person's name may look; one made elsewhere may be called anything."""
    plain = "".join(one if one.isprintable() else "?" for one in name)
    return f"schedule {plain}"[:120]
