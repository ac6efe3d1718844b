"""Anomalies as a person tells them: not ninety points, but one stretch with a beginning and a peak.

Points of one metric on one side of the usual belong together while no more than one usual sample
lies between them.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from lockstep.record import Record

from .detect import Anomaly, Direction


class Episode(Record):
    """A stretch of anomalies; `peak` is the one furthest from usual."""

    metric: str
    direction: Direction
    first: datetime
    last: datetime
    peak: Anomaly
    points: int


def episodes(anomalies: Iterable[Anomaly], interval: timedelta) -> list[Episode]:
    """The stretches, in order of their beginning; the anomalies may come in any order."""
    stretches: dict[tuple[str, Direction], list[list[Anomaly]]] = {}
    for anomaly in sorted(anomalies, key=lambda anomaly: anomaly.at):
        known = stretches.setdefault((anomaly.metric, anomaly.direction), [])
        # Half an interval more than two: samples are never taken exactly on time.
        if known and anomaly.at - known[-1][-1].at <= 2.5 * interval:
            known[-1].append(anomaly)
        else:
            known.append([anomaly])
    told = [_told(stretch) for group in stretches.values() for stretch in group]
    return sorted(told, key=lambda episode: (episode.first, episode.metric, episode.direction))


def _told(stretch: list[Anomaly]) -> Episode:
    return Episode(
        metric=stretch[0].metric,
        direction=stretch[0].direction,
        first=stretch[0].at,
        last=stretch[-1].at,
        peak=max(stretch, key=lambda anomaly: abs(anomaly.score)),
        points=len(stretch),
    )
