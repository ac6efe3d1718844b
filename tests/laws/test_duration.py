"""Lengths of time: one spelling each."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from lockstep.duration import LONGEST, Duration, parse_duration, write_duration

ADAPTER: TypeAdapter[timedelta] = TypeAdapter(Duration)

milliseconds = st.integers(1, LONGEST // timedelta(milliseconds=1))
units = st.sampled_from(["ms", "s", "m", "h", "d"])


@given(milliseconds)
@example(1)
@example(LONGEST // timedelta(milliseconds=1))
@settings(max_examples=100)
def test_a_length_comes_back_as_it_was_written(count: int) -> None:
    """Written and read again it is the same length, and written again the same text."""
    length = timedelta(milliseconds=count)
    written = write_duration(length)
    assert length == parse_duration(written)
    assert written == write_duration(parse_duration(written))


@given(st.integers(1, 36_500), units)
@settings(max_examples=30)
def test_each_length_has_one_spelling(number: int, unit: str) -> None:
    """However a person writes it, what is dumped depends on the length alone; none is shorter."""
    given_ = f"{number}{unit}"
    length = parse_duration(given_)
    dumped = ADAPTER.dump_python(ADAPTER.validate_python(given_), mode="json")
    assert dumped == write_duration(length)
    assert len(dumped) <= len(given_)


def test_the_unit_is_the_largest_that_divides_the_length() -> None:
    """60 s is a minute, 90 s are no minutes."""
    assert ["1m", "90s", "1d", "36h", "1500ms", "1ms"] == [
        write_duration(parse_duration(text))
        for text in ("60s", "90s", "24h", "36h", "1500ms", "1ms")
    ]


@pytest.mark.parametrize(
    "text",
    [
        "", "5", "s", "5 s", " 5s", "5s\n", "5S", "+5s", "-5s", "5.5s", "5s5s", "1m30s", "5w",
        "٣s", "٣", "0s", "007s", "1e3s", "P1D", "36501d",
        "9" * 13 + "d", "9" * 13 + "ms", "9" * 14 + "ms",
        5, 5.0, None, True, ["5s"], b"5s",
    ],
    ids=repr,
)  # fmt: skip
def test_anything_else_is_refused(text: Any) -> None:
    """Other spellings, nothing at all, and lengths beyond a century; the message shows how."""
    with pytest.raises(ValidationError, match="a length of time is"):
        ADAPTER.validate_python(text)


@pytest.mark.parametrize(
    "length",
    [timedelta(), timedelta(seconds=-1), timedelta(microseconds=1500), timedelta(days=36_501)],
)
def test_a_length_from_code_must_be_one_that_can_be_written(length: timedelta) -> None:
    """What an agent's author passes as a timedelta is held to the same."""
    with pytest.raises(ValidationError, match="in whole milliseconds"):
        ADAPTER.validate_python(length)


def test_the_longest_length_still_ends_on_a_date() -> None:
    """A deadline of twenty attempts, counted from now, does not overflow the calendar."""
    assert 4025 == (datetime(2026, 11, 21, tzinfo=UTC) + 20 * parse_duration("36500d")).year


def test_the_published_pattern_admits_what_is_written() -> None:
    """Whoever checks a plan by its JSON Schema accepts every length that we write."""
    pattern = ADAPTER.json_schema()["pattern"]
    for count in (1, 999, 1000, 90_000, 3_600_000, 86_400_000):
        assert re.search(pattern, write_duration(timedelta(milliseconds=count)))
    assert not re.search(pattern, "5 s")
