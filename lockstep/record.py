"""The base of every noun that is written down: frozen, closed, and free of NaN.

A field nobody declared is a typing mistake or an attack; either way it is refused, never ignored.
"""

import operator
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    found_once = cached_property
else:

    class found_once(cached_property):
        """A cached property without the lock that Python 3.11 takes for each: of a record it is the
        same that is found, whoever finds it.
        """

        def __get__(self, record: Any, owner: type[Any] | None = None) -> Any:
            if record is None:
                return self
            found = record.__dict__[self.attrname] = self.func(record)
            return found


class Record(BaseModel):
    """An immutable value with a closed set of fields."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        validate_default=True,
        ignored_types=(found_once,),
    )

    if TYPE_CHECKING:
        # So that a type checker accepts `"RemoveMetric" not in plan.steps`.
        def __eq__(self, other: object) -> bool: ...
        def __hash__(self) -> int: ...

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy; a digest that was cached of the old values is not carried along."""
        if deep:
            return super(Record, self.model_copy()).model_copy(deep=True).model_copy(update=update)
        # As pydantic makes it, which looks for what no record has, too: private and extra values.
        copied = type(self).__new__(type(self))
        values, fields = {**self.__dict__, **(update or {})}, type(self).__pydantic_fields__
        if len(values) > len(fields):
            # Of each field there is a value, so what is more was cached.
            values = {name: value for name, value in values.items() if name in fields}
        object.__setattr__(copied, "__dict__", values)
        object.__setattr__(
            copied, "__pydantic_fields_set__", {*self.__pydantic_fields_set__, *(update or ())}
        )
        object.__setattr__(copied, "__pydantic_extra__", None)
        object.__setattr__(copied, "__pydantic_private__", None)
        return copied


is_empty: Callable[[object], bool] = operator.not_
"""Whether a field says nothing: such fields are not written down, so that what does without them
has the digest it always had. It is asked of every field, each time that a record is written.
"""
