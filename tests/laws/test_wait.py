"""What is read from a server that asks to be left alone."""

import math
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.models.wait import MAX_WAIT, retry_after

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({}, None),
        ({"retry-after": "2"}, timedelta(seconds=2)),
        ({"retry-after": "1.5"}, timedelta(seconds=1.5)),
        ({"retry-after-ms": "250"}, timedelta(milliseconds=250)),
        ({"retry-after-ms": "250", "retry-after": "9"}, timedelta(milliseconds=250)),
        ({"retry-after-ms": "soon", "retry-after": "9"}, timedelta(seconds=9)),
        ({"retry-after": "Sat, 21 Nov 2026 12:00:30 GMT"}, timedelta(seconds=30)),
        ({"retry-after": "Sat, 21 Nov 2026 12:00:30"}, timedelta(seconds=30)),
        ({"retry-after": "Sat, 21 Nov 2026 11:00:00 GMT"}, None),
        ({"retry-after": "4233600"}, MAX_WAIT),
        ({"retry-after": "1e999"}, MAX_WAIT),
        ({"retry-after": "Sat, 21 Nov 2099 12:00:00 GMT"}, MAX_WAIT),
        ({"retry-after": "0"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "-inf"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Mon, 99 Foo 2026 99:99:99 GMT"}, None),
    ],
)
def test_a_wait_is_read_as_seconds_milliseconds_or_a_date(
    headers: dict[str, str], wait: timedelta | None
) -> None:
    """Fifteen minutes at most; what cannot be read is not waited for."""
    assert wait == retry_after(headers, NOW)


@given(st.text(max_size=40) | st.floats().map(str) | st.datetimes().map(format_datetime))
def test_no_header_makes_a_wait_that_cannot_be_waited(text: str) -> None:
    """Whatever a server says: none, or whole milliseconds within the limit."""
    for name in ("retry-after", "retry-after-ms"):
        wait = retry_after({name: text}, NOW)
        if wait is not None:
            assert timedelta() < wait <= MAX_WAIT
            assert math.floor(wait / timedelta(milliseconds=1)) * timedelta(milliseconds=1) == wait
