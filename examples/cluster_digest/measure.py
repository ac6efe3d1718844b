"""Samples this host for a while and gives what it saw as series.

A sample is raw: gauges and counters as the kernel shows them. Rates are taken between neighbours at
the end, by a pure function, so samples that outlived a crash (in heartbeat details, say) are worth
as much as fresh ones. A counter that fell was reset, by a reboot or a device that went away; what
passed meanwhile is unknown, so that interval has no point.
"""

import asyncio
import math
import socket
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from pydantic import AwareDatetime

from lockstep.record import Record

from .catalogue import CATALOGUE, Metric, find, measurable, reading
from .series import MetricsFrame, Omission, Point, Reading, Series

MOST_SAMPLES = 100_000
"""A week at every six seconds; more is a question for a time-series database."""


class Sample(Record):
    """One look at the host; JSON of about 0.5 KB for the whole catalogue.

    `uptime_seconds` is monotonic since boot: rates use it, because a wall clock can be set.
    """

    host: str
    at: AwareDatetime
    uptime_seconds: float
    readings: dict[str, Reading]


async def sample(
    metrics: Iterable[str],
    window: timedelta,
    interval: timedelta,
    on_sample: Callable[[int, int], None],
    taken: list[Sample] | None = None,
) -> MetricsFrame:
    """Measures once per interval until the window is full, and can be cancelled at any wait.

    `on_sample(done, total)` is called after each sample, first as `(0, total)` for the one that
    rates start from. `taken` is the caller's own list: each sample is appended to it before the
    call, and what it holds already counts as done, unless it comes from another host.

    MetricNotFound where one of the metrics is not measurable here; ValueError for a window that
    holds no interval or too many.
    """
    total = _intervals(window, interval)
    wanted = find(metrics)
    taken = [] if taken is None else taken
    host = socket.gethostname()
    if any(one.host != host for one in taken):
        taken.clear()
    due = taken[-1].uptime_seconds if taken else -math.inf
    while len(taken) <= total:
        # Counted from the last due time, so that slow samples do not stretch the window; never
        # from before now, so that a suspended machine does not catch up in a burst.
        due = max(due + interval.total_seconds(), time.monotonic())
        due = min(due, time.monotonic() + interval.total_seconds())
        await asyncio.sleep(due - time.monotonic())
        taken.append(_look(host, wanted))
        on_sample(len(taken) - 1, total)
    return frame(wanted, taken, interval, _omitted({metric.name for metric in wanted}))


def frame(
    metrics: Sequence[Metric],
    samples: Sequence[Sample],
    interval: timedelta,
    omitted: Sequence[Omission] = (),
) -> MetricsFrame:
    """Samples of one host as series, one point for each sample after the first."""
    return MetricsFrame(
        host=samples[0].host,
        started_at=samples[0].at,
        finished_at=samples[-1].at,
        interval_seconds=interval.total_seconds(),
        series=[
            Series(metric=metric.name, unit=metric.unit, points=_points(metric, samples))
            for metric in metrics
        ],
        omitted=list(omitted),
    )


def _look(host: str, metrics: Sequence[Metric]) -> Sample:
    readings = {metric.name: reading(metric) for metric in metrics}
    return Sample(
        host=host,
        at=datetime.now(UTC),
        uptime_seconds=time.monotonic(),
        readings={name: value for name, value in readings.items() if value is not None},
    )


def _points(metric: Metric, samples: Sequence[Sample]) -> list[Point]:
    values = ((_value(metric, *pair), pair[1].at) for pair in pairwise(samples))
    return [Point(at=at, value=value) for value, at in values if value is not None]


def _value(metric: Metric, before: Sample, after: Sample) -> float | None:
    now = after.readings.get(metric.name)
    if now is None or not metric.counter:
        return now
    then = before.readings.get(metric.name)
    seconds = after.uptime_seconds - before.uptime_seconds
    # Time that ran backwards is a reboot between the two.
    if then is None or now < then or seconds <= 0:
        return None
    return min((now - then) / seconds, metric.most)


def _omitted(asked: set[str]) -> list[Omission]:
    here = set(measurable())
    return [
        Omission(
            metric=name, reason="not asked for" if name in here else "not measurable on this host"
        )
        for name in CATALOGUE
        if name not in asked
    ]


def _intervals(window: timedelta, interval: timedelta) -> int:
    if interval <= timedelta(0) or window < interval:
        raise ValueError(f"a window of {window} holds no interval of {interval}; make it longer")
    total = math.ceil(window / interval)
    if total > MOST_SAMPLES:
        raise ValueError(f"{total:,} samples, more than {MOST_SAMPLES:,}; sample less often")
    return total
