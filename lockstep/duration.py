"""Lengths of time as people write them: `500ms`, `30s`, `5m`, `24h`, `90d`.

One unit a value, so that a length has one spelling and a lock one digest.
"""

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

_UNITS = {
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
    "ms": timedelta(milliseconds=1),
}
_WRITTEN = re.compile(r"^([1-9][0-9]{0,12})(ms|s|m|h|d)$")
LONGEST = timedelta(days=36_500)
"""A deadline counted from now must still be a date."""


def parse_duration(value: Any) -> timedelta:
    """A timedelta that can be written down again; ValueError for anything else."""
    length = value if isinstance(value, timedelta) else _read(value)
    if not timedelta() < length <= LONGEST or length % _UNITS["ms"]:
        raise ValueError(
            f"a length of time is at least `1ms` and at most `{write_duration(LONGEST)}`, "
            "in whole milliseconds"
        )
    return length


def _read(value: Any) -> timedelta:
    written = _WRITTEN.fullmatch(value) if isinstance(value, str) else None
    if written is None:
        raise ValueError("a length of time is written `500ms`, `30s`, `5m`, `24h` or `90d`")
    unit = _UNITS[written[2]]
    # Past the longest by one is past it as well, and no multiplication overflows.
    return min(int(written[1]), LONGEST // unit + 1) * unit


def write_duration(value: timedelta) -> str:
    """The shortest spelling, in the largest unit that divides the length."""
    for unit, length in _UNITS.items():
        if value >= length and not value % length:
            return f"{value // length}{unit}"
    return f"{value // _UNITS['ms']}ms"


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(write_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": _WRITTEN.pattern}),
]
