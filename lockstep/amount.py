"""How much of what can be spent: calls, tokens, money.

Money is a whole number of microdollars, because a sum of floats depends on its order.
"""

from typing import Annotated

from pydantic import Field

from lockstep.record import Record

Count = Annotated[int, Field(ge=0, le=2**53)]


class Amount(Record):
    """A vector of what a step or a run spends; `calls` counts attempts at tool calls."""

    calls: Count = 0
    tokens: Count = 0
    microdollars: Count = 0

    def __add__(self, other: "Amount") -> "Amount":
        return Amount(
            calls=self.calls + other.calls,
            tokens=self.tokens + other.tokens,
            microdollars=self.microdollars + other.microdollars,
        )

    def times(self, count: int) -> "Amount":
        return Amount(
            calls=self.calls * count,
            tokens=self.tokens * count,
            microdollars=self.microdollars * count,
        )

    def over(self, limit: "Amount") -> tuple[str, ...]:
        """The names of the parts that exceed the limit's."""
        return tuple(
            name
            for name in ("calls", "tokens", "microdollars")
            if getattr(self, name) > getattr(limit, name)
        )
