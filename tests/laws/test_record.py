"""Every noun is a record: it does not change, it has no field that nobody declared, and no NaN."""

from functools import cached_property
from typing import Any

import pytest
from pydantic import JsonValue, ValidationError

from lockstep.canonical import digest
from lockstep.record import Record


class Cask(Record):
    """A noun for these laws."""

    name: str
    litres: float = 1
    notes: dict[str, JsonValue] = {}

    @cached_property
    def digest(self) -> str:
        return digest(self.model_dump(mode="json"))


def test_a_record_does_not_change() -> None:
    """Who wants another one makes another one."""
    cask: Any = Cask(name="rum")
    with pytest.raises(ValidationError, match="frozen"):
        cask.name = "ale"


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "rum", "proof": 80},
        {"name": "rum", "litres": float("nan")},
        {"name": "rum", "litres": float("inf")},
        {"name": "rum", "notes": {"a": [{"b": float("nan")}]}},
        {},
    ],
    ids=repr,
)
def test_a_record_is_closed_and_exact(fields: dict[str, Any]) -> None:
    """An unknown field, a missing one, and what is no number, however deep."""
    with pytest.raises(ValidationError):
        Cask.model_validate(fields)


def test_a_changed_copy_has_its_own_digest() -> None:
    """What was computed of the old values does not speak for the new ones."""
    cask = Cask(name="rum")
    before = cask.digest
    copied = cask.model_copy(update={"name": "ale"})
    assert Cask(name="ale").digest == copied.digest
    assert before == cask.digest == cask.model_copy().digest
    assert cask == cask.model_copy(deep=True)


@pytest.mark.parametrize("deep", [False, True])
def test_a_copy_has_no_field_that_nobody_declared(deep: bool) -> None:
    """Nor a value that was computed, and of a deep copy no part is shared with the first."""
    cask = Cask(name="rum", notes={"on": ["oak"]})
    assert cask.digest == cask.__dict__["digest"]
    copied = cask.model_copy(update={"name": "ale", "proof": 80}, deep=deep)
    assert Cask(name="ale", notes={"on": ["oak"]}) == copied
    assert {"name", "litres", "notes"} == copied.__dict__.keys()
    assert (copied.notes["on"] is cask.notes["on"]) is not deep
