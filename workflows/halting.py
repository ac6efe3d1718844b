"""A planning that cannot go on by itself, put before a human: what is asked, and how often."""

from pydantic import JsonValue
from temporalio import workflow

from activities.contract.planner import Brief
from lockstep.escalation import Answer, Ground, Question, Verdict
from lockstep.finding import Finding
from lockstep.value import ARGS_PREVIEW_BYTES, Value

_TO_GO_ON, _TO_EDIT = 20 * 1024 * 1024, 40 * 1024 * 1024
"""Bytes of history after which a planning is not let go on, and takes no plan more: past 50 MB the
server would end it, and all would be lost.
"""
MAX_RAISES = 10
"""How often a planning may be let go on: each time may cost as much as the whole did before."""


def exhausted(allowed: int, more: int) -> Finding:
    """The model has been asked as often as it may be; a human may allow so many `more`."""
    return Finding(
        code="LS-PLAN-014",
        place="planner",
        problem=f"PlanRegenerationLimitError: exceeded max retries ({allowed})",
        fix="Fallback: escalate to human review: give a plan (edit), allow "
        f"{more} more (retry), or stop (deny)",
    )


def question(
    id: str, tool: str, why: Finding, brief: Brief, *, goal: str, plan: JsonValue
) -> Question:
    """About a planning; `plan` is the last proposal, `tool` the workflow's type."""
    steps = plan.get("steps", []) if isinstance(plan, dict) else []
    count = len(steps) if isinstance(steps, list) else 0
    now, asking = workflow.now(), brief.asking
    return Question(
        id=id,
        run=workflow.info().workflow_id,
        step="plan",
        tool=tool,
        ground=Ground.PLANNING,
        why=why.problem,
        step_reason=goal,
        args=Value.of(plan, ARGS_PREVIEW_BYTES)[0],
        shown=f"{count} step{'' if count == 1 else 's'}" if count else "no plan",
        rules=(),
        roles=brief.roles,
        approvers=brief.approvers,
        asked_at=now,
        deadline=now + asking.deadline,
        silence=asking.silence,
    )


def too_often(given: Answer, raises: int) -> Finding | None:
    """Why a planning that was let go on so often is not any more, or looks at no more plans."""
    size = workflow.info().get_current_history_size()
    match given.verdict:
        case Verdict.RETRY if raises >= MAX_RAISES:
            problem = f"the model was let go on {raises} times and did not get there"
        case Verdict.RETRY if size > _TO_GO_ON:
            problem = f"its history has {size:,} bytes, and has room for no more proposals"
        case Verdict.EDIT if size > _TO_EDIT:
            problem = f"its history has {size:,} bytes, and has room for no more plans"
        case _:
            return None
    return Finding(
        code="LS-ASK-006",
        place=f"question `{given.question}`",
        problem=problem,
        fix="stop it (deny), and plan again or lock a plan by hand",
    )
