"""A planning as it is looked back at: what was asked, every proposal, and what came of it."""

from collections.abc import Sequence

from temporalio.client import WorkflowHistory

from lockstep.escalation import Question
from lockstep.event import Event, GoalAsked
from worker.cli.drawing import drawing
from worker.cli.question import show_question
from worker.cli.story import tell
from worker.cli.terminal import out, safe, show_findings
from worker.proposals import proposals


def show_planning(
    history: WorkflowHistory, events: Sequence[Event], questions: Sequence[Question]
) -> None:
    """Proposals are numbered as the model gave them; a plan by hand shows in the events alone."""
    for event in events:
        if isinstance(event.what, GoalAsked):
            out.print(safe(tell(event)))
    for number, proposed in enumerate(proposals(history), start=1):
        checked = proposed.checked
        passed = checked is not None and checked.passed
        verdict = "[green]passed[/green]" if passed else "[red]rejected[/red]"
        out.print(f"proposal {number}  {verdict}")
        if proposed.plan is not None and checked is not None:
            for line in drawing(proposed.plan.steps, checked):
                out.print(line)
        show_findings(checked.findings if checked else proposed.reply.findings, out)
    for question in questions:
        show_question(question)
    if events and not questions:
        out.print(safe(tell(events[-1])))
