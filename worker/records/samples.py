"""What a sampling's history holds of each sample, and the plans that the samples come to."""

from dataclasses import dataclass

from temporalio.client import WorkflowHistory

from activities.contract.planner import Reply
from lockstep.checked import Checked
from lockstep.environment import MAX_STEPS
from lockstep.errors import LockstepError
from lockstep.loading import shaped
from lockstep.plan import Plan
from lockstep.samples import Cluster, Sample, clustered
from worker.records.recorded import numbered, recorded


@dataclass(frozen=True)
class Samples:
    """The distinct plans, and the answers that were none, by their numbers."""

    clusters: tuple[Cluster, ...]
    planless: dict[int, Reply]

    @property
    def answered(self) -> int:
        return sum(len(cluster.samples) for cluster in self.clusters) + len(self.planless)


def samples(history: WorkflowHistory) -> Samples:
    """As far as the history goes: an answer whose check is still to come is not counted yet."""
    replies: dict[int, Reply] = {}
    verdicts: dict[int, Checked] = {}
    for scheduled, end in recorded(history.events):
        if isinstance(end, Reply):
            replies[numbered(scheduled)] = end
        elif isinstance(end, Checked):
            verdicts[numbered(scheduled)] = end
    planned = [
        Sample(number, reply.plan, _plan(reply), verdicts[number])
        for number, reply in sorted(replies.items())
        if number in verdicts
    ]
    planless = {number: reply for number, reply in replies.items() if reply.status != "ok"}
    return Samples(clustered(planned), dict(sorted(planless.items())))


def _plan(reply: Reply) -> Plan | None:
    try:
        plan = shaped(Plan, reply.plan, "plan")
    except LockstepError:
        return None
    # What is longer than any plan that may run is held against others as it stands.
    return plan if len(plan.steps) <= MAX_STEPS else None
