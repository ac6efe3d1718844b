"""How the limits of planning and of running meet where one command does both."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockstep.amount import Amount
from lockstep.budget import Ledger
from lockstep.outlay import Outlay
from lockstep.usage import Bill, Usage

SMALL = st.integers(0, 1000)


def planned(used: int, limit: int, held: int = 0) -> Outlay:
    return Outlay(
        planning="p",
        bill=Bill(calls=1, usage=Usage(input=used), microdollars=used),
        limit=Amount(tokens=limit, microdollars=limit),
        held=Amount(tokens=held, microdollars=held) if held else None,
    )


def room(steps: int, told: Outlay) -> int:
    """Tokens that are left for the steps."""
    return told.budget(Amount(tokens=steps)).tokens - told.spent.tokens


@given(SMALL, SMALL, SMALL, SMALL)
def test_each_limit_holds_for_its_part_and_the_larger_for_both(
    steps: int, limit: int, used: int, held: int
) -> None:
    """Steps never have more than their own limit, nor both together more than the larger, unless
    planning alone has used it up; and what is left is never less than nothing.
    """
    told = planned(used, limit, held)

    left = room(steps, told)
    assert 0 <= left <= steps
    assert told.spent.tokens + left <= max(steps, limit, told.spent.tokens)


@given(SMALL, SMALL, SMALL)
def test_planning_takes_nothing_from_steps_that_fit_beside_it(
    steps: int, limit: int, used: int
) -> None:
    """Within the larger limit the steps have all of their own."""
    told = planned(used, limit)

    assert (used + steps <= max(steps, limit)) <= (steps == room(steps, told))


@given(SMALL, SMALL)
def test_one_number_in_both_places_bounds_all_of_it(limit: int, used: int) -> None:
    """Then each token of planning is one less for the steps."""
    assert max(limit - used, 0) == room(limit, planned(used, limit))


@pytest.mark.parametrize("used", [5, 50])
def test_steps_that_need_nothing_run_whatever_planning_used(used: int) -> None:
    """A ledger that begins with what planning spent takes their calls."""
    told = planned(used, 10)
    ledger = Ledger(told.budget(Amount(calls=3)))
    ledger.spent = told.spent

    assert ledger.reserve("a", Amount(calls=3)) is None
    settled = ledger.settle("a", Amount(calls=1))
    assert (1, used) == (settled.calls, ledger.committed.tokens)
    assert ledger.reserve("b", Amount(tokens=1)) is not None


def test_tools_calls_are_the_run_s_alone() -> None:
    """Calls of a model are no calls of a tool."""
    assert (7, 0) == (
        planned(5, 10).budget(Amount(calls=7)).calls,
        planned(5, 10).spent.calls,
    )
