"""Puts the model that composes into a worker, where the environment has one and its key is set.

A worker without the key serves all the same: a run that composes is refused before it starts, and
every other run needs no key.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from activities.compose import Composer
from activities.models.provider import Provider
from activities.models.providers import provider
from activities.placeholders import fill
from activities.propose import retired
from lockstep.compose import ComposeSettings
from lockstep.environment import Binding
from lockstep.finding import Finding
from policies.world import World

COMPOSE_TABLE = "`[compose]` in the manifest"


@asynccontextmanager
async def composing(world: World, environ: Mapping[str, str]) -> AsyncIterator[Composer]:
    """The composer of one world; its connections are closed when the block ends."""
    settings = world.environment.compose
    if settings is None or settings.mock is not None:
        yield Composer(None)
        return
    seller = provider(settings.provider)
    key = environ.get(seller.key)
    found = unable(settings, seller, key)
    if found is not None or not key:
        yield Composer(None, (found,) if found is not None else ())
        return
    told = Binding(endpoint=settings.endpoint or seller.endpoint)
    model = seller.model(key, fill("compose", told, environ).endpoint, settings.timeout)
    try:
        yield Composer(model)
    finally:
        await model.close()


def unable(settings: ComposeSettings, seller: Provider, key: str | None) -> Finding | None:
    """Why this worker could not compose."""
    if not key:
        return Finding(
            code="LS-MODEL-001",
            place="compose",
            problem=f"no key for the model: {seller.key} is not set where the worker runs",
            fix="set it and start the worker again, or name a `mock` under `[compose]`",
        )
    today = datetime.now(UTC).date()
    return retired(seller, settings.models, today, "compose", COMPOSE_TABLE)
