"""Where a question that was put once is put again: whose it was, and the world as it is now."""

from dataclasses import dataclass

from activities.store import Store
from lockstep.errors import LockstepError
from lockstep.reference import Unresolved
from policies.trials.hindsight import About, Revisited, Said
from policies.world import World

UNMADE = (LockstepError, Unresolved, ValueError, LookupError)
"""What putting a question together again can end in."""


@dataclass(frozen=True)
class Bearings:
    """One run or planning; `world` says why where there is none."""

    run: str
    environment: str
    world: World | str
    store: Store

    def about(self, about: About, step: str, tool: str, then: Said | None = None) -> Revisited:
        """A question of this run, with what was said then."""
        return Revisited(
            run=self.run,
            environment=self.environment,
            about=about,
            step=step,
            tool=tool,
            then=then,
        )

    def here(
        self, tool: str | None = None, stage: str | None = None, role: str | None = None
    ) -> World | str:
        """The world, if it is one that the question means something in; or else why not."""
        world = self.world
        if isinstance(world, str):
            return world
        here = world.environment
        if stage not in (None, here.stage):
            return f"environment `{here.name}` was of stage `{stage}` then, and is `{here.stage}`"
        if role not in (None, world.agent.role):
            return f"the agent had the role `{role}` then, and has `{world.agent.role}`"
        if tool is not None and tool not in world.tools:
            return f"tool `{tool}` does not exist any more"
        return world


def unknown(one: Revisited, why: str) -> Revisited:
    """A question that nobody can answer."""
    return one.model_copy(update={"unknown": why, "now": None, "lost": (), "void": ()})


def in_short(error: Exception) -> str:
    """Without what tells one value from another, so that the same trouble reads the same."""
    if isinstance(error, LockstepError):
        found = error.findings[0]
        return f"{found.code} {found.problem}"[:300]
    return (str(error).splitlines() or [type(error).__name__])[0][:300]
