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

from activities.contract.reader import (
    Count,
    Counted,
    Gather,
    Gathered,
    Keep,
    Reader,
    Sources,
    Weigh,
    Weighing,
)
from activities.store import Store, load
from lockstep.errors import LockstepError
from lockstep.guard import kind, weighed
from lockstep.reference import Unresolved, resolve
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

    @activity.defn(name="lockstep.count")
    async def count(self, request: Count) -> Counted:
        return await _told(partial(counting, request, self._store))

    @activity.defn(name="lockstep.gather")
    async def gather(self, request: Gather) -> Gathered:
        return await _told(partial(gathering, request, self._store))


def counting(request: Count, store: Store) -> Counted:
    """How long the list is."""
    try:
        found = resolver(request.sources, store)(request.list)
    except Unresolved as lost:
        return Counted(items=None, problem=str(lost.args[0]))
    if not isinstance(found, list):
        return Counted(items=None, problem=f"it is a `{kind(found)}`")
    return Counted(items=len(found))


def gathering(request: Gather, store: Store) -> Gathered:
    """The list of the items, put together from their bytes and stored."""
    size = sum(value.size for value in request.items) + len(request.items) + 1
    if size > request.most:
        return Gathered(value=None, size=size)
    try:
        value, data = Value.of([load(store, item) for item in request.items])
    except ValueError:
        # Each was as deep as a value may be, and the list of them is deeper by one.
        return Gathered(value=None, size=size)
    store.put(data)
    return Gathered(value=value, size=len(data))


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
