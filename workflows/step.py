"""The life of one step: reserve, dispatch, and, where it is held back, ask a human and go on.

A loop with a bounded number of turns. Each turn ends in a value that is matched in full; nothing a
tool, a policy or a person can say leads out of it any other way.
"""

import asyncio
from dataclasses import dataclass, field
from typing import assert_never

from pydantic import JsonValue
from temporalio import workflow

from lockstep.agent import Silence
from lockstep.amount import Amount
from lockstep.decision import Decision, Grant, Outcome, Rule
from lockstep.escalation import Answer, Ground, Question, Verdict
from lockstep.event import (
    StepAttempted,
    StepBlocked,
    StepCaught,
    StepCompleted,
    StepDecided,
    StepEdited,
    StepFailed,
    StepStarted,
)
from lockstep.finding import Finding
from lockstep.lock import LockedToolStep
from lockstep.loop import label
from lockstep.outcome import Completed, Dispatch, Signalled, Unfit, Withheld
from lockstep.recovery import told, way_out
from lockstep.shown import shown
from lockstep.value import Value
from workflows.context import RunContext
from workflows.desk import Silent, Withdrawn
from workflows.dispatch import Failed, dispatch, spent
from workflows.ends import Caught, Done, End, NotStarted, Skipped, Stopped

MAX_DISPATCHES = 20
"""How often one step may be sent out, humans' edits and retries counted."""


@dataclass
class StepLife:
    """One step of one run, or one item of a loop; `values` are the outputs that its references
    name.
    """

    run: RunContext
    step: LockedToolStep
    values: dict[str, Value]
    item: int | None = None
    number: int = 0
    edited: dict[str, JsonValue] | None = None
    approved: Value | None = None
    grants: list[Grant] = field(default_factory=list)

    async def live(self) -> End | Caught:
        """Until the step is done, skipped or stopped."""
        while self.number < MAX_DISPATCHES:
            self.number += 1
            async with self.run.slots:
                if self._is_moot():
                    return NotStarted()
                end = await self._turn()
            if isinstance(end, _Ask):
                # The slot is free again: a step that waits for a human holds up no other.
                end = await self._ask(end)
            if end is not None:
                return end
        return self._stop(
            "LS-RUN-004",
            f"was dispatched {MAX_DISPATCHES} times",
            "see why it is asked about again",
        )

    @property
    def label(self) -> str:
        return label(self.step.id, self.item)

    def _is_moot(self) -> bool:
        """Whether nobody wants this any more: the run stops, or the loop is left out for another
        item's sake.
        """
        gone = self.item is not None and self.step.id in self.run.gone
        return gone or self.run.stopping is not None

    async def _turn(self) -> "End | Caught | _Ask | None":
        step, journal = self.step, self.run.journal
        left = self.run.time_left()
        if left is None:
            return self._stop(
                "LS-RUN-004",
                "the run's time is spent before this step could start",
                "raise `limits.wall` in the manifest and lock again",
            )
        key = f"{self.label}.{self.number}"
        exhausted = self.run.ledger.reserve(key, step.worst_cost)
        if exhausted is not None:
            return self._stop("LS-RUN-004", str(exhausted), "raise the limit and lock again")
        journal.write(
            StepStarted(
                step=step.id,
                item=self.item,
                tool=step.tool,
                dispatch=self.number,
                reason=step.reason,
                reserved=step.worst_cost,
            )
        )
        call = Dispatch(
            run=self.run.facts_for(step),
            step=step,
            values=self.values,
            edited=self.edited,
            approved=self.approved.bare if self.approved else None,
            grants=self._live_grants(),
            item=self.item,
        )
        try:
            outcome = await dispatch(
                call, self.number, self.run.body.task_queue, min(step.deadline, left)
            )
        except (Exception, asyncio.CancelledError):
            # Cancelled: what it used is not known, so the reservation counts as spent.
            self._fail(_cancelled(self.label), self.run.ledger.settle(key, None))
            raise
        used = self.run.ledger.settle(key, spent(outcome.attempts, step.cost))
        for attempt in outcome.attempts:
            journal.write(StepAttempted(step=step.id, item=self.item, attempt=attempt))
        match outcome:
            case Completed():
                return self._completed(outcome)
            case Withheld():
                return self._withheld(outcome)
            case Signalled():
                return self._signalled(outcome, used)
            case Unfit():
                return self._fail(outcome.finding, used, outcome.mocked)
            case Failed():
                if outcome.unknown:
                    return _Ask(
                        Ground.UNKNOWN,
                        f"it is not known whether the call took effect ({outcome.finding.problem})",
                        self.run.known_args(call),
                        shown(call.edited or step.args),
                        (),
                    )
                return self._fail(outcome.finding, used)
            case unknown:
                assert_never(unknown)

    def _completed(self, outcome: Completed) -> Done:
        step = self.step
        self._decided(outcome.decision)
        self.run.journal.write(
            StepCompleted(
                step=step.id,
                item=self.item,
                value=outcome.value,
                spent=outcome.spent,
                decision=outcome.decision.digest,
                idempotency_key=outcome.idempotency_key,
                mocked=outcome.mocked,
            )
        )
        return Done(outcome.value)

    def _signalled(self, outcome: Signalled, used: Amount) -> Caught | Stopped:
        fallback = self.step.on_error.get(outcome.name)
        if fallback is None:
            return self._fail(
                _unprovided(self.label, self.step.tool, outcome), used, outcome.mocked
            )
        self.run.journal.write(
            StepCaught(
                step=self.step.id,
                item=self.item,
                error=outcome.name,
                detail=outcome.detail[:500],
                fallback=fallback,
                spent=used,
                mocked=outcome.mocked,
            )
        )
        return Caught(outcome.name)

    def _withheld(self, outcome: Withheld) -> "Stopped | _Ask":
        step, decision = self.step, outcome.decision
        if decision is not None:
            self._decided(decision)
        why = str(outcome.findings[0]) if outcome.findings else decision.why if decision else ""
        missing = decision.missing if decision else ()
        needs_approval = decision is not None and decision.outcome is Outcome.REQUIRE_APPROVAL
        ground = Ground.APPROVAL if needs_approval and not outcome.findings else Ground.DENIED
        rules = missing if ground is Ground.APPROVAL else decision.rules if decision else ()
        self.run.journal.write(
            StepBlocked(
                step=step.id,
                item=self.item,
                tool=step.tool,
                targets=decision.targets if decision else (),
                args=outcome.args,
                shown=outcome.shown,
                reason=step.reason,
                why=why,
                rules=rules,
                findings=outcome.findings,
            )
        )
        if outcome.args is None:
            # Without arguments there is nothing to show a human, and nothing to edit.
            return self._fail(outcome.findings[0], Amount())
        return _Ask(ground, why, outcome.args, outcome.shown, rules)

    async def _ask(self, ask: "_Ask") -> End | None:
        """None to dispatch again."""
        question = self._question(ask)
        if not question.approvers:
            return self._stop(
                "LS-ASK-003",
                f"{ask.why}; and nobody may answer for it",
                "name approvers in agent.toml and lock again",
            )
        answer = await self.run.desk.ask(question, self._is_moot)
        match answer:
            case Withdrawn():
                return NotStarted()
            case Silent() if question.silence is Silence.SKIP:
                async with self.run.changing:
                    finding = await self.run.may_skip(question)
                    if finding is None:
                        self.run.leave_out(self.step.id)
                        return Skipped(f"nobody answered `{question.id}` in time")
                return self._stop("LS-RUN-003", f"nobody answered, and {finding.problem}", "answer")
            case Silent():
                return self._stop(
                    "LS-RUN-003",
                    f"nobody answered `{question.id}` in time ({ask.why})",
                    "run again and answer, or set `asking.silence` in agent.toml",
                )
            case Answer():
                return self._answered(question, answer)
            case unknown:
                assert_never(unknown)

    def _answered(self, question: Question, answer: Answer) -> End | None:
        match answer.verdict:
            case Verdict.APPROVE:
                self.grants += self._granted(question, answer)
                # What was approved is what is called, and not what resolving might give next time.
                self.approved = question.args
                return None
            case Verdict.RETRY:
                return None
            case Verdict.EDIT:
                assert answer.args is not None
                self.edited, self.approved = answer.args, None
                self.run.journal.write(
                    StepEdited(step=self.step.id, item=self.item, by=answer.by, args=answer.args)
                )
                return None
            case Verdict.SKIP:
                return Skipped(f"`{answer.by}` left it out")
            case Verdict.DENY:
                note = f": {answer.note}" if answer.note else ""
                return self._stop(
                    "LS-RUN-002", f"`{answer.by}` said no{note}", "change the plan, or ask again"
                )
            case unknown:
                assert_never(unknown)

    def _question(self, ask: "_Ask") -> Question:
        body, now = self.run.body, workflow.now()
        roles = tuple(sorted({role for rule in ask.rules for role in rule.approvers}))
        # A denial or an unknown effect names no role: anyone who may approve anything may answer.
        roles = roles or tuple(sorted(body.approvers))
        decision = self.run.decisions.get(self.label)
        people = sorted({person for role in roles for person in body.approvers.get(role, ())})
        return Question(
            id=f"{self.label}.{self.number}",
            run=self.run.facts.id,
            step=self.step.id,
            tool=self.step.tool,
            ground=ask.ground,
            why=ask.why,
            step_reason=self.step.reason,
            args=ask.args,
            shown=ask.shown,
            rules=ask.rules,
            untrusted=decision.provenance.untrusted if decision else (),
            roles=roles,
            approvers=tuple(people),
            asked_at=now,
            deadline=now + body.asking.deadline,
            silence=body.asking.silence,
        )

    def _granted(self, question: Question, answer: Answer) -> list[Grant]:
        decision = self.run.decisions[self.label]
        return [
            Grant(
                run=self.run.facts.id,
                step=self.step.id,
                rule=rule.id,
                args_digest=question.args.digest,
                policy=decision.policy,
                by=answer.by,
                expires_at=workflow.now() + self.run.body.asking.grant,
            )
            for rule in question.rules
        ]

    def _live_grants(self) -> tuple[Grant, ...]:
        return tuple(grant for grant in self.grants if grant.expires_at > workflow.now())

    def _decided(self, decision: Decision) -> None:
        self.run.decisions[self.label] = decision
        self.run.journal.write(StepDecided(step=self.step.id, item=self.item, decision=decision))

    def _stop(self, code: str, problem: str, fix: str, used: Amount | None = None) -> Stopped:
        place = f"step `{self.label}`"
        return self._fail(
            Finding(code=code, place=place, problem=problem, fix=fix), used or Amount()
        )

    def _fail(self, finding: Finding, used: Amount, mocked: bool = False) -> Stopped:
        self.run.journal.write(
            StepFailed(
                step=self.step.id, item=self.item, finding=finding, spent=used, mocked=mocked
            )
        )
        return Stopped(finding)


def _unprovided(step: str, tool: str, outcome: Signalled) -> Finding:
    detail = outcome.detail[:500]
    place = f"step `{step}`"
    if outcome.recovery:
        problem, fix = told(outcome.name, detail), way_out(outcome.recovery)
    else:
        problem = f"{tool} signalled {outcome.name}({detail})"
        fix = "mend what it names, or change the plan"
    return Finding(code="LS-STEP-003", place=place, problem=problem, fix=fix)


def _cancelled(step: str) -> Finding:
    return Finding(
        code="LS-RUN-008",
        place=f"step `{step}`",
        problem="was cancelled while it ran, and may have taken effect",
        fix="see what the tool did before running it again",
    )


@dataclass(frozen=True)
class _Ask:
    """What a turn wants a human to be asked."""

    ground: Ground
    why: str
    args: Value
    shown: str
    rules: tuple[Rule, ...]
