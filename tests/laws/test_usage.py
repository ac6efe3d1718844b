"""Bills add up, and nothing in them is lost."""

from hypothesis import given
from hypothesis import strategies as st

from lockstep.amount import MOST
from lockstep.usage import Bill, Usage

counts = st.integers(min_value=0, max_value=10**9)
usages = st.builds(Usage, input=counts, cache_write=counts, cache_read=counts, output=counts)
bills = st.builds(
    Bill, calls=counts, unknown=counts, usage=usages, microdollars=counts, prices=st.just("table 1")
)


@given(usages, usages)
def test_tokens_of_two_are_the_tokens_of_both(one: Usage, other: Usage) -> None:
    """Of every kind, and in sum."""
    assert one.tokens + other.tokens == (one + other).tokens


@given(bills, bills, bills)
def test_bills_add_in_any_order(one: Bill, two: Bill, three: Bill) -> None:
    """And nothing added is nothing."""
    assert (one + two) + three == one + (two + three)
    assert one == one + Bill() == Bill() + one


@given(bills)
def test_a_budget_counts_tokens_and_money_and_no_calls(bill: Bill) -> None:
    """Calls of a model are not calls of a tool."""
    amount = bill.amount
    assert (0, bill.usage.tokens, bill.microdollars) == (
        amount.calls,
        amount.tokens,
        amount.microdollars,
    )


def test_a_sum_stops_at_the_most_that_can_be_counted() -> None:
    """No bill ends a planning by an exception."""
    most = Usage(input=MOST, output=MOST)
    assert MOST == (most + most).tokens
