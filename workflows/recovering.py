"""What is done about the errors that a step signals: the lock's actions, one after the other.

All that is branched on is the lock's or the history's: which actions there are, how often each was
taken, what the signal said, what the substitute would change. A pause is a timer between two
dispatches and not a retry within one, so that meanwhile the step holds no slot, that its account
says what was signalled each time, and that each call is reserved, decided and counted for itself.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, assert_never

from temporalio import workflow

from lockstep.action import (
    Action,
    Actions,
    Escalate,
    Replan,
    Retry,
    StandIn,
    Substitute,
    Wait,
    following,
    replans,
    times,
)
from lockstep.amount import Amount
from lockstep.duration import write_duration
from lockstep.finding import Finding
from lockstep.lock import LockedStep
from lockstep.loop import label
from lockstep.outcome import Signalled
from lockstep.recovery import told, way_out
from lockstep.revision import MAX_DETAIL
from lockstep.stepped import StepRecovering
from workflows.context import RunContext


@dataclass(frozen=True)
class Again:
    """The step is sent out again after a pause; `other` with other arguments than before."""

    delay: timedelta = timedelta()
    other: bool = False


@dataclass(frozen=True)
class Escalated:
    """A human is asked."""


@dataclass
class Recovering:
    """Of one step, or one item of a loop; `errors` are those about which something is done."""

    run: RunContext
    step: LockedStep
    item: int | None
    errors: Mapping[str, Actions]
    substituted: list[str] = field(default_factory=list)
    _taken: dict[str, Counter[str]] = field(default_factory=dict)
    _again: Counter[str] = field(default_factory=Counter)
    _over: dict[str, list[str]] = field(default_factory=dict)

    def after(self, outcome: Signalled, used: Amount, by_hand: bool) -> Again | Escalated | None:
        """What comes now; None if the catalogue has nothing left to do about this error. What a
        human wrote `by_hand` is not replaced.
        """
        actions = self.errors.get(outcome.name, ())
        taken = self._taken.setdefault(outcome.name, Counter())
        while (found := following(actions, taken)) is not None:
            action, number = found
            taken[action.kind] = number
            course = self._course(action, number, outcome, by_hand)
            if isinstance(course, str):
                # It cannot be taken now, and will not be later.
                taken[action.kind] = times(action)
                self._over.setdefault(outcome.name, []).append(course)
                continue
            self._write(action, number, outcome, used, course)
            return course
        return None

    def _course(
        self, action: Action, number: int, outcome: Signalled, by_hand: bool
    ) -> Again | Escalated | str:
        """What an action comes to, or why it comes to nothing."""
        match action:
            case Retry() | Wait() if not outcome.called:
                return "what is not there does not come by waiting"
            case Retry():
                return self._paused(outcome.name, action.pause(number))
            case Wait():
                delay = action.pause(outcome.data, workflow.now())
                if delay > action.most:
                    asked, most = write_duration(delay), write_duration(action.most)
                    return f"it asks for a wait of {asked}, and {most} are allowed"
                return self._paused(outcome.name, delay)
            case Substitute():
                if by_hand:
                    return "its arguments are a human's, and are not replaced"
                if not outcome.changes:
                    return "there is nothing to replace in its arguments"
                self.substituted.append(outcome.name)
                return Again(other=True)
            case Escalate():
                return Escalated()
            case StandIn() | Replan():
                raise AssertionError("it is no course of the step's own, and never comes up here")
            case unknown:
                assert_never(unknown)

    def _paused(self, error: str, delay: timedelta) -> Again | str:
        left = self.run.time_left()
        if left is None or delay >= left:
            return f"a wait of {write_duration(delay)} is more than the run has left"
        self._again[error] += 1
        return Again(delay)

    def _write(
        self,
        action: Action,
        number: int,
        outcome: Signalled,
        used: Amount,
        course: Again | Escalated,
    ) -> None:
        assert not isinstance(action, StandIn)
        delay = course.delay if isinstance(course, Again) else timedelta()
        self._told(
            outcome,
            used,
            action=action.kind,
            number=number,
            times=times(action),
            delay=delay or None,
            changes=outcome.changes if isinstance(action, Substitute) else (),
        )

    def replans(self, outcome: Signalled) -> bool:
        """Whether the rest is to be planned anew: where the plan itself provides for nothing."""
        provided = outcome.name in self.step.on_error
        return not provided and replans(self.errors.get(outcome.name, ()))

    def replanned(self, outcome: Signalled, used: Amount) -> None:
        """Told like the actions before it."""
        self._told(outcome, used, action="replan", number=1, times=1)

    def _told(self, outcome: Signalled, used: Amount, **course: Any) -> None:
        self.run.journal.write(
            StepRecovering(
                step=self.step.id,
                item=self.item,
                error=outcome.name,
                detail=outcome.detail[:MAX_DETAIL],
                recovery=outcome.recovery,
                spent=used,
                mocked=outcome.mocked,
                **course,
            )
        )

    async def pause(self, delay: timedelta, is_moot: Callable[[], bool]) -> None:
        """Until the time is over, or nobody wants the step any more."""
        if not delay:
            return
        try:
            await workflow.wait_condition(
                is_moot,
                timeout=delay,
                timeout_summary=f"{label(self.step.id, self.item)} again",
            )
        except TimeoutError:
            return

    def finding(self, outcome: Signalled) -> Finding:
        """The error, what was done about it, and the way out in words."""
        detail, done = outcome.detail[:MAX_DETAIL], self._done(outcome.name)
        if outcome.recovery:
            problem, fix = told(outcome.name, detail), way_out(outcome.recovery)
        else:
            problem = f"{self.step.tool} signalled {outcome.name}({detail})"
            fix = "mend what it names, or change the plan"
        place = f"step `{label(self.step.id, self.item)}`"
        return Finding(
            code="LS-STEP-003",
            place=place,
            problem=f"{problem}, {done}" if done else problem,
            fix=fix,
        )

    def _done(self, error: str) -> str:
        count = self._again[error]
        again = [f"after {count} more call{'s' if count > 1 else ''}"] if count else []
        other = ["with other arguments as well"] if error in self.substituted else []
        return "; ".join([*again, *other, *self._over.get(error, [])])
