"""Is this the history of a run that kept its lock, its policy and its people's word?

Asked of what the history says, by nothing but comparison: no decision is made again here, which
takes the tools (`lockstep replay` does), and nothing is run. Each finding is something that code
of ours does not do, so that either the history was changed or the code was other code.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from lockstep.finding import Finding
from lockstep.fork import RunForked
from policies.audits.answers import answers
from policies.audits.approvals import approvals, standing
from policies.audits.calls import calls, unaccounted
from policies.audits.kept import budget_kept, lock_kept, shown_right
from policies.audits.trail import Trail


@dataclass(frozen=True)
class Held:
    """What does not hold, and what cannot be told from this history alone."""

    findings: tuple[Finding, ...]
    notes: tuple[str, ...]


def held(trail: Trail) -> Held:
    return Held(
        findings=(
            *lock_kept(trail),
            *calls(trail),
            *approvals(trail),
            *answers(trail),
            *budget_kept(trail),
            *shown_right(trail),
        ),
        notes=(*unaccounted(trail), *standing(trail), *carried(trail)),
    )


def carried(trail: Trail) -> Iterator[str]:
    """What was done in another run, and is only named in this one."""
    for event in trail.events:
        if isinstance(event.what, RunForked):
            steps = ", ".join(one.step for one in event.what.carried) or "no step"
            yield (
                f"carried from run `{event.what.run}`, head {event.what.head}: {steps}; that "
                "run's audit shows how they were done"
            )
