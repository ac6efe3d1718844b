"""What the journal is told of one step, or of one item of a loop."""

from dataclasses import dataclass

from lockstep.amount import Amount
from lockstep.decision import Decision, Grounds
from lockstep.fallback import Fallback
from lockstep.finding import Finding
from lockstep.lock import LockedStep
from lockstep.outcome import Attempt, Completed, Signalled
from lockstep.revision import MAX_DETAIL
from lockstep.stepped import (
    StepAttempted,
    StepCaught,
    StepCompleted,
    StepDecided,
    StepFailed,
    StepStarted,
)
from workflows.journal import Journal


@dataclass(frozen=True)
class StepJournal:
    """Each event names the step and the item that it is about."""

    journal: Journal
    step: LockedStep
    item: int | None

    def started(self, dispatch: int) -> None:
        self.journal.write(
            StepStarted(
                step=self.step.id,
                item=self.item,
                tool=self.step.tool,
                dispatch=dispatch,
                reason=self.step.reason,
                reserved=self.step.worst_cost,
            )
        )

    def attempted(self, attempts: tuple[Attempt, ...]) -> None:
        for attempt in attempts:
            self.journal.write(StepAttempted(step=self.step.id, item=self.item, attempt=attempt))

    def decided(self, decision: Decision, grounds: Grounds | None) -> None:
        self.journal.write(
            StepDecided(step=self.step.id, item=self.item, decision=decision, grounds=grounds)
        )

    def completed(self, outcome: Completed) -> None:
        self.journal.write(
            StepCompleted(
                step=self.step.id,
                item=self.item,
                value=outcome.value,
                spent=outcome.spent,
                decision=outcome.decision.digest,
                idempotency_key=outcome.idempotency_key,
                mocked=outcome.mocked,
                composed=outcome.composed,
            )
        )

    def caught(self, outcome: Signalled, fallback: Fallback, used: Amount) -> None:
        self.journal.write(
            StepCaught(
                step=self.step.id,
                item=self.item,
                error=outcome.name,
                detail=outcome.detail[:MAX_DETAIL],
                fallback=fallback,
                spent=used,
                mocked=outcome.mocked,
            )
        )

    def failed(self, finding: Finding, used: Amount, mocked: bool) -> None:
        self.journal.write(
            StepFailed(
                step=self.step.id, item=self.item, finding=finding, spent=used, mocked=mocked
            )
        )
