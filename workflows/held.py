"""What is put before a human about a call: that it was held back, that nobody knows how it ended,
or what it signalled.
"""

from dataclasses import dataclass

from lockstep.decision import Outcome
from lockstep.escalation import Ground
from lockstep.finding import Finding
from lockstep.lock import LockedStep
from lockstep.outcome import Dispatch, Signalled, Withheld
from lockstep.shown import shown
from lockstep.stepped import StepBlocked
from lockstep.value import Value
from workflows.asking import Ask
from workflows.context import RunContext
from workflows.dispatch import Failed


@dataclass(frozen=True)
class HeldBack:
    """A call that was not made: how that is told, and what is asked; None where there is nothing to
    ask about.
    """

    event: StepBlocked
    ask: Ask | None


def held_back(step: LockedStep, item: int | None, outcome: Withheld) -> HeldBack:
    """By policy, by a rule that somebody may lift, or by what was found about its arguments."""
    decision = outcome.decision
    why = str(outcome.findings[0]) if outcome.findings else decision.why if decision else ""
    needs_approval = decision is not None and decision.outcome is Outcome.REQUIRE_APPROVAL
    ground = Ground.APPROVAL if needs_approval and not outcome.findings else Ground.DENIED
    missing = decision.missing if decision else ()
    rules = missing if ground is Ground.APPROVAL else decision.rules if decision else ()
    event = StepBlocked(
        step=step.id,
        item=item,
        tool=step.tool,
        targets=decision.targets if decision else (),
        args=outcome.args,
        shown=outcome.shown,
        reason=step.reason,
        why=why,
        rules=rules,
        findings=outcome.findings,
    )
    if outcome.args is None:
        return HeldBack(event, None)
    return HeldBack(event, Ask(ground, why, outcome.args, outcome.shown, rules))


def about_unknown(run: RunContext, call: Dispatch, outcome: Failed) -> Ask:
    """Whether it took effect."""
    why = f"it is not known whether the call took effect ({outcome.finding.problem})"
    return Ask(Ground.UNKNOWN, why, *_called(run, call, outcome))


def about_signal(run: RunContext, call: Dispatch, outcome: Signalled, finding: Finding) -> Ask:
    """What is to be done about it."""
    why = f"{finding.problem}; {finding.fix}" if outcome.recovery else finding.problem
    return Ask(Ground.SIGNALLED, why, *_called(run, call, outcome))


def _called(run: RunContext, call: Dispatch, outcome: Failed | Signalled) -> tuple[Value, str]:
    """The arguments in full and in brief, as far as they are known."""
    if outcome.args:
        return outcome.args, outcome.shown
    return run.known_args(call), shown(call.edited or call.step.args)
