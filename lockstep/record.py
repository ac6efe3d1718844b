"""The base of every noun that is written down: frozen, closed, and free of NaN.

A field nobody declared is a typing mistake or an attack; either way it is refused, never ignored.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """An immutable value with a closed set of fields."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True
    )

    if TYPE_CHECKING:
        # So that a type checker accepts `"RemoveMetric" not in plan.steps`.
        def __eq__(self, other: object) -> bool: ...
        def __hash__(self) -> int: ...

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy; a digest that was cached of the old values is not carried along."""
        copied = super().model_copy(update=update, deep=deep)
        for name in copied.__dict__.keys() - type(self).model_fields.keys():
            del copied.__dict__[name]
        return copied


def is_empty(value: object) -> bool:
    """Whether a field says nothing: such fields are not written down, so that what does
    without them has the digest it always had.
    """
    return not value
