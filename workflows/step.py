"""The life of one step: reserve, dispatch, and go on where it is held back or signals.

A loop with a bounded number of turns. Each turn ends in a value that is matched in full; nothing a
tool, a policy or a person can say leads out of it any other way. What is asked of a human is put
together in `workflows/asking.py`, what the error catalogue does in `workflows/recovering.py`, and
what the journal is told in `workflows/stepped.py`.
"""

import asyncio
from dataclasses import dataclass, field
from typing import assert_never

from pydantic import JsonValue
from temporalio import workflow

from lockstep.action import MAX_DISPATCHES, substitutes
from lockstep.amount import Amount
from lockstep.compose import REFUSED
from lockstep.decision import Grant
from lockstep.finding import Finding
from lockstep.lock import LockedStep
from lockstep.loop import label
from lockstep.outcome import Completed, Dispatch, Signalled, StepOutcome, Unfit, Withheld
from lockstep.revision import MAX_DETAIL, Signal
from lockstep.value import Value
from workflows.asking import Approved, Ask, Asking, Edited, Repeated
from workflows.context import RunContext
from workflows.dispatch import Failed, dispatch, spent
from workflows.ends import Abandoned, Caught, Done, End, NotStarted, Skipped, Stopped
from workflows.held import about_signal, about_unknown, held_back
from workflows.recovering import Again, Escalated, Recovering
from workflows.stepped import StepJournal

Turn = End | Caught | Ask | Again
"""How one turn ends: the step's end, or what comes before the next turn."""


@dataclass
class StepLife:
    """One step of one run, or one item of a loop; `values` are the outputs that its references
    name.
    """

    run: RunContext
    step: LockedStep
    values: dict[str, Value]
    item: int | None = None
    number: int = 0
    edited: dict[str, JsonValue] | None = None
    approved: Value | None = None
    grants: list[Grant] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._journal = StepJournal(self.run.journal, self.step, self.item)
        self._asking = Asking(self.run, self.step, self.item, self._is_moot)
        errors = self.run.errors_of(self.step)
        self._recovering = Recovering(self.run, self.step, self.item, errors)

    async def live(self) -> End | Caught:
        """Until the step is done, skipped or stopped."""
        while self.number < MAX_DISPATCHES:
            self.number += 1
            async with self.run.slots:
                if self._is_moot() or self._is_late():
                    return NotStarted()
                turn = await self._turn()
            # The slot is free again: a step that waits holds up no other.
            match turn:
                case Ask():
                    end = await self._asked(turn)
                    if end is not None:
                        return end
                case Again():
                    await self._recovering.pause(turn.delay, self._is_moot)
                case Done() | Skipped() | Stopped() | Abandoned() | NotStarted() | Caught():
                    return turn
                case unknown:
                    assert_never(unknown)
        return self._stop(
            "LS-RUN-004",
            f"was dispatched {MAX_DISPATCHES} times",
            "see why it is asked about or signals again",
        )

    async def once(self) -> Done | Stopped:
        """One dispatch, about which nobody is asked and about whose errors nothing is done: what a
        human would have to answer stops it.
        """
        self.number = 1
        self._recovering.errors = {}
        async with self.run.slots:
            turn = await self._turn()
        match turn:
            case Done() | Stopped():
                return turn
            case Ask(why=why):
                return self._stop("LS-RUN-009", f"was held back: {why}", "let policy permit it")
            case _:
                return self._stop("LS-RUN-009", "gave nothing", "see its events")

    @property
    def label(self) -> str:
        return label(self.step.id, self.item)

    def _is_moot(self) -> bool:
        """Whether nobody wants this any more: the run stops, or the loop is left out for another
        item's sake.
        """
        gone = self.item is not None and self.step.id in self.run.gone
        return gone or self.run.stopping is not None

    def _is_late(self) -> bool:
        """Whether it waited for its turn, and by now nothing more is to begin. What has begun goes
        on, and a loop's items are one step.
        """
        return self.number == 1 and self.item is None and self.run.is_halting

    async def _turn(self) -> Turn:
        step = self.step
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
        self.run.begun.add(step.id)
        self._journal.started(self.number)
        call = self._call()
        try:
            outcome = await dispatch(
                call, self.number, self.run.body.task_queue, min(step.deadline, left)
            )
        except (Exception, asyncio.CancelledError):
            # Cancelled: what it used is not known, so the reservation counts as spent.
            self._fail(_cancelled(self.label), self.run.ledger.settle(key, None))
            raise
        used = self.run.ledger.settle(key, spent(outcome.attempts, step.cost))
        self._tried(outcome)
        if isinstance(outcome, Signalled):
            self.run.ended(step.id, outcome.name)
        elif not isinstance(outcome, Withheld) or outcome.called:
            self.run.ended(step.id)
        match outcome:
            case Completed():
                return self._completed(outcome)
            case Withheld():
                return self._withheld(call, outcome)
            case Signalled():
                return self._signalled(call, outcome, used)
            case Unfit():
                return self._fail(outcome.finding, used, outcome.mocked)
            case Failed():
                if outcome.unknown:
                    return about_unknown(self.run, call, outcome)
                return self._fail(outcome.finding, used)
            case unknown:
                assert_never(unknown)

    def _call(self) -> Dispatch:
        step = self.step
        return Dispatch(
            run=self.run.facts_for(step),
            step=step,
            values=self.values,
            edited=self.edited,
            approved=self.approved.bare if self.approved else None,
            grants=self._live_grants(),
            item=self.item,
            keyed=self.run.keys.get(step.id),
            substitutes=substitutes(self._recovering.errors),
            substituted=tuple(self._recovering.substituted),
        )

    def _completed(self, outcome: Completed) -> Done:
        self._journal.completed(outcome)
        return Done(outcome.value)

    def _signalled(self, call: Dispatch, outcome: Signalled, used: Amount) -> Turn:
        provided = self._provided(call, outcome, used)
        if provided is not None:
            return provided
        return self._fail(self._recovering.finding(outcome), used, outcome.mocked)

    def _provided(self, call: Dispatch, outcome: Signalled, used: Amount) -> Turn | None:
        """What the lock provides for the error: its environment first, and then the plan itself."""
        course = self._recovering.after(outcome, used, by_hand=self.edited is not None)
        match course:
            case Again(other=other):
                if other:
                    # What was approved was the call as it was.
                    self.approved = None
                return course
            case Escalated():
                return about_signal(self.run, call, outcome, self._recovering.finding(outcome))
            case None if self._recovering.replans(outcome):
                return self._abandoned(outcome, used)
            case None if self._refused(outcome):
                # What a model refuses may be said in other words.
                return about_signal(self.run, call, outcome, self._recovering.finding(outcome))
            case None:
                return self._caught(outcome, used)
            case unknown:
                assert_never(unknown)

    def _refused(self, outcome: Signalled) -> bool:
        """Whether a model refused, and nothing is to take its answer's place."""
        refused = self.step.kind == "compose" and outcome.name == REFUSED
        return refused and outcome.name not in self.step.on_error

    def _abandoned(self, outcome: Signalled, used: Amount) -> Abandoned:
        self._recovering.replanned(outcome, used)
        signal = Signal(
            step=self.step.id,
            item=self.item,
            tool=self.step.tool,
            error=outcome.name,
            detail=outcome.detail[:MAX_DETAIL],
        )
        return Abandoned((signal,))

    def _caught(self, outcome: Signalled, used: Amount) -> Caught | None:
        fallback = self.step.on_error.get(outcome.name)
        if fallback is None:
            return None
        self._journal.caught(outcome, fallback, used)
        return Caught(outcome.name)

    def _withheld(self, call: Dispatch, outcome: Withheld) -> Turn:
        found = held_back(self.step, self.item, outcome)
        self.run.journal.write(found.event)
        if outcome.error is not None:
            # Nothing was called, so nothing was used. What nobody provides for a human is asked.
            error = outcome.error.model_copy(update={"args": outcome.args, "shown": outcome.shown})
            provided = self._provided(call, error, Amount())
            if provided is not None:
                return provided
        if found.ask is None:
            # Without arguments there is nothing to show a human, and nothing to edit.
            return self._fail(outcome.findings[0], Amount())
        return found.ask

    async def _asked(self, ask: Ask) -> End | None:
        """None to dispatch again."""
        said = await self._asking.put(ask, self.number)
        match said:
            case Approved(args, grants):
                self.grants += grants
                self.approved = args
                return None
            case Edited(args):
                self.edited, self.approved = args, None
                return None
            case Repeated():
                return None
            case Finding():
                return self._fail(said, Amount())
            case Done() | Skipped() | Stopped() | Abandoned() | NotStarted():
                return said
            case unknown:
                assert_never(unknown)

    def _live_grants(self) -> tuple[Grant, ...]:
        return tuple(grant for grant in self.grants if grant.expires_at > workflow.now())

    def _tried(self, outcome: StepOutcome | Failed) -> None:
        """Each attempt, and what was decided before the first that was made on it. Of attempts that
        were decided otherwise only the digest is known.
        """
        made, attempts = outcome.decision, outcome.attempts
        # None where it did not come to a decision, or was recorded before that was told.
        digest = made.digest if made is not None else None
        same = (number for number, one in enumerate(attempts) if one.decision == digest)
        first = next(same, len(attempts) - 1) if made is not None else len(attempts)
        self._journal.attempted(attempts[:first])
        if made is not None:
            self.run.decisions[self.label] = made
            self._journal.decided(made, outcome.grounds)
        self._journal.attempted(attempts[first:])

    def _stop(self, code: str, problem: str, fix: str) -> Stopped:
        place = f"step `{self.label}`"
        return self._fail(Finding(code=code, place=place, problem=problem, fix=fix), Amount())

    def _fail(self, finding: Finding, used: Amount, mocked: bool = False) -> Stopped:
        self._journal.failed(finding, used, mocked)
        return Stopped(finding)


def _cancelled(step: str) -> Finding:
    return Finding(
        code="LS-RUN-008",
        place=f"step `{step}`",
        problem="was cancelled while it ran, and may have taken effect",
        fix="see what the tool did before running it again",
    )
