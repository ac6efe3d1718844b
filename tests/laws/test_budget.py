"""The ledger: what is promised and spent is never more than the limit."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from lockstep.amount import MOST, Amount
from lockstep.budget import Exhausted, Ledger

counts = st.integers(0, 60)
amounts = st.builds(Amount, calls=counts, tokens=counts, microdollars=counts)
anything = st.integers(0, MOST)
large = st.builds(Amount, calls=anything, tokens=anything, microdollars=anything)
steps = st.sampled_from(["a", "b", "c", "d", "e"])
parts = ("calls", "tokens", "microdollars")


def within(amount: Amount, limit: Amount) -> bool:
    return not amount.over(limit)


def share(amount: Amount, percent: int) -> Amount:
    return Amount(**{part: getattr(amount, part) * percent // 100 for part in parts})


operations = st.lists(st.tuples(steps, amounts, st.none() | st.integers(0, 100)), max_size=40)


@given(limit=amounts, operations=operations)
@settings(max_examples=30)
def test_no_interleaving_of_steps_spends_more_than_the_limit(
    limit: Amount, operations: list[tuple[str, Amount, int | None]]
) -> None:
    """Steps start and end in any order and spend up to what they reserved; the sum stays below.

    Each operation starts the step, or, where it runs already, ends it: with a share of its
    reservation in percent, or with None for not known.
    """
    ledger = Ledger(limit)
    running: dict[str, Amount] = {}
    spent = Amount()
    for step, amount, percent in operations:
        if step in running:
            reserved = running.pop(step)
            actual = reserved if percent is None else share(reserved, percent)
            assert actual == ledger.settle(step, None if percent is None else actual)
            spent += actual
        elif ledger.reserve(step, amount) is None:
            running[step] = amount
        else:
            # It was refused because it does not fit, and for no other reason.
            assert not within(ledger.committed + amount, limit)
        assert spent == ledger.spent
        assert sum(running.values(), Amount()) == ledger.reserved
        assert spent + ledger.reserved == ledger.committed
        assert within(ledger.committed, limit)


def test_what_is_not_known_keeps_its_reservation() -> None:
    """A call that was cut off counts as all that it could have spent."""
    ledger = Ledger(Amount(calls=3))
    assert ledger.reserve("a", Amount(calls=2)) is None
    assert Amount(calls=2) == ledger.settle("a", None)
    assert Amount(calls=2) == ledger.spent
    assert ledger.reserve("b", Amount(calls=2)) is not None


def test_a_refused_reservation_reserves_nothing_and_says_why() -> None:
    """The message names the part that is short, what was asked and what is committed."""
    ledger = Ledger(Amount(calls=10, tokens=2000))
    assert ledger.reserve("a", Amount(calls=1, tokens=1500)) is None
    refused = ledger.reserve("b", Amount(calls=1, tokens=501))
    assert isinstance(refused, Exhausted)
    assert ("tokens",) == refused.parts
    assert "tokens: 501 asked, 1,500 of 2,000 committed" == str(refused)
    assert Amount(calls=1, tokens=1500) == ledger.committed
    assert ledger.reserve("b", Amount(calls=1, tokens=500)) is None


def test_after_an_overspending_step_nothing_more_is_promised() -> None:
    """A tool that spends more than it declared is counted in full, and is the last."""
    ledger = Ledger(Amount(calls=10, tokens=100))
    assert ledger.reserve("a", Amount(calls=1, tokens=50)) is None
    assert Amount(calls=1, tokens=500) == ledger.settle("a", Amount(calls=1, tokens=500))
    assert ledger.reserve("b", Amount(calls=1)) is not None


def test_a_step_reserves_once() -> None:
    """A second reservation, or the settlement of none, is a mistake in the code that asks."""
    ledger = Ledger(Amount(calls=3))
    assert ledger.reserve("a", Amount(calls=1)) is None
    with pytest.raises(ValueError, match="`a` has a reservation already"):
        ledger.reserve("a", Amount(calls=1))
    with pytest.raises(KeyError):
        ledger.settle("b", None)


@given(large, large, st.integers(0, 20))
@settings(max_examples=30)
def test_no_sum_is_too_large_to_be_counted(one: Amount, other: Amount, count: int) -> None:
    """Adding commutes and stops at the most that JSON says exactly; no bill raises."""
    assert one + other == other + one
    for part in parts:
        assert min(getattr(one, part) + getattr(other, part), MOST) == getattr(one + other, part)
        assert min(getattr(one, part) * count, MOST) == getattr(one.times(count), part)


@given(amounts, amounts)
@settings(max_examples=30)
def test_an_amount_is_over_a_limit_in_the_parts_that_exceed_it(one: Amount, limit: Amount) -> None:
    """Each part is compared for itself; equal is not over."""
    expected = tuple(part for part in parts if getattr(one, part) > getattr(limit, part))
    assert expected == one.over(limit)
    assert () == limit.over(limit)


@pytest.mark.parametrize("count", [-1, MOST + 1, 1.5, "many"])
def test_an_amount_is_a_whole_number_that_json_can_say(count: object) -> None:
    """Nothing below zero, nothing beyond 2^53 - 1, no fractions of a microdollar."""
    with pytest.raises(ValidationError):
        Amount.model_validate({"microdollars": count})
