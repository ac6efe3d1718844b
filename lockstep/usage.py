"""What an answer of a model used, and what that cost.

Tokens are counted as providers bill them: input that was read anew, input that was written to or
read from a cache, and output. Their sum is what a budget counts; their kinds are what prices know.
"""

from lockstep.amount import MOST, Amount, Count
from lockstep.record import Record


class Usage(Record):
    """Tokens of one answer, or of several. `output` includes what the model thought in silence."""

    input: Count = 0
    cache_write: Count = 0
    cache_read: Count = 0
    output: Count = 0

    @property
    def tokens(self) -> int:
        return min(self.input + self.cache_write + self.cache_read + self.output, MOST)

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            input=min(self.input + other.input, MOST),
            cache_write=min(self.cache_write + other.cache_write, MOST),
            cache_read=min(self.cache_read + other.cache_read, MOST),
            output=min(self.output + other.output, MOST),
        )


class Bill(Record):
    """`usage` in money; `prices` names the table it was priced by, empty where none knew the
    model.

    `calls` counts requests that were sent. `unknown` of them ended without saying what they used:
    what was set aside for those stays spent.
    """

    calls: Count = 0
    unknown: Count = 0
    usage: Usage = Usage()
    microdollars: Count = 0
    prices: str = ""

    @property
    def amount(self) -> Amount:
        """As a budget counts it. Calls of a model are no tool calls."""
        return Amount(tokens=self.usage.tokens, microdollars=self.microdollars)

    def __add__(self, other: "Bill") -> "Bill":
        return Bill(
            calls=min(self.calls + other.calls, MOST),
            unknown=min(self.unknown + other.unknown, MOST),
            usage=self.usage + other.usage,
            microdollars=min(self.microdollars + other.microdollars, MOST),
            prices=other.prices or self.prices,
        )
