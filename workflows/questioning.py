"""The model asked, and its bill kept: reserved before each question, settled after it.

Whatever becomes of a question is counted: an answer, a failure, a cancellation, a worker that did
not live to tell. What ended without a word keeps all that was set aside for it.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from pydantic import ValidationError
from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    CancelledError,
    is_cancelled_exception,
)
from temporalio.exceptions import TimeoutError as AttemptTimeoutError

from activities.contract.planner import Ask, Brief, Planner, Reply
from lockstep.amount import Amount
from lockstep.budget import Exhausted, Ledger
from lockstep.canonical import digest
from lockstep.codes import CODES
from lockstep.finding import Finding
from lockstep.planned import PlannerAnswered, PlannerFailed
from lockstep.usage import Bill
from workflows.journal import Journal
from workflows.verdicts import cancelled

ATTEMPTS = 5
HEARTBEAT = timedelta(seconds=30)
PATIENCE = timedelta(hours=1)
"""How long one question may wait for a provider that is busy, beside the time of its calls."""


class NoAnswer(Exception):
    """The model gave none, and asking again would not help."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(str(finding))
        self.finding = finding


class Questioning:
    """One planning's questions to the model; `bill` is of all that were asked.

    Within a run they count against what is left of its budget as well, and their activities are
    called after the `prefix`.
    """

    def __init__(
        self, brief: Brief, journal: Journal, within: Ledger | None = None, prefix: str = ""
    ) -> None:
        self.bill = Bill()
        self.asked = 0
        self._brief = brief
        self._journal = journal
        self._ledger = Ledger(brief.limit)
        self._within = within
        self._prefix = prefix

    @property
    def held(self) -> Amount | None:
        """What stays set aside for calls of unknown cost; None where there were none."""
        return self._brief.reserve.times(self.bill.unknown) if self.bill.unknown else None

    def allow_again(self) -> None:
        """As much again may be spent, as far as the run has it."""
        self._ledger.limit += self._brief.limit

    def go_by(self, brief: Brief) -> None:
        """Where the first brief could not be kept."""
        self._brief = brief

    async def ask(self, ask: Ask) -> Reply | Finding:
        """An answer, or a finding where the budget has no room for it. Raises NoAnswer."""
        answered = await self.numbered(ask)
        return answered if isinstance(answered, Finding) else answered[1]

    async def numbered(self, ask: Ask) -> tuple[int, Reply] | Finding:
        """The same, with the answer's number; several may be asked at once."""
        name = f"{self._prefix}propose.{self.asked + 1}"
        spent = self._reserved(name)
        if spent is not None:
            return Finding(
                code="LS-MODEL-009",
                place="planner",
                problem=f"the budget for planning has no room for another call: {spent}",
                fix="allow as much again (retry), give a plan by hand (edit), or stop (deny)",
            )
        self.asked += 1
        number = self.asked
        try:
            reply = await workflow.execute_activity_method(
                Planner.propose,
                ask,
                activity_id=name,
                start_to_close_timeout=self._brief.timeout + HEARTBEAT,
                schedule_to_close_timeout=ATTEMPTS * self._brief.timeout + PATIENCE,
                heartbeat_timeout=HEARTBEAT,
                cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
                retry_policy=RetryPolicy(
                    maximum_attempts=ATTEMPTS, maximum_interval=timedelta(minutes=1)
                ),
                summary=ask.model,
            )
        except ActivityError as error:
            finding, bill = _gave_up(error)
            self._failed(number, finding, bill)
            if is_cancelled_exception(error):
                raise
            raise NoAnswer(finding) from error
        if workflow.cancellation_reason() is not None:
            # Waiting for the bill has swallowed the cancellation; it counts all the same.
            self._failed(number, cancelled("planner"), reply.bill)
            raise CancelledError("planning was cancelled")
        self._settle(name, reply.bill)
        self._journal.write(
            PlannerAnswered(
                answer=number,
                status=reply.status,
                model=reply.model,
                stop_reason=reply.stop_reason,
                request=reply.request,
                prompt=reply.prompt,
                text=digest(reply.text),
                gaps=reply.gaps,
                findings=reply.findings,
                bill=reply.bill,
            )
        )
        return number, reply

    def _reserved(self, name: str) -> Exhausted | None:
        """Why there is no room for another question, if there is none."""
        asked = self._brief.reserve
        spent = self._ledger.reserve(name, asked)
        if spent is None and self._within is not None:
            spent = self._within.reserve(name, asked)
            if spent is not None:
                self._ledger.settle(name, Amount())
        return spent

    def _failed(self, number: int, finding: Finding, bill: Bill) -> None:
        self._settle(f"{self._prefix}propose.{number}", bill)
        self._journal.write(PlannerFailed(answer=number, finding=finding, bill=bill))

    def _settle(self, name: str, bill: Bill) -> None:
        """What is known is spent; a call that ended without a word may have cost all it could."""
        self.bill += bill
        spent = bill.amount + self._brief.reserve.times(bill.unknown)
        self._ledger.settle(name, spent)
        if self._within is not None:
            self._within.settle(name, spent)


def _gave_up(error: ActivityError) -> tuple[Finding, Bill]:
    """Why no answer came, and what is known to have been spent on it."""
    cause = error.cause
    if isinstance(cause, ApplicationError) and cause.type in CODES:
        bill = _bill(cause.details)
        if bill is not None:
            problem, _, fix = cause.message.removeprefix(f"{cause.type} ").rpartition("; ")
            return Finding(code=cause.type, place="", problem=problem, fix=fix), bill
    # A worker that died, an attempt beyond its time, a call that was cancelled: nobody was left to
    # say what was spent.
    lost = Bill(calls=1, unknown=1)
    if is_cancelled_exception(error):
        return cancelled("planner"), lost
    if isinstance(cause, AttemptTimeoutError):
        lost = _bill(cause.last_heartbeat_details) or lost
    return Finding(
        code="LS-MODEL-006",
        place="planner",
        problem=f"no answer came: {str(cause or error)[:300]}",
        fix="see the worker's log, and plan again",
    ), lost


def _bill(details: Sequence[Any]) -> Bill | None:
    try:
        return Bill.model_validate(details[0])
    except (IndexError, ValidationError):
        return None
