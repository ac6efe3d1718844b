"""From a goal to a plan that passes, with a bounded number of questions to the model.

Each rejected proposal goes back to the model with what was found, `replans` times at most. Then, or
when the model refuses or its budget is spent, a human is asked: to give a plan, to let the model go
on, or to stop. The budget is reserved before each question and settled with what it really cost.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pydantic import JsonValue, ValidationError
from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    CancelledError,
    is_cancelled_exception,
)
from temporalio.exceptions import (
    TimeoutError as AttemptTimeoutError,
)

from activities.contract import (
    Ask,
    Brief,
    Goal,
    Planner,
    Proposal,
    Rejected,
    Reply,
    Validator,
)
from lockstep.budget import Ledger
from lockstep.canonical import digest
from lockstep.checked import Checked
from lockstep.codes import CODES
from lockstep.escalation import Answer, Ground, Question, Verdict
from lockstep.event import (
    PlanChecked,
    PlannerAnswered,
    PlannerFailed,
    PlanningHalted,
    PlanProposed,
)
from lockstep.finding import Finding
from lockstep.lock import Asked
from lockstep.usage import Bill
from lockstep.value import ARGS_PREVIEW_BYTES, Value
from workflows.desk import Desk
from workflows.doors import Door
from workflows.journal import Journal
from workflows.verdicts import cancelled, verdict

ATTEMPTS = 5
HEARTBEAT = timedelta(seconds=30)
PATIENCE = timedelta(hours=1)
"""How long one question may wait for a provider that is busy, beside the time of its calls."""


_NOT_ACCEPTED = "LS-MODEL-004"
_TO_GO_ON, _TO_EDIT = 20 * 1024 * 1024, 40 * 1024 * 1024
"""Bytes of history after which a planning is not let go on, and takes no plan more: past 50 MB the
server would end it, and all would be lost.
"""
MAX_RAISES = 10
"""How often a planning may be let go on: each time may cost as much as the whole did before."""


@dataclass(frozen=True)
class Candidate:
    """A proposal and the verdict on it."""

    proposal: Proposal
    checked: Checked


class NoAnswer(Exception):
    """The model gave none, and asking again would not help."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(str(finding))
        self.finding = finding


class Planning:
    """One goal's way to a plan; `bill`, `last` and `gaps` hold whatever becomes of it."""

    def __init__(self, goal: Goal, brief: Brief, journal: Journal, desk: Desk) -> None:
        self.goal = goal
        self.bill = Bill()
        self.last: Candidate | None = None
        self.gaps: tuple[str, ...] = ()
        self._brief = brief
        self._journal = journal
        self._desk = desk
        self._ledger = Ledger(brief.limit)
        self._answers = self._checks = self._questions = self._raises = 0
        self._left = self._allowed = brief.replans
        self._by_hand: Candidate | None = None
        self._changing = asyncio.Lock()

    async def find(self) -> Candidate | Finding:
        """A candidate that passed, or what the planning was stopped for. Raises NoAnswer."""
        rejected: Rejected | None = None
        while True:
            turn = await self._turn(rejected)
            if isinstance(turn, Candidate):
                return turn
            if isinstance(turn, Rejected):
                rejected = turn
                if self._left:
                    self._left -= 1
                    continue
            halted = turn if isinstance(turn, Finding) else self._exhausted()
            answer = await self._halt(halted)
            if answer is None or self._by_hand is not None:
                return self._by_hand or halted

    async def _turn(self, rejected: Rejected | None) -> Candidate | Rejected | Finding:
        """One proposal of the model, looked at; a finding where it must not be asked again."""
        reply = await self._reply(rejected)
        if isinstance(reply, Finding):
            return reply
        match reply.status:
            case "refused" | "cancelled":
                return reply.findings[0] if reply.findings else cancelled("planner")
            case "truncated":
                # Half an answer is nothing to go on from, and long.
                return Rejected(text="", findings=reply.findings)
            case "invalid":
                return Rejected(text=reply.text, findings=reply.findings)
            case "ok":
                asked = Asked(
                    model=reply.model, request=reply.request, prompt=reply.prompt, bill=self.bill
                )
                found = self.last = await self._checked(reply.plan, self.goal.by, asked)
                if found.checked.passed:
                    return found
                return Rejected(text=reply.text, findings=found.checked.errors)

    async def _reply(self, rejected: Rejected | None) -> Reply | Finding:
        """An answer, asked for once more with more room if the first was cut off."""
        reply = await self._ask(Ask(goal=self.goal, rejected=rejected))
        if not isinstance(reply, Reply) or reply.status != "truncated":
            return reply
        try:
            again = await self._ask(Ask(goal=self.goal, rejected=rejected, room=2))
        except NoAnswer as error:
            if error.finding.code != _NOT_ACCEPTED:
                raise
            again = error.finding
        # Where there is no budget for that, or a model cannot say so much, the first one counts.
        return again if isinstance(again, Reply) else reply

    async def _ask(self, ask: Ask) -> Reply | Finding:
        name = f"propose.{self._answers + 1}"
        spent = self._ledger.reserve(name, self._brief.reserve)
        if spent is not None:
            return Finding(
                code="LS-MODEL-009",
                place="planner",
                problem=f"the budget for planning has no room for another call: {spent}",
                fix="allow as much again (retry), give a plan by hand (edit), or stop (deny)",
            )
        self._answers += 1
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
                summary=self._brief.model,
            )
        except ActivityError as error:
            finding, bill = _gave_up(error)
            self._failed(name, finding, bill)
            if is_cancelled_exception(error):
                raise
            raise NoAnswer(finding) from error
        if workflow.cancellation_reason() is not None:
            # Waiting for the bill has swallowed the cancellation; it counts all the same.
            self._failed(name, cancelled("planner"), reply.bill)
            raise CancelledError("planning was cancelled")
        self._settle(name, reply.bill)
        self.gaps = reply.gaps or self.gaps
        self._journal.write(
            PlannerAnswered(
                answer=self._answers,
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
        return reply

    def _failed(self, name: str, finding: Finding, bill: Bill) -> None:
        self._settle(name, bill)
        self._journal.write(PlannerFailed(answer=self._answers, finding=finding, bill=bill))

    def _settle(self, name: str, bill: Bill) -> None:
        """What is known is spent; a call that ended without a word may have cost all it could."""
        self.bill += bill
        self._ledger.settle(name, bill.amount + self._brief.reserve.times(bill.unknown))

    async def _checked(self, plan: JsonValue, by: str, asked: Asked | None) -> Candidate:
        """The recorded verdict on a proposal, whoever made it."""
        goal = self.goal
        proposal = Proposal(
            plan=plan, agent=goal.agent, environment=goal.environment, by=by, planner=asked
        )
        self._journal.write(
            PlanProposed(
                agent=goal.agent,
                environment=goal.environment,
                by=by,
                plan=digest(plan),
                planner_calls=self.bill.calls if asked else 0,
            )
        )
        self._checks += 1
        checked = await verdict(f"check.{self._checks}", Validator.check, proposal)
        self._journal.write(PlanChecked(findings=checked.findings, decisions=checked.decisions))
        return Candidate(proposal, checked)

    def _exhausted(self) -> Finding:
        more = max(self._brief.replans, 1)
        return Finding(
            code="LS-PLAN-014",
            place="planner",
            problem=f"PlanRegenerationLimitError: exceeded max retries ({self._allowed})",
            fix="Fallback: escalate to human review: give a plan (edit), allow "
            f"{more} more (retry), or stop (deny)",
        )

    async def _halt(self, finding: Finding) -> Answer | None:
        """Ask a human; None if the planning is to end here."""
        self._journal.write(PlanningHalted(finding=finding, bill=self.bill))
        answer = await self._desk.ask(self._question(finding))
        if not isinstance(answer, Answer) or answer.verdict is Verdict.DENY:
            return None
        if answer.verdict is Verdict.RETRY:
            more = max(self._brief.replans, 1)
            self._raises += 1
            self._allowed += more
            # The question that follows is the first of them.
            self._left = more - 1
            self._ledger.limit += self._brief.limit
        return answer

    def _question(self, finding: Finding) -> Question:
        self._questions += 1
        plan: JsonValue = self.last.proposal.plan if self.last else {}
        steps = plan.get("steps", []) if isinstance(plan, dict) else []
        count = len(steps) if isinstance(steps, list) else 0
        now, asking = workflow.now(), self._brief.asking
        return Question(
            id=f"plan.{self._questions}",
            run=workflow.info().workflow_id,
            step="plan",
            tool="LockPlan",
            ground=Ground.PLANNING,
            why=finding.problem,
            step_reason=self.goal.goal,
            args=Value.of(plan, ARGS_PREVIEW_BYTES)[0],
            shown=f"{count} step{'' if count == 1 else 's'}" if count else "no plan",
            rules=(),
            roles=self._brief.roles,
            approvers=self._brief.approvers,
            asked_at=now,
            deadline=now + asking.deadline,
            silence=asking.silence,
        )

    def _too_often(self, given: Answer) -> Finding | None:
        """Why a planning is not let go on, or does not look at one more plan."""
        size = workflow.info().get_current_history_size()
        match given.verdict:
            case Verdict.RETRY if self._raises >= MAX_RAISES:
                problem = f"the model was let go on {self._raises} times and did not get there"
            case Verdict.RETRY if size > _TO_GO_ON:
                problem = f"its history has {size:,} bytes, and has room for no more proposals"
            case Verdict.EDIT if size > _TO_EDIT:
                problem = f"its history has {size:,} bytes, and has room for no more plans"
            case _:
                return None
        return Finding(
            code="LS-ASK-006",
            place=f"question `{given.question}`",
            problem=problem,
            fix="stop it (deny), and plan again or lock a plan by hand",
        )

    async def take(self, given: Answer, door: Door) -> Finding | None:
        """Take an answer, or say why not; a plan by hand has to pass like any other."""
        if given.verdict is not Verdict.EDIT:
            problem = self._desk.problem(given) or self._too_often(given)
            if problem is None:
                self._desk.take(given, door)
            return problem
        async with self._changing:
            problem = self._desk.problem(given) or self._too_often(given)
            problem = problem or self._desk.tried(given)
            if problem is not None:
                return problem
            try:
                found = await self._checked(given.args, given.by, None)
            except ActivityError as error:
                # What could not be looked at is not taken; the question stays.
                return Finding(
                    code="LS-ASK-005",
                    place=f"question `{given.question}`",
                    problem=f"the plan could not be checked: {str(error.cause)[:200]}",
                    fix="see the worker's log, and answer again",
                )
            # While that was asked, time may have run out.
            problem = next(iter(found.checked.errors), None) or self._desk.problem(given)
            if problem is None:
                self.last = self._by_hand = found
                self._desk.take(given, door)
            return problem


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
