"""Gives the verdict on a proposed plan again, in the world as it is now."""

from collections.abc import Iterable

from activities.contract.validator import Proposal
from activities.proposed import judged, proposed_in
from lockstep.canonical import Digest, digest
from lockstep.checked import Checked
from lockstep.contents import nothing
from lockstep.errors import LockstepError
from lockstep.finding import Finding
from policies.world import World

_RECORD = {"shadow", "permits"}
"""Of a decision: what is written down beside it."""

Verdict = tuple[Proposal, Checked]


def rechecked(
    verdicts: Iterable[Verdict], world: World | None
) -> tuple[int, list[Finding], list[str]]:
    """How many verdicts were given again, which differ, and why some could not be given."""
    count, findings, notes = 0, [], []
    for proposal, then in verdicts:
        if world is None:
            notes.append("the plan was not checked again: the agent package is not at hand")
            continue
        if any(decision.policy != world.decider.policy for decision in then.decisions):
            notes.append("the plan was not checked again, since the policy is another one now")
            continue
        count += 1
        now = verdict(proposal, world)
        if _substance(now) != _substance(then):
            findings.append(
                Finding(
                    code="LS-REPLAY-003",
                    place="plan",
                    problem=f"had {_told(then)}, and has {_told(now)}",
                    fix="find what changed in the tools, the manifest or the checks",
                )
            )
    return count, findings, notes


def verdict(proposal: Proposal, world: World) -> Checked:
    """The verdict on a proposal in this world; never raises for what is proposed."""
    try:
        return judged(proposed_in(proposal, world, nothing), proposal, world)
    except LockstepError as error:
        return Checked(findings=error.findings)


def _substance(checked: Checked) -> Digest:
    """What was decided: neither what rules that do not count said, nor what was proposed."""
    return digest(
        checked.model_dump(
            mode="json",
            exclude={
                "decisions": {"__all__": _RECORD},
                "plan": _RECORD,
                "grounds": True,
                "findings": {"__all__": {"edges"}},
            },
        )
    )


def _told(checked: Checked) -> str:
    first = f", the first {checked.findings[0].code}" if checked.findings else ""
    return f"{len(checked.decisions)} decisions and {len(checked.findings)} findings{first}"
