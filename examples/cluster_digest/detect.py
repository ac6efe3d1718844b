"""What stands out in a frame: a summary for each metric, and the points that are not usual.

`usual` says how a point is judged. A series with too few points is summarised but not judged, and
its note says so: silence would read as health.
"""

import math
import statistics
from collections.abc import Sequence
from enum import StrEnum

from pydantic import AwareDatetime

from lockstep.record import Record

from .series import MetricsFrame, Point, Reading, Series, Unit
from .usual import FEWEST_POINTS, Usual, usual

NEAR_LIMIT_PERCENT = 90.0
"""A disk that stays at 97 % is usual, and no less full."""


class Direction(StrEnum):
    """On which side of the usual."""

    HIGH = "high"
    LOW = "low"


class Anomaly(Record):
    """A point outside the usual range; `score` is its modified z-score, negative when low."""

    metric: str
    at: AwareDatetime
    value: Reading
    score: float
    direction: Direction


class MetricSummary(Record):
    """One metric over the window, in its unit; `p95` is a measured value (nearest rank).

    The usual range is absent where the series was not judged; `note` then says why.
    """

    unit: Unit
    avg: float
    median: float
    minimum: float
    maximum: float
    p95: float
    latest: float
    points: int
    usual_low: float | None = None
    usual_high: float | None = None
    note: str = ""

    @property
    def judged(self) -> bool:
        """Whether there were points enough to tell the usual from the unusual."""
        return self.points >= FEWEST_POINTS

    def is_usual(self, value: float) -> bool:
        """True where no range is known: nothing is claimed then."""
        if self.usual_low is None or self.usual_high is None:
            return True
        return self.usual_low <= value <= self.usual_high


class Findings(Record):
    """What one window of one host shows.

    `cpu`, `memory` and `filesystem` are the used percentages once more, under names that a guard
    or a test can say: `findings.cpu.avg < 95`. `unmeasured` names series without a single point.
    """

    host: str
    window_start: AwareDatetime
    window_end: AwareDatetime
    metrics: dict[str, MetricSummary]
    anomalies: list[Anomaly]
    anomaly_count: int
    near_limit: list[str]
    unmeasured: list[str]
    cpu: MetricSummary | None = None
    memory: MetricSummary | None = None
    filesystem: MetricSummary | None = None


def detect(frame: MetricsFrame) -> Findings:
    """Judges each series on its own; anomalies are in order of time."""
    metrics: dict[str, MetricSummary] = {}
    anomalies: list[Anomaly] = []
    for series in frame.series:
        points = _finite(series.points)
        if not points:
            continue
        values = [point.value for point in points]
        range_ = usual(values, series.unit)
        metrics[series.metric] = _summary(values, series.unit, range_)
        anomalies += _unusual(series, points, range_)
    return Findings(
        host=frame.host,
        window_start=frame.started_at,
        window_end=frame.finished_at,
        metrics=metrics,
        anomalies=sorted(anomalies, key=lambda anomaly: (anomaly.at, anomaly.metric)),
        anomaly_count=len(anomalies),
        near_limit=[
            name
            for name, summary in metrics.items()
            if summary.unit is Unit.PERCENT and summary.latest >= NEAR_LIMIT_PERCENT
        ],
        unmeasured=[series.metric for series in frame.series if series.metric not in metrics],
        cpu=metrics.get("node_cpu_percent"),
        memory=metrics.get("node_memory_used_percent"),
        filesystem=metrics.get("node_filesystem_used_percent"),
    )


def _finite(points: Sequence[Point]) -> list[Point]:
    """In order of time. Our models refuse NaN, but a model can be built without validation."""
    return sorted(
        (point for point in points if math.isfinite(point.value)), key=lambda point: point.at
    )


def _unusual(series: Series, points: Sequence[Point], range_: Usual | None) -> list[Anomaly]:
    if range_ is None:
        return []
    return [
        Anomaly(
            metric=series.metric,
            at=point.at,
            value=point.value,
            score=range_.score(point.value),
            direction=Direction.HIGH if point.value > range_.median else Direction.LOW,
        )
        for point in points
        if not range_.holds(point.value)
    ]


def _summary(values: Sequence[float], unit: Unit, range_: Usual | None) -> MetricSummary:
    """Of values in order of time, at least one."""
    ranked = sorted(values)
    return MetricSummary(
        unit=unit,
        avg=statistics.fmean(values),
        median=statistics.median(values),
        minimum=ranked[0],
        maximum=ranked[-1],
        p95=ranked[math.ceil(0.95 * len(ranked)) - 1],
        latest=values[-1],
        points=len(values),
        usual_low=range_.low if range_ else None,
        usual_high=range_.high if range_ else None,
        note=_note(values, range_),
    )


def _note(values: Sequence[float], range_: Usual | None) -> str:
    if len(values) < FEWEST_POINTS:
        return f"too few points ({len(values)} of {FEWEST_POINTS})"
    return "constant" if range_ is None else ""
