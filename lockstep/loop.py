"""A loop: one step done for each item of a list, at most so many times.

The bound stands in the plan, because what a run may cost has to be known before it starts. A longer
list ends the step with a code; it is never cut short, since nobody could tell a list that was cut
from one that was whole.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import ConfigDict, Field, JsonValue

from lockstep.canonical import Exact
from lockstep.record import Record
from lockstep.reference import Malformed, Reference, as_reference

MAX_ITEMS = 100


class ForEach(Record):
    """`in` refers to the list; in the step's arguments `{"$item": "/field"}` refers to the item."""

    model_config = ConfigDict(serialize_by_alias=True)

    in_: Exact = Field(alias="in")
    max: int = Field(ge=1, le=MAX_ITEMS)

    @property
    def source(self) -> Reference | None:
        """Where the list comes from; None for what is no reference."""
        try:
            return as_reference(self.in_)
        except Malformed:
            return None

    def __str__(self) -> str:
        return f"for each of {self.source} (at most {self.max})"


def label(step: str, item: int | None) -> str:
    """What one item of a loop is called: `drain[3]`, counted from 0; a plain step is its id."""
    return step if item is None else f"{step}[{item}]"


def listed(output: Mapping[str, JsonValue], most: int) -> dict[str, JsonValue]:
    """The schema of a loop's output, in the order of its items."""
    shared: dict[str, Any] = {
        word: output[word] for word in ("$defs", "definitions") if word in output
    }
    inner = {word: said for word, said in output.items() if word not in shared}
    return {"type": "array", "items": inner, "maxItems": most, **shared}
