"""How long a server asks to be left alone: in seconds, in milliseconds, or until a date.

Only read here. Waiting is Temporal's, so the time counts also while no worker is up.
"""

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

MAX_WAIT = timedelta(minutes=15)
"""A server may ask to be left alone for weeks; by then somebody should have looked."""
_MILLISECOND = timedelta(milliseconds=1)


def retry_after(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """15 minutes at most; None if the server does not say, or says it in no way we can read."""
    milliseconds, seconds = headers.get("retry-after-ms", ""), headers.get("retry-after", "")
    for wait in (
        _number(milliseconds, _MILLISECOND),
        _number(seconds, timedelta(seconds=1)),
        _until(seconds, now),
    ):
        if wait:
            return timedelta(milliseconds=math.ceil(min(wait, MAX_WAIT) / _MILLISECOND))
    return None


def _number(text: str, unit: timedelta) -> timedelta | None:
    try:
        # What is not a number is not above nothing either.
        return min(float(text), MAX_WAIT / unit) * unit if float(text) > 0 else None
    except ValueError:
        return None


def _until(text: str, now: datetime) -> timedelta | None:
    try:
        when = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    # A date without a zone is in universal time, as all dates of HTTP are.
    wait = (when if when.tzinfo else when.replace(tzinfo=UTC)) - now
    return wait if wait > timedelta() else None
