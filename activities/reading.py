"""Keeps the `Reader` contract with the store of values.

Nothing here knows an agent, a tool or a policy: the answers are functions of stored values and of
what the lock asks about them, so that a replay gives them again.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from pydantic import JsonValue
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.contract import Keep, Reader, Sources, Weigh, Weighing
from activities.store import Store, load
from lockstep.errors import LockstepError
from lockstep.guard import weighed
from lockstep.reference import resolve
from lockstep.value import Value

Given = TypeVar("Given")


class StoreReader(Reader):
    """Answers from one store; files are read in a thread."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @activity.defn(name="lockstep.weigh")
    async def weigh(self, request: Weigh) -> Weighing:
        return await _told(partial(weighing, request, self._store))

    @activity.defn(name="lockstep.keep")
    async def keep(self, request: Keep) -> Value:
        return await _told(partial(keeping, request, self._store))


def keeping(request: Keep, store: Store) -> Value:
    """The reference to a value that is now stored."""
    value, data = Value.of(request.value)
    store.put(data)
    return value


def weighing(request: Weigh, store: Store) -> Weighing:
    """How the guards come out."""
    bring = resolver(request.sources, store)
    return Weighing(comparisons=tuple(weighed(guard, bring) for guard in request.guards))


def resolver(sources: Sources, store: Store) -> Callable[[JsonValue], JsonValue]:
    """What replaces references by what they bring; each output is read once."""
    outputs = {step: load(store, value) for step, value in sources.values.items()}
    return partial(resolve, outputs=outputs, inputs=sources.inputs, run=sources.run)


async def _told(answer: Callable[[], Given]) -> Given:
    """An answer from a thread; its trouble is named by its code, and is tried again."""
    try:
        return await asyncio.to_thread(answer)
    except LockstepError as error:
        found = error.findings[0]
        raise ApplicationError(str(found), found.model_dump(mode="json"), type=found.code) from None
