"""A planning as it is looked back at: what was asked, every proposal, and what came of it."""

from collections.abc import Sequence

from temporalio.client import WorkflowHistory

from lockstep.escalation import Question
from lockstep.event import Event
from lockstep.finding import Finding
from lockstep.lock import Lock
from lockstep.planned import GoalAsked
from worker.cli.drawing import drawing
from worker.cli.question import show_question
from worker.cli.samples import show_samples
from worker.cli.story import tell
from worker.cli.terminal import out, safe, show_findings
from worker.records.proposals import Proposed, proposals
from worker.records.samples import samples
from workflows.lock_plan import LockResult


def show_planning(
    history: WorkflowHistory,
    events: Sequence[Event],
    questions: Sequence[Question],
    ended: LockResult | Finding | None,
) -> None:
    """Proposals are numbered as the model gave them; one that a human gave comes last."""
    for event in events:
        if isinstance(event.what, GoalAsked):
            out.print(safe(tell(event)))
    for number, proposed in enumerate(_in_turn(history, events), start=1):
        checked = proposed.checked
        passed = checked is not None and checked.passed
        verdict = "[green]passed[/green]" if passed else "[red]rejected[/red]"
        out.print(f"proposal {number}  {verdict}")
        if proposed.plan is not None and checked is not None:
            for line in drawing(proposed.plan.steps, checked):
                out.print(line)
        show_findings(checked.findings if checked else proposed.reply.findings, out)
    if _is_sampling(events):
        show_samples(samples(history))
    lock = ended.lock if isinstance(ended, LockResult) else None
    if isinstance(ended, LockResult) and lock is not None and by_hand(lock):
        out.print(f"given by {safe(lock.statements[0].by)}  [green]passed[/green]")
        for line in drawing(lock.steps, ended.checked):
            out.print(line)
    for question in questions:
        show_question(question)
    if isinstance(ended, Finding):
        show_findings([ended], out)
    elif events and not questions:
        out.print(safe(tell(events[-1])))
    if lock is not None:
        out.print("[dim]write the lock to a file with --out[/dim]")


def _is_sampling(events: Sequence[Event]) -> bool:
    return any(isinstance(event.what, GoalAsked) and event.what.samples for event in events)


def _in_turn(history: WorkflowHistory, events: Sequence[Event]) -> Sequence[Proposed]:
    """The proposals of a planning; samples are shown by what they mean, and not one by one."""
    return () if _is_sampling(events) else proposals(history)


def by_hand(lock: Lock) -> bool:
    """Whether no model wrote the plan."""
    return lock.planner is None
