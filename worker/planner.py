"""Puts the model that plans into a worker, where a key is set; where none is, it says so.

The key is read here and handed to the provider's client alone: no placeholder of a manifest is
filled with it, and no process that a tool starts is given it.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from activities.models.providers import provider
from activities.placeholders import fill
from activities.propose import ModelPlanner
from activities.store import Store
from lockstep.agent import Agent
from lockstep.environment import Binding, Environment
from policies.world import World


@asynccontextmanager
async def planning(
    world: World, environ: Mapping[str, str], store: Store
) -> AsyncIterator[ModelPlanner]:
    """The planner of one world; its connections are closed when the block ends."""
    settings = world.agent.planner
    seller = provider(settings.provider)
    key = environ.get(seller.key)
    if not key:
        yield ModelPlanner(world, seller, None, store)
        return
    told = Binding(endpoint=settings.endpoint or seller.endpoint)
    model = seller.model(key, fill("planner", told, environ).endpoint, settings.timeout)
    try:
        yield ModelPlanner(world, seller, model, store)
    finally:
        await model.close()


def keys(agent: Agent, environment: Environment) -> set[str]:
    """The variables that hold the keys of the models that an agent asks in an environment."""
    composes = environment.compose
    sellers = {agent.planner.provider, *([composes.provider] if composes else [])}
    return {provider(name).key for name in sellers}


def without_keys(environ: Mapping[str, str], world: World) -> dict[str, str]:
    """The environment as tools may know it."""
    hidden = keys(world.agent, world.environment)
    return {name: text for name, text in environ.items() if name not in hidden}
