"""May this lock be run in this world?

The same is asked before every run, and by whoever wants to know without running anything.
"""

from collections.abc import Iterator
from itertools import islice

from lockstep.contents import Look, nothing
from lockstep.fallback import edges
from lockstep.finding import Finding, Severity
from lockstep.lock import Body
from policies.check import MAX_FINDINGS
from policies.checks.declared import uncallable
from policies.checks.structure import structure
from policies.locks.claims import claims
from policies.locks.drift import drift
from policies.world import World


def verify(body: Body, world: World, look: Look = nothing) -> tuple[Finding, ...]:
    """All that speaks against a run; `look` finds what was pinned, as far as somebody kept it."""
    drifted = drift(body, world, look)
    return (
        *_unsound(body),
        *islice(uncallable(body.calls, world, Severity.ERROR), MAX_FINDINGS),
        # What has drifted is told as drift, and not a second time as a claim.
        *(drifted or islice(claims(body, world), MAX_FINDINGS)),
    )


def _unsound(body: Body) -> Iterator[Finding]:
    """Steps that could never be reached. Freezing makes none, but a digest does not say who
    froze.
    """
    for found in structure(body.steps) if body.steps else ():
        yield found.model_copy(update={"code": "LS-RUN-006"})
    before: set[str] = set()
    looked = {one.step.id for one in body.preflight}
    needs = edges(body.steps)
    for step in body.steps:
        lost = {*needs[step.id], *step.draws} - (before & {*step.needs})
        if lost or step.id in before | looked:
            problem = f"needs {', '.join(sorted(lost))} and does not come after it"
            yield Finding(
                code="LS-RUN-006",
                place=f"step `{step.id}`",
                problem=problem if lost else "stands twice in the lock",
                fix="make the lock with `lockstep lock`",
            )
        before.add(step.id)
