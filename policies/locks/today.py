"""What would a lock be, were it made today?

Its plan is held against the present as a new one is; what has drifted since says why it would be
another lock.
"""

from dataclasses import dataclass

from pydantic import JsonValue

from lockstep.canonical import Digest, digest
from lockstep.checked import Checked
from lockstep.contents import Look
from lockstep.finding import Finding
from lockstep.loading import shaped
from lockstep.lock import Body, Lock
from lockstep.plan import Plan
from policies.check import check
from policies.locks.drift import drift
from policies.locks.freeze import freeze
from policies.locks.thaw import thaw
from policies.world import World


@dataclass(frozen=True)
class Today:
    """`plan` is the lock's, as a document; `body` what it would be frozen to, None where it no
    longer passes.
    """

    plan: dict[str, JsonValue]
    checked: Checked
    body: Body | None
    drifted: tuple[Finding, ...]

    @property
    def digest(self) -> Digest | None:
        return None if self.body is None else digest(self.body.model_dump(mode="json"))


def today(lock: Lock, world: World, by: str, look: Look) -> Today:
    """What the plan writes down itself is believed as far as it was then, and whoever wrote it then
    is still taken to have. `look` finds what the
    lock pinned, as far as somebody kept it; LS-LOAD-007 for a lock that holds what no plan can say.
    """
    plan = thaw(lock.body, world.tools, look)
    proposed = shaped(Plan, plan, "lock")
    checked = check(proposed, world, by, lock.body.literals, lock.author)
    body = freeze(proposed, checked, world) if checked.passed else None
    return Today(plan, checked, body, drift(lock.body, world, look))
