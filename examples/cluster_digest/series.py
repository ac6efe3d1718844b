"""Measured numbers with their time and unit: what `measure` hands to `detect` and `render`.

A frame says what was measured and also what was not, each with a reason: a metric that vanishes
from a digest without a word is how this agent came to be written.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Self

from pydantic import AwareDatetime, Field, model_validator

from lockstep.record import Record

Reading = Annotated[float, Field(ge=-1e30, le=1e30)]
"""A finite number; the bound lies beyond anything a host counts and keeps sums finite too."""


class Unit(StrEnum):
    """What a value counts; decides how it is printed and which difference matters."""

    PERCENT = "percent"
    BYTES = "bytes"
    BYTES_PER_SECOND = "bytes_per_second"
    SECONDS_PER_SECOND = "seconds_per_second"
    PER_SECOND = "per_second"
    TASKS = "tasks"
    NUMBER = "number"


class Point(Record):
    """One value at one time."""

    at: AwareDatetime
    value: Reading


class Series(Record):
    """One metric over the window; a sample that could not be read has no point."""

    metric: str
    unit: Unit
    points: list[Point]


class Omission(Record):
    """A metric that the frame does not hold, and why not."""

    metric: str
    reason: str


class MetricsFrame(Record):
    """All that was measured on one host, or in one cluster, in one window; each metric stands
    once, and what is only part of a metric is also omitted.
    """

    host: str
    started_at: AwareDatetime
    finished_at: AwareDatetime
    interval_seconds: Annotated[float, Field(gt=0, le=1e9)]
    series: list[Series]
    omitted: list[Omission] = []

    @model_validator(mode="after")
    def _names_stand_once(self) -> Self:
        again = _repeated([series.metric for series in self.series])
        if again is not None:
            raise ValueError(f"metric `{again}` stands twice in one frame")
        return self


def _repeated(names: Sequence[str]) -> str | None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None
