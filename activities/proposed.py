"""What a proposal comes to: the plan it holds, the verdict on it, how far it is believed, and who
is said to have made it.
"""

from datetime import datetime

from activities.contract.validator import Proposal
from lockstep.checked import Checked
from lockstep.contents import Look
from lockstep.loading import shaped
from lockstep.plan import Plan
from lockstep.statement import Author, Proposed, Refreshed, Statement
from lockstep.trust import Trust, worst
from policies.check import check
from policies.lineage.labels import planner_reads
from policies.revision import against, anew
from policies.world import World


def proposed_in(proposal: Proposal, world: World, look: Look) -> Plan:
    """The whole plan that a proposal comes to; LockstepError where it is none."""
    if proposal.revises is None:
        return shaped(Plan, proposal.plan, "plan")
    return anew(proposal.revises, proposal.plan, world, look)


def judged(plan: Plan, proposal: Proposal, world: World) -> Checked:
    """The verdict on a proposal whose plan this is."""
    author = proposal.author or Author.of(proposal.planner)
    checked = check(plan, world, proposal.by, wrote(proposal, world), author)
    if proposal.revises is None:
        return checked
    more = against(proposal.revises, plan, checked, world)
    return checked.model_copy(update={"findings": (*checked.findings, *more)})


def wrote(proposal: Proposal, world: World) -> Trust:
    """How far to believe what a proposed plan writes down itself: by who wrote it. A plan that is
    locked anew has not become more credible.
    """
    by_whom = Trust.TRUSTED if proposal.planner is None else planner_reads(world)
    return worst((proposal.literals, by_whom))


def statement(proposal: Proposal, at: datetime) -> Statement:
    """Who put the plan forward; of a lock that is made anew, who had it made."""
    if proposal.refreshes is not None:
        return Refreshed(by=proposal.by, at=at, of=proposal.refreshes)
    return Proposed(by=proposal.by, at=at, planner=proposal.planner)
