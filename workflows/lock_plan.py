"""The validator workflow: a proposal is checked, the check is recorded, and what passes is frozen.

Nothing else makes a lock. A rejected plan is an expected end, so it is returned and not raised.
"""

from typing import Any, Literal

from temporalio import workflow

from activities.contract import Proposal, Validator
from lockstep.canonical import Digest, digest
from lockstep.checked import Checked
from lockstep.errors import LockstepError
from lockstep.event import PlanChecked, PlanLocked, PlanProposed, PlanRejected
from lockstep.finding import Finding
from lockstep.loading import shaped
from lockstep.lock import Lock
from lockstep.record import Record
from workflows.journal import Journal
from workflows.verdicts import failed, verdict


class LockResult(Record):
    """`lock` where the plan passed; `checked` either way."""

    lockstep: Literal["lock-result/1"] = "lock-result/1"
    status: Literal["locked", "rejected"]
    checked: Checked
    lock: Lock | None = None
    events: int
    head: Digest


@workflow.defn(name="LockPlan")
class LockPlan:
    """From a proposal to a lock, or to findings."""

    @workflow.init
    def __init__(self, raw: Any = None, *more: Any) -> None:
        self.journal = Journal()

    @workflow.run
    async def run(self, raw: Any = None, *more: Any) -> dict[str, Any]:
        try:
            proposal = shaped(Proposal, [raw, *more] if more else raw, "request")
            plan = digest(proposal.plan)
        except (LockstepError, ValueError) as error:
            found = _as_finding(error)
            self.journal.write(PlanRejected(findings=(found,)))
            raise failed(found) from None
        self.journal.write(
            PlanProposed(
                agent=proposal.agent,
                environment=proposal.environment,
                by=proposal.by,
                plan=plan,
            )
        )
        checked = await verdict("check", Validator.check, proposal)
        self.journal.write(PlanChecked(findings=checked.findings, decisions=checked.decisions))
        if not checked.passed:
            self.journal.write(PlanRejected(findings=checked.errors))
            return self._result("rejected", checked, None)
        lock = await verdict("freeze", Validator.freeze, proposal)
        self.journal.write(PlanLocked(lock=lock.digest))
        return self._result("locked", checked, lock)

    def _result(
        self, status: Literal["locked", "rejected"], checked: Checked, lock: Lock | None
    ) -> dict[str, Any]:
        result = LockResult(
            status=status,
            checked=checked,
            lock=lock,
            events=len(self.journal.events),
            head=self.journal.head,
        )
        return result.model_dump(mode="json")

    @workflow.query(name="events")
    def events(self, since: int = 0) -> list[dict[str, Any]]:
        """At most 200 events after number `since`, oldest first."""
        return [event.line for event in self.journal.events[since : since + 200]]


def _as_finding(error: LockstepError | ValueError) -> Finding:
    if isinstance(error, LockstepError):
        return error.findings[0].model_copy(update={"code": "LS-LOAD-007"})
    return Finding(
        code="LS-LOAD-006",
        place="plan",
        problem=str(error),
        fix="write a plan that JSON can say exactly",
    )
