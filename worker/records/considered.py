"""What every proposal of a planning made of one step, read from the history alone."""

from dataclasses import dataclass

from pydantic import JsonValue
from temporalio.client import WorkflowHistory

from activities.contract.validator import Proposal
from lockstep.checked import Checked
from lockstep.decision import Decision, Grounds
from lockstep.errors import LockstepError
from lockstep.finding import Finding
from lockstep.loading import shaped
from lockstep.plan import Plan, Step
from lockstep.provenance import Provenance
from worker.records.account import is_place_of, stranger
from worker.records.origins import Argument, labelled, origins
from worker.records.recorded import json_of, numbered, recorded


@dataclass(frozen=True)
class Considered:
    """One proposal of a planning, and what was found about one of its steps; None where it has no
    such step.
    """

    number: int
    passed: bool
    step: Step | None
    arguments: tuple[Argument, ...]
    decision: Decision | None
    findings: tuple[Finding, ...]
    grounds: Grounds | None


def considered(history: WorkflowHistory, step: str) -> list[Considered]:
    """What each proposal of a planning made of a step; LS-CLI-001 where none has it."""
    found: list[Considered] = []
    names: dict[str, None] = {}
    checks = [(asked, end) for asked, end in recorded(history.events) if isinstance(end, Checked)]
    for asked, end in checks:
        number = numbered(asked)
        plan = _plan(Proposal.model_validate(json_of(asked.input.payloads)[0]).plan)
        steps = {one.id: one for one in plan.steps} if plan else {}
        names |= dict.fromkeys(steps)
        decided = {one.step: one for one in end.decisions}
        about = tuple(one for one in end.findings if is_place_of(one.place, step))
        mine = steps.get(step)
        made = decided.get(step)
        told = made.provenance if made else Provenance()
        arguments = tuple(labelled(origins(mine, None, []), told, steps)) if mine else ()
        found.append(Considered(number, end.passed, mine, arguments, made, about, end.grounds))
    if step not in names:
        raise stranger(f"planning `{history.workflow_id}`", step, names)
    return found


def _plan(proposed: JsonValue) -> Plan | None:
    try:
        return shaped(Plan, proposed, "plan")
    except LockstepError:
        return None
