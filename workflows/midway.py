"""Where a planning takes place that is not the first: in the middle of a run."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from activities.contract.planner import Brief
from lockstep.budget import Ledger
from lockstep.revision import Progress
from lockstep.statement import Author
from lockstep.trust import Trust


@dataclass(frozen=True)
class Midway:
    """In the middle of a run: where it is, who wrote its plan, what policy says, and what is left.

    `used` is how often the run has asked the model before, and `brief` asks again what planning may
    take. `prefix` and `questions` are what its activities and questions are called after.
    """

    progress: Progress
    literals: Trust
    author: Author
    used: int
    ledger: Ledger
    prefix: str
    questions: str
    brief: Callable[[], Awaitable[Brief]]
