"""What the steps of one run share: the lock's body, the ledger, the desk, the journal, the
clock.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pydantic import JsonValue
from temporalio import workflow
from temporalio.exceptions import ActivityError

from activities.contract.validator import Change, Validator
from lockstep.action import Actions
from lockstep.budget import Ledger
from lockstep.decision import Decision
from lockstep.escalation import Question
from lockstep.fallback import owners, without
from lockstep.finding import Finding
from lockstep.lock import Body, Lock, LockedStep
from lockstep.outcome import Dispatch, RunFacts
from lockstep.revision import Signal
from lockstep.value import ARGS_PREVIEW_BYTES, Value
from workflows.desk import Desk
from workflows.journal import Journal
from workflows.verdicts import verdict


@dataclass
class RunContext:
    """Deterministic state only: everything in here is rebuilt by a replay. `made` is what items of
    loops gave in a run that is gone on with, `keys` the runs whose idempotency keys steps keep.
    """

    body: Body
    facts: RunFacts
    journal: Journal
    desk: Desk
    ledger: Ledger
    slots: asyncio.Semaphore
    started_at: datetime
    decisions: dict[str, Decision] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    edits: dict[str, tuple[dict[str, JsonValue], ...]] = field(default_factory=dict)
    hollow: set[str] = field(default_factory=set)
    changing: asyncio.Lock = field(default_factory=asyncio.Lock)
    stopping: Finding | None = None
    signals: list[Signal] = field(default_factory=list)
    begun: set[str] = field(default_factory=set)
    ends: dict[str, set[str]] = field(default_factory=dict)
    given_up: dict[str, LockedStep] = field(default_factory=dict)
    made: dict[str, dict[int, Value]] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    rechecks: int = 0

    def time_left(self) -> timedelta | None:
        """Of the run's wall time, without what humans took to answer; None when it is used up."""
        used = workflow.now() - self.started_at - self.desk.waited
        left = self.body.limits.wall - used
        return left if left > timedelta() else None

    def errors_of(self, step: LockedStep) -> Mapping[str, Actions]:
        """What the lock has done about the errors of a step's tool."""
        return self.body.recoveries.get(step.tool, {})

    def facts_for(self, step: LockedStep) -> RunFacts:
        return self.facts.model_copy(update={"tool": self.body.pins.tools[step.tool]})

    def known_args(self, call: Dispatch) -> Value:
        """The arguments as the workflow knows them: with references, unless a human wrote them."""
        known = dict(call.step.args) if call.edited is None else call.edited
        return Value.of(known, ARGS_PREVIEW_BYTES)[0]

    def stop(self, finding: Finding) -> None:
        """Start nothing more; what runs may finish, what waits need not be answered."""
        if self.stopping is None:
            self.stopping = finding
            self.desk.closed = True

    @property
    def is_halting(self) -> bool:
        """Whether no further step is to begin: the run stops, or its rest is planned anew."""
        return self.stopping is not None or bool(self.signals)

    def go_on_with(self, lock: Lock) -> None:
        """What is left is another lock's from here on."""
        over = {step.id for step in lock.body.steps}
        for step in self.body.steps:
            if step.id in self.begun and step.id not in over:
                self.given_up[step.id] = step
        self.body = lock.body
        self.facts = self.facts.model_copy(
            update={
                "lock": lock.digest,
                "tool": lock.digest,
                "role": lock.body.role,
                "policy": lock.body.pins.policy,
                "output_bytes": lock.body.limits.output_bytes,
            }
        )
        self.signals.clear()

    def without(self, step: str | None) -> tuple[str, ...]:
        """What would not run if the step did not: itself, all that draw from its output, and what
        stands in for any of them. Where the step stands in, the one that it stands in for has
        signalled, and has no output without it.
        """
        gone, whose = {*self.gone}, owners(self.body.steps)
        while step is not None:
            gone.add(step)
            step = whose.get(step)
        return tuple(sorted(without(self.body.steps, gone)))

    def ended(self, step: str, how: str = "") -> None:
        """A call of it ended so: in an error, or in a way that leaves open what it did."""
        self.ends.setdefault(step, set()).add(how)

    def edit(self, step: str, args: dict[str, JsonValue]) -> None:
        """What comes later is held against what the step is called with from now on."""
        self.edits[step] = (*self.edits.get(step, ()), args)

    def leave_out(self, step: str) -> None:
        self.gone.update(self.without(step))

    def _recheck_id(self, question: Question) -> str:
        # Two answers to one question may be under recheck at once, and ids must differ.
        self.rechecks += 1
        return f"recheck.{question.id}.{self.rechecks}"

    async def may_skip(self, question: Question) -> Finding | None:
        """Whether the plan is still one we would run without the step."""
        return await self._rechecked(question, self.without(question.step))

    async def may_edit(self, question: Question, args: dict[str, JsonValue]) -> Finding | None:
        return await self._rechecked(question, tuple(sorted(self.gone)), edited=args)

    async def may_supply(self, question: Question, output: dict[str, JsonValue]) -> Finding | None:
        """Whether it is one whose step need not have been done, and the output fits its tool."""
        return await self._rechecked(question, tuple(sorted(self.gone)), supplied=output)

    async def _rechecked(
        self,
        question: Question,
        gone: tuple[str, ...],
        edited: dict[str, JsonValue] | None = None,
        supplied: dict[str, JsonValue] | None = None,
    ) -> Finding | None:
        change = Change(
            body=self.body,
            gone=gone,
            question=question,
            started_by=self.facts.started_by,
            trigger=self.facts.trigger,
            edited=edited,
            edits=self.edits,
            supplied=supplied,
            hollow=tuple(sorted(self.hollow)),
        )
        try:
            found = await verdict(self._recheck_id(question), Validator.recheck, change)
        except ActivityError as error:
            # What could not be looked at is not taken; the question stays.
            return Finding(
                code="LS-ASK-005",
                place=f"question `{question.id}`",
                problem=f"the change could not be checked: {str(error.cause)[:200]}",
                fix="see the worker's log, and answer again",
            )
        return found[0] if found else None
