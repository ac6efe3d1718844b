"""What a model proposed in a planning, and what was found about it, read from the history."""

from dataclasses import dataclass
from itertools import pairwise

from temporalio.client import WorkflowHistory

from activities.contract.planner import Reply
from lockstep.checked import Checked
from lockstep.errors import LockstepError
from lockstep.loading import shaped
from lockstep.plan import Plan
from worker.records.recorded import recorded


@dataclass(frozen=True)
class Proposed:
    """One answer of the model; `checked` where it was a plan that could be looked at."""

    reply: Reply
    checked: Checked | None

    @property
    def plan(self) -> Plan | None:
        """The plan, where the answer was one."""
        try:
            return shaped(Plan, self.reply.plan, "plan")
        except LockstepError:
            return None


def proposals(history: WorkflowHistory) -> list[Proposed]:
    """Every answer that a model gave, in order."""
    ends = [end for _, end in recorded(history.events)]
    return [
        Proposed(end, then if isinstance(then, Checked) else None)
        for end, then in pairwise([*ends, None])
        if isinstance(end, Reply)
    ]
