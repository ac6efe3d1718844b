"""The validator workflow: a proposal is checked, the check is recorded, and what passes is frozen.

The proposal is given, or a model is asked for it first. Nothing else makes a lock. A plan that is
rejected, and a planning that a human stops, are expected ends, so they are returned and not raised.
"""

import asyncio
from typing import Annotated, Any, Literal, Self

from pydantic import Field, JsonValue, model_validator
from temporalio import workflow

from activities.contract.planner import Brief, Goal, Planner
from activities.contract.validator import Proposal, Validator
from lockstep.amount import Amount
from lockstep.canonical import Digest, Exact, digest
from lockstep.checked import Checked
from lockstep.errors import LockstepError
from lockstep.escalation import Answer
from lockstep.fallback import is_absent
from lockstep.finding import Finding
from lockstep.lock import Lock
from lockstep.names import AgentName, EnvironmentName, Person, Sentence
from lockstep.planned import (
    GoalAsked,
    GoalSampled,
    PlanChecked,
    PlanLocked,
    PlanProposed,
    PlanRejected,
)
from lockstep.record import Record, is_empty
from lockstep.samples import MAX_SAMPLES
from lockstep.statement import Author
from lockstep.submission import Wanted
from lockstep.trust import Trust, is_trusted
from lockstep.unreadable import received
from lockstep.usage import Bill
from workflows.approval import Subject, Yes, approved
from workflows.doors import Door, Doors
from workflows.planning import Candidate, Planning
from workflows.questioning import NoAnswer
from workflows.sampling import Sampling
from workflows.verdicts import cancelled, failed, verdict

Status = Literal["locked", "rejected", "stopped", "failed", "sampled"]


class LockRequest(Record):
    """The one argument of the workflow: a `plan` as it came, or a `goal` to plan for. With
    `samples`, so many first proposals for the goal are checked, and none is locked. `refreshes`
    is the lock whose plan it is, where one is made anew, `author` who wrote that one, and
    `literals` how far it believed what the plan writes down itself.
    """

    agent: AgentName
    environment: EnvironmentName
    by: Person
    plan: Exact = None
    goal: Sentence = ""
    samples: Annotated[int, Field(ge=0, le=MAX_SAMPLES, exclude_if=is_empty)] = 0
    refreshes: Digest | None = Field(default=None, exclude_if=is_absent)
    author: Author | None = Field(default=None, exclude_if=is_absent)
    literals: Trust = Field(default=Trust.TRUSTED, exclude_if=is_trusted)

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Self:
        if self.goal and self.plan is not None:
            raise ValueError("there is a goal and a plan; keep one")
        if self.goal and not self.goal.strip():
            raise ValueError("the goal is blank")
        if self.samples and not self.goal:
            raise ValueError("samples are of a goal, and there is none")
        if self.goal and (self.refreshes or self.author):
            raise ValueError("a lock is made anew from its plan, and from no goal")
        return self


class LockResult(Record):
    """`lock` where the plan passed; `plan` and `checked` are of the last proposal there was.

    `held` is what stays set aside for calls of unknown cost.

    `stopped` is a planning that a human, or silence, ended; `findings` say what for. Of one that
    is `sampled`, the proposals are in its history; `findings` say why there are fewer than wanted.
    """

    lockstep: Literal["lock-result/1"] = "lock-result/1"
    status: Status
    checked: Checked
    lock: Lock | None = None
    plan: JsonValue = None
    gaps: tuple[str, ...] = ()
    bill: Bill = Bill()
    held: Amount | None = Field(default=None, exclude_if=is_absent)
    findings: tuple[Finding, ...] = ()
    events: int
    head: Digest


@workflow.defn(name="LockPlan")
class LockPlan(Doors):
    """From a goal or a proposal to a lock, or to findings."""

    @workflow.init
    def __init__(self, raw: Any = None, *more: Any) -> None:
        super().__init__()
        self.planning: Planning | None = None
        self.sampling: Sampling | None = None

    @workflow.run
    async def run(self, raw: Any = None, *more: Any) -> dict[str, Any]:
        try:
            request = received(LockRequest, (raw, *more), "request")
        except LockstepError as error:
            found = error.findings[0].model_copy(update={"code": "LS-LOAD-007"})
            self.journal.write(PlanRejected(findings=(found,)))
            raise failed(found) from None
        if request.goal:
            return await self._plan(request)
        self.journal.write(
            PlanProposed(
                agent=request.agent,
                environment=request.environment,
                by=request.by,
                plan=digest(request.plan),
                refreshes=request.refreshes,
            )
        )
        proposal = Proposal(
            plan=request.plan,
            agent=request.agent,
            environment=request.environment,
            by=request.by,
            refreshes=request.refreshes,
            author=request.author,
            literals=request.literals,
        )
        checked = await verdict("check", Validator.check, proposal)
        self.journal.write(
            PlanChecked(
                findings=checked.findings,
                decisions=checked.decisions,
                plan=checked.plan,
                grounds=checked.grounds,
            )
        )
        return await self._lock(Candidate(proposal, checked))

    async def _plan(self, request: LockRequest) -> dict[str, Any]:
        goal = Goal(
            goal=request.goal,
            agent=request.agent,
            environment=request.environment,
            by=request.by,
        )
        brief = await verdict("brief", Planner.brief, goal)
        if brief.findings:
            self.journal.write(PlanRejected(findings=brief.findings))
            raise failed(brief.findings[0])
        self.journal.write(
            GoalAsked(
                agent=goal.agent,
                environment=goal.environment,
                by=goal.by,
                goal=goal.goal,
                model=brief.models[0],
                replans=brief.replans,
                limit=brief.limit,
                samples=request.samples,
            )
        )
        if request.samples:
            return await self._sample(goal, brief, request.samples)
        self.planning = Planning(goal, brief, self.journal, self.desk)
        try:
            found = await self.planning.find()
        except NoAnswer as error:
            raise failed(error.finding, self._result("failed", (error.finding,))) from None
        except (Exception, asyncio.CancelledError):
            self._if_cancelled()
            raise
        await workflow.wait_condition(workflow.all_handlers_finished)
        if isinstance(found, Finding):
            self.journal.write(PlanRejected(findings=(found,)))
            return self._result("stopped", (found,))
        return await self._lock(found)

    async def _sample(self, goal: Goal, brief: Brief, count: int) -> dict[str, Any]:
        """Nothing is locked, and nobody is asked."""
        self.sampling = Sampling(goal, brief, self.journal)
        try:
            answered, findings = await self.sampling.draw(count)
        except (Exception, asyncio.CancelledError):
            self._if_cancelled()
            raise
        self.journal.write(
            GoalSampled(asked=count, answered=answered, findings=findings, bill=self.sampling.bill)
        )
        if not answered:
            raise failed(findings[0], self._result("failed", findings))
        return self._result("sampled", findings)

    def _if_cancelled(self) -> None:
        """The last event of one that was. What is only dropped from memory is cancelled too, with
        no reason.
        """
        if workflow.cancellation_reason() is not None:
            self.journal.write(PlanRejected(findings=(cancelled("planning"),)))

    async def _lock(self, found: Candidate) -> dict[str, Any]:
        if not found.checked.passed:
            self.journal.write(PlanRejected(findings=found.checked.errors))
            return self._result("rejected", last=found)
        wanted = found.checked.approval
        given: tuple[Yes, ...] = ()
        if wanted is not None:
            answer = await self._approved(wanted)
            if isinstance(answer, Finding):
                self.journal.write(PlanRejected(findings=(answer,)))
                return self._result("stopped", (answer,), last=found)
            given = answer
        lock = await verdict("freeze", Validator.freeze, found.proposal)
        if wanted is not None:
            lock = lock.stating(*(yes.about(lock.digest, wanted) for yes in given))
        self.journal.write(PlanLocked(lock=lock.digest))
        return self._result("locked", last=found, lock=lock)

    async def _approved(self, wanted: Wanted) -> tuple[Yes, ...] | Finding:
        try:
            answer = await approved(wanted, self.desk, self.journal, Subject("LockPlan"))
        except (Exception, asyncio.CancelledError):
            self._if_cancelled()
            raise
        await workflow.wait_condition(workflow.all_handlers_finished)
        assert answer is not None, "of a plan as a whole nobody is offered to give another"
        return answer

    async def take(self, given: Answer, door: Door) -> Finding | None:
        """A planning looks at plans that are given in answer."""
        if self.planning is None:
            return await super().take(given, door)
        return await self.planning.take(given, door)

    def _result(
        self,
        status: Status,
        findings: tuple[Finding, ...] = (),
        last: Candidate | None = None,
        lock: Lock | None = None,
    ) -> dict[str, Any]:
        planning = self.planning
        asking = planning or self.sampling
        last = last or (planning.last if planning else None)
        result = LockResult(
            status=status,
            checked=last.checked if last else Checked(findings=findings),
            lock=lock,
            # A lock holds its plan already, and a result has to fit one payload.
            plan=last.proposal.plan if planning and last and lock is None else None,
            gaps=planning.gaps if planning else (),
            bill=asking.bill if asking else Bill(),
            held=asking.held if asking else None,
            findings=findings,
            events=len(self.journal.events),
            head=self.journal.head,
        )
        return result.model_dump(mode="json")
