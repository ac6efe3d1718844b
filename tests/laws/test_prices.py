"""What tokens cost, checked by hand against the provider's list for a million of them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.models.prices import TABLE, priced
from lockstep.amount import MOST
from lockstep.usage import Usage

counts = st.integers(min_value=0, max_value=MOST)
MILLION = 1_000_000


@pytest.mark.parametrize(
    ("model", "usage", "dollars"),
    [
        ("claude-opus-5-5", {"input": MILLION}, 4),
        ("claude-opus-5-5", {"output": MILLION}, 20),
        ("claude-opus-5-5", {"cache_write": MILLION}, 5),
        ("claude-opus-5-5", {"cache_read": MILLION}, 0.2),
        ("claude-opus-5-5-20260901", {"output": MILLION}, 20),
        ("claude-sonnet-5-5", {"input": MILLION, "output": MILLION}, 12),
        # Beyond 100,000 tokens of input, from wherever they are read, all cost five times as much.
        ("claude-haiku-5-5", {"input": 90_000, "output": MILLION}, 0.509),
        ("claude-haiku-5-5", {"input": 90_000, "cache_read": 20_000, "output": MILLION}, 2.546),
    ],
)
def test_a_price_is_the_providers(model: str, usage: dict[str, Any], dollars: float) -> None:
    """Each kind of token at its own rate, and the version of the table with it."""
    assert (round(dollars * MILLION), TABLE) == priced(model, Usage(**usage))


def test_a_part_of_a_microdollar_is_a_whole_one() -> None:
    """A budget is never undercut by rounding: one token read from a cache costs 0.2 of them."""
    assert (1, TABLE) == priced("claude-opus-5-5", Usage(cache_read=1))
    assert (0, TABLE) == priced("claude-opus-5-5", Usage())


@pytest.mark.parametrize("model", ["", "llama-of-ours", "gpt-5", "\x00", "claude-opus-9"])
def test_an_unknown_model_costs_nothing_and_names_no_table(model: str) -> None:
    """So that whoever shows the figure can say that it is none."""
    assert (0, "") == priced(model, Usage(input=5, output=5))


@given(counts, counts, counts, counts)
def test_every_usage_has_a_price_that_can_be_written(
    read: int, written: int, cached: int, output: int
) -> None:
    """Figures come from a server: the largest cost as much as can be counted, and raise nothing."""
    usage = Usage(input=read, cache_write=written, cache_read=cached, output=output)

    part, _ = priced("claude-haiku-5-5", Usage(output=output))
    whole, _ = priced("claude-haiku-5-5", usage)
    assert 0 <= part <= whole <= MOST
