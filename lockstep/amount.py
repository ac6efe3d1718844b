"""How much of what can be spent: calls, tokens, money.

Money is a whole number of microdollars, because a sum of floats depends on its order.
"""

from collections.abc import Iterable
from typing import Annotated

from pydantic import Field

from lockstep.record import Record

MOST = 2**53 - 1
"""The largest whole number that JSON says exactly; as a limit it means none."""
Count = Annotated[int, Field(ge=0, le=MOST)]


class Amount(Record):
    """A vector of what a step or a run spends; `calls` counts attempts at tool calls.

    A sum beyond what can be counted stops there: no bill may end a run by an exception.
    """

    calls: Count = 0
    tokens: Count = 0
    microdollars: Count = 0

    def __add__(self, other: "Amount") -> "Amount":
        return Amount(
            calls=min(self.calls + other.calls, MOST),
            tokens=min(self.tokens + other.tokens, MOST),
            microdollars=min(self.microdollars + other.microdollars, MOST),
        )

    def times(self, count: int) -> "Amount":
        return Amount(
            calls=min(self.calls * count, MOST),
            tokens=min(self.tokens * count, MOST),
            microdollars=min(self.microdollars * count, MOST),
        )

    @classmethod
    def total(cls, parts: Iterable[tuple["Amount", int]]) -> "Amount":
        """The sum of amounts, each so many times."""
        calls = tokens = microdollars = 0
        for amount, count in parts:
            calls += amount.calls * count
            tokens += amount.tokens * count
            microdollars += amount.microdollars * count
        return cls(
            calls=min(calls, MOST), tokens=min(tokens, MOST), microdollars=min(microdollars, MOST)
        )

    def over(self, limit: "Amount") -> tuple[str, ...]:
        """The names of the parts that exceed the limit's."""
        return tuple(
            name
            for name in ("calls", "tokens", "microdollars")
            if getattr(self, name) > getattr(limit, name)
        )
