"""What a planning says of itself while a command waits for it."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

from temporalio.client import WorkflowHandle

from lockstep.event import Event
from lockstep.planned import (
    GoalAsked,
    PlanChecked,
    PlannerAnswered,
    PlannerFailed,
    PlanningHalted,
    PlanProposed,
)
from lockstep.usage import Bill
from worker.cli.story import tell
from worker.cli.terminal import err, is_json, safe, say
from worker.runs import follow
from workflows.lock_plan import LockPlan


def busy(model: str) -> AbstractContextManager[object]:
    """On a terminal, something that moves: a model may think for minutes."""
    if err.is_terminal and not is_json():
        return err.status(f"asking {safe(model)}")
    return nullcontext()


async def told(handle: WorkflowHandle[LockPlan, Any]) -> Bill | None:
    """Say what happens until the planning ends, or until it waits: then what it has cost."""
    bill = Bill()
    waiting: set[str] = set()
    tried = 1
    async for heard in follow(handle):
        for event in heard.events:
            waiting ^= _asked(event)
            if isinstance(event.what, PlanningHalted):
                bill = event.what.bill
            elif isinstance(event.what, PlannerAnswered | PlannerFailed):
                bill += event.what.bill
            if _is_news(event):
                say("\n".join(f"  {line}" for line in tell(event).splitlines()))
        for attempt, failure in heard.retrying.values():
            if attempt != tried:
                say(f"  attempt {attempt}: the one before failed: {failure[:300]}")
            tried = attempt
        if waiting:
            return bill
    return None


def _is_news(event: Event) -> bool:
    what = event.what
    if isinstance(what, PlanProposed):
        # Of one of several that are out; otherwise the answer before has just been told.
        return what.answer > 0
    return isinstance(what, GoalAsked | PlannerAnswered | PlannerFailed | PlanChecked)


def _asked(event: Event) -> set[str]:
    """The question that an event opens or closes."""
    what = event.what
    if what.type == "question.asked":
        return {what.question.id}
    if what.type in ("question.answered", "question.expired"):
        return {what.question}
    return set()
