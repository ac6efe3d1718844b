"""Run a lock: verify it, start what is ready, ask where it is held back, account for all of it.

The run follows the lock and nothing else. It ends in one of three ways, each with the head of its
event chain: completed, failed with a coded reason, or refused because the present has drifted.
"""

import asyncio
from typing import Any, Literal

from pydantic import JsonValue
from temporalio import workflow

from activities.contract.validator import Validator
from lockstep.amount import Amount
from lockstep.canonical import Digest
from lockstep.errors import LockstepError
from lockstep.escalation import Answer, Verdict
from lockstep.event import RunCompleted, RunFailed, RunRefused, RunStarted, RunVerified
from lockstep.fallback import last
from lockstep.finding import Finding
from lockstep.fork import Fork, Heritage
from lockstep.lock import Body, Lock
from lockstep.outcome import RunFacts
from lockstep.outlay import Outlay, no_room
from lockstep.submission import Wanted
from lockstep.unreadable import received
from lockstep.usage import Bill
from lockstep.value import Value
from workflows.approval import Subject, approved
from workflows.context import RunContext
from workflows.doors import Door, Doors
from workflows.forking import forked, inherited, taken_over
from workflows.preflight import preflight
from workflows.replanning import Replanning, is_about_replanning, stopped
from workflows.run_request import RunRequest
from workflows.run_result import RunResult
from workflows.verdicts import cancelled, failed, verdict
from workflows.walk import Walk

_CHANGES = (Verdict.SKIP, Verdict.EDIT, Verdict.SUPPLY)
"""Answers that change what is run, and so are held to the rules first."""

_MAX_PREVIEWS = 64 * 1024
"""Bytes of outputs that a result holds in full."""


@workflow.defn(name="Run")
class Run(Doors):
    """One execution of a lock."""

    @workflow.init
    def __init__(self, raw: Any = None, *more: Any) -> None:
        super().__init__()
        self.context: RunContext | None = None
        self.planned: Outlay | None = None
        self.outlay: Outlay | None = None
        self.replanning: Replanning | None = None
        self.replans = self.asked = 0
        self.forked = ""
        self.values: dict[str, Value] = {}
        self.skipped: list[str] = []

    @workflow.run
    async def run(self, raw: Any = None, *more: Any) -> dict[str, Any]:
        try:
            request = received(RunRequest, (raw, *more), "request")
        except LockstepError as error:
            # Whoever reaches the server can start a run with anything at all.
            found = error.findings[0]
            return self._refused(None, (found.model_copy(update={"code": _start_code(found)}),))
        facts = request.facts()
        self.forked = request.fork.run if request.fork else ""
        self._started(request, facts)
        self.planned = self.outlay = planned = request.planned
        wanting = no_room(request.lock.body, planned) if planned else None
        if wanting is not None:
            return self._refused(request.lock.digest, (wanting,))
        verified = await verdict("verify", Validator.verify, request.verify(facts))
        if verified.findings:
            return self._refused(request.lock.digest, verified.findings)
        self.journal.write(
            RunVerified(build=verified.build, plan=verified.plan, grounds=verified.grounds)
        )
        heritage: Heritage | None = None
        if request.fork is not None:
            heritage = await self._inherited(request.fork, request.lock, verified.inputs, facts)
            if heritage.findings:
                return self._refused(request.lock.digest, heritage.findings)
            self.journal.write(forked(request.fork, heritage))
        if verified.approval is not None:
            unwanted = await self._unapproved(verified.approval)
            if unwanted is not None:
                return self._refused(request.lock.digest, (unwanted,))
        self.context = RunContext(
            body=request.lock.body,
            facts=facts.model_copy(
                update={
                    "inputs": verified.inputs,
                    "grounds": verified.grounds.digest if verified.grounds else None,
                }
            ),
            journal=self.journal,
            desk=self.desk,
            ledger=request.ledger,
            slots=asyncio.Semaphore(request.lock.body.limits.parallel),
            started_at=workflow.now(),
        )
        over: frozenset[str] = frozenset()
        if request.fork is not None and heritage is not None:
            over = taken_over(request.fork, heritage, self.context, self.values, self.skipped)
        unlike: tuple[Finding, ...] = ()
        try:
            if request.lock.body.preflight:
                unlike = await preflight(self.context)
            if not unlike:
                await self._walk(self.context, request.lock, over)
        except (Exception, asyncio.CancelledError):
            # The account is closed before the run is: who reads it should see how it ended. A run
            # that is only dropped from memory is cancelled too, with no reason, and has not ended.
            if workflow.cancellation_reason() is not None:
                spent = self.context.ledger.committed
                self.journal.write(RunFailed(finding=cancelled("run"), spent=spent))
            raise
        await workflow.wait_condition(workflow.all_handlers_finished)
        if unlike:
            return self._refused(request.lock.digest, unlike, self.context.ledger.committed)
        return self._ended(self.context)

    async def _walk(self, context: RunContext, lock: Lock, over: frozenset[str]) -> None:
        """To the end of the lock, or of the last that was made of it on the way."""
        while True:
            await Walk(context, self.values, self.skipped, over).to_its_end()
            if context.stopping is not None or not context.signals:
                return
            self.replanning = Replanning(context, self.replans + 1, self.asked, self._outlay())
            found = await self.replanning.lock(lock, [*self.values], [*self.skipped])
            self.outlay = self.replanning.outlay
            self.asked += self.replanning.asked
            if isinstance(found, Finding):
                context.stop(stopped(context.signals, found))
                return
            self.replans += 1
            lock, over = found, self.replanning.kept
            context.go_on_with(lock)
            self._mocked(lock.body)

    def _outlay(self) -> Outlay:
        """What planning has cost so far."""
        nothing = Outlay(planning=workflow.info().workflow_id, bill=Bill(), limit=Amount())
        return self.outlay or nothing

    async def _unapproved(self, wanted: Wanted) -> Finding | None:
        """Ask for a yes to the whole of it; why there is none."""
        try:
            answer = await approved(wanted, self.desk, self.journal, Subject("Run"))
        except (Exception, asyncio.CancelledError):
            if workflow.cancellation_reason() is not None:
                self.journal.write(RunRefused(findings=(cancelled("run"),)))
            raise
        await workflow.wait_condition(workflow.all_handlers_finished)
        return answer if isinstance(answer, Finding) else None

    async def _inherited(
        self, fork: Fork, lock: Lock, inputs: dict[str, JsonValue], facts: RunFacts
    ) -> Heritage:
        """What is carried from another run, or why nothing is."""
        try:
            return await inherited(fork, lock, inputs, facts)
        except (Exception, asyncio.CancelledError):
            if workflow.cancellation_reason() is not None:
                self.journal.write(RunRefused(findings=(cancelled("run"),)))
            raise

    def _started(self, request: RunRequest, facts: RunFacts) -> None:
        body = request.lock.body
        self._mocked(body)
        self.journal.write(
            RunStarted(
                run=facts.id,
                lock=facts.lock,
                agent=facts.agent,
                environment=facts.environment,
                started_by=facts.started_by,
                trigger=facts.trigger,
                scheduled_at=facts.scheduled_at,
                inputs=request.inputs,
                planner_calls=request.planned.bill.calls if request.planned else 0,
                planned=request.planned,
                mocked=body.mocked,
                fork=request.fork,
            )
        )

    def _mocked(self, body: Body) -> None:
        """A run in which a mock has answered once stays one."""
        mocked = {one.id for one in body.calls if one.tool in body.mocked}
        self.journal.mocked |= mocked

    def _refused(
        self, lock: Digest | None, findings: tuple[Finding, ...], spent: Amount | None = None
    ) -> dict[str, Any]:
        self.journal.write(RunRefused(findings=findings, spent=spent))
        raise failed(findings[0], self._result("refused", lock, findings=findings, spent=spent))

    def _ended(self, context: RunContext) -> dict[str, Any]:
        spent = context.ledger.committed
        if context.stopping is not None:
            self.journal.write(RunFailed(finding=context.stopping, spent=spent))
            raise failed(
                context.stopping,
                self._result(
                    "failed", context.facts.lock, findings=(context.stopping,), spent=spent
                ),
            )
        self.journal.write(RunCompleted(spent=spent, skipped=tuple(self.skipped)))
        return self._result("completed", context.facts.lock, spent=spent)

    def _result(
        self,
        status: Literal["completed", "failed", "refused"],
        lock: Digest | None,
        findings: tuple[Finding, ...] = (),
        spent: Amount | None = None,
    ) -> dict[str, Any]:
        result = RunResult(
            status=status,
            run=workflow.info().workflow_id,
            lock=lock,
            outputs=self._outputs(),
            skipped=tuple(self.skipped),
            spent=spent or (self.planned.spent if self.planned else Amount()),
            planner_calls=self.outlay.bill.calls if self.outlay else 0,
            planned=self.planned,
            replans=self.replans,
            forked=self.forked,
            findings=findings,
            events=len(self.journal.events),
            head=self.journal.head,
        )
        return result.model_dump(mode="json")

    def _outputs(self) -> dict[str, Value]:
        """All outputs by reference; of what no step went on to use, the small ones in full.

        A result is one payload, and a run may have a thousand steps.
        """
        unused = last(self.context.body.steps) if self.context else ()
        room = _MAX_PREVIEWS
        outputs = {}
        for id, value in self.values.items():
            keep = id in unused and value.preview is not None and room > 0
            outputs[id] = value if keep else value.bare
            room -= value.size if keep else 0
        return outputs

    async def take(self, given: Answer, door: Door) -> Finding | None:
        """Take the answer, or say why not; a change is checked on what remains of the plan."""
        context = self.context
        if self.replanning is not None and is_about_replanning(given.question):
            return await self.replanning.take(given, door)
        if context is None or given.verdict not in _CHANGES:
            return await super().take(given, door)
        # One at a time: two changes that are fine alone need not be fine together.
        async with context.changing:
            problem = self.desk.problem(given) or self.desk.tried(given)
            problem = problem or await self._change_problem(context, given)
            # While that was asked, time may have run out.
            problem = problem or self.desk.problem(given)
            if problem is None:
                self.desk.take(given, door)
                step = self.desk.question(given.question).step
                if given.verdict is Verdict.SKIP:
                    context.leave_out(step)
                elif given.args is not None:
                    context.edit(step, given.args)
                if given.verdict is Verdict.SUPPLY:
                    context.hollow.add(step)
            return problem

    async def _change_problem(self, context: RunContext, given: Answer) -> Finding | None:
        question = self.desk.question(given.question)
        if given.verdict is Verdict.EDIT and given.args is not None:
            return await context.may_edit(question, given.args)
        if given.verdict is Verdict.SUPPLY and given.output is not None:
            return await context.may_supply(question, given.output)
        return await context.may_skip(question)


def _start_code(found: Finding) -> str:
    return found.code if found.code == "LS-LOCK-001" else "LS-RUN-006"
