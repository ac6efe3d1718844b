"""What the readings of stored values promise, by the store itself: small answers and nothing
written but what was asked for.
"""

from pathlib import Path
from typing import Any

import pytest
from pydantic import JsonValue
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.contract.reader import Count, Gather, Keep, Sources, Weigh
from activities.reading import StoreReader
from activities.store import FolderStore, load
from lockstep.guard import Guard
from lockstep.value import Value


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path)


@pytest.fixture
def ask() -> ActivityEnvironment:
    return ActivityEnvironment()


def put(store: FolderStore, value: Any) -> Value:
    found, data = Value.of(value)
    store.put(data)
    return found.bare


def sources(**values: Value) -> Sources:
    return Sources(values=values, inputs={"floor": 3}, run={"id": "r", "scheduled_at": "2026"})


async def test_guards_are_weighed_with_what_was_stored(
    store: FolderStore, ask: ActivityEnvironment
) -> None:
    """Outputs, inputs and the run; each comparison is told, and all have to hold."""
    given = [
        {"left": {"$from": "a", "path": "/n"}, "is": ">", "right": {"$input": "/floor"}},
        {"left": {"$run": "/id"}, "is": "==", "right": "s"},
    ]
    request = Weigh(
        guards=tuple(map(Guard.model_validate, given)), sources=sources(a=put(store, {"n": 4}))
    )
    found = await ask.run(StoreReader(store).weigh, request)
    assert ([True, False], False) == ([one.holds for one in found.comparisons], found.holds)


async def test_a_value_that_is_missing_is_a_failure_with_its_code(
    store: FolderStore, ask: ActivityEnvironment
) -> None:
    """It may come back, so Temporal may try again."""
    lost, _ = Value.of({"n": 4})
    with pytest.raises(ApplicationError) as failed:
        await ask.run(StoreReader(store).weigh, Weigh(guards=(), sources=sources(a=lost)))
    assert ("LS-STEP-007", False) == (failed.value.type, failed.value.non_retryable)


@pytest.mark.parametrize(
    ("path", "items", "problem"),
    [
        ("/list", 2, ""),
        ("/none", 0, ""),
        ("/text", None, "it is a `string`"),
        ("/gone", None, "`a/gone`: `gone` is not there"),
    ],
)
async def test_a_list_is_counted_and_nothing_else_is_one(
    store: FolderStore, ask: ActivityEnvironment, path: str, items: int | None, problem: str
) -> None:
    """What is no list has no length, and is said to be none."""
    value = put(store, {"list": [1, 2], "none": [], "text": "ab"})
    request = Count(list={"$from": "a", "path": path}, sources=sources(a=value))
    found = await ask.run(StoreReader(store).count, request)
    assert (items, problem) == (found.items, found.problem)


async def test_outputs_are_gathered_in_their_order(
    store: FolderStore, ask: ActivityEnvironment
) -> None:
    """The same bytes as the list of them would have."""
    parts: list[JsonValue] = [{"n": 2}, {"n": 1}, {"n": 2}]
    request = Gather(items=tuple(put(store, part) for part in parts), most=1000)
    found = await ask.run(StoreReader(store).gather, request)
    assert found.value == Value.of(parts)[0]
    assert parts == load(store, found.value)


async def test_a_list_that_would_be_too_large_is_not_made(
    store: FolderStore, ask: ActivityEnvironment
) -> None:
    """Its size is known from its parts, before any of them is read."""
    parts = tuple(Value.of("x" * 100)[0].bare for _ in range(3))
    exact = len('["' + '","'.join(["x" * 100] * 3) + '"]')
    found = await ask.run(StoreReader(store).gather, Gather(items=parts, most=exact - 1))
    assert (None, exact) == (found.value, found.size)


async def test_a_given_output_is_kept(store: FolderStore, ask: ActivityEnvironment) -> None:
    """And can be read like any other."""
    found = await ask.run(StoreReader(store).keep, Keep(value={"text": "-"}))
    assert {"text": "-"} == load(store, found)
