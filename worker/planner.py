"""Puts the model that plans into a worker, where a key is set; where none is, it says so.

The key is read here and handed to the provider's client alone: no placeholder of a manifest is
filled with it, and no process that a tool starts is given it.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from activities.placeholders import fill
from activities.propose import KEY, ModelPlanner
from lockstep.environment import Binding
from policies.world import World


@asynccontextmanager
async def planning(world: World, environ: Mapping[str, str]) -> AsyncIterator[ModelPlanner]:
    """The planner of one world; its connections are closed when the block ends."""
    settings, key = world.agent.planner, environ.get(KEY)
    if not key:
        yield ModelPlanner(world, None, lambda model, usage: 0)
        return
    # The SDK takes a second to import, which every command would pay for.
    from activities.messages import MessagesModel  # noqa: PLC0415
    from activities.prices import microdollars  # noqa: PLC0415

    endpoint = fill("planner", Binding(endpoint=settings.endpoint), environ).endpoint
    model = MessagesModel(api_key=key, base_url=endpoint, timeout=settings.timeout)
    try:
        yield ModelPlanner(world, model, microdollars)
    finally:
        await model.close()


def without_key(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment as tools may know it."""
    return {name: text for name, text in environ.items() if name != KEY}
