"""The base of every noun that is written down: frozen, closed, and free of NaN.

A field nobody declared is a typing mistake or an attack; either way it is refused, never ignored.
"""

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """An immutable value with a closed set of fields."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True
    )
