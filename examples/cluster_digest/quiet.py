"""Which metric moved least in a frame? The figure by which somebody would call one outdated.

A flat line is no proof: a metric that counts trouble is flat while there is none. So this measures
and concludes nothing; whether a metric may go is policy's to say.
"""

from typing import Annotated

from lockstep.record import Record
from lockstep.resource import Resource

from . import words
from .series import MetricsFrame, Unit


class Quiet(Record):
    """A metric and its spread: the highest less the lowest value, as a share of the value that is
    furthest from zero; 0 for a flat line, 2 for one that swings as far below zero as above.
    """

    metric: Annotated[str, Resource("metric")]
    spread: float
    says: str


def quietest(frame: MetricsFrame) -> Quiet | None:
    """The metric that moved least; of equals the first by name, and None where nothing was
    measured.
    """
    measured = [series for series in frame.series if series.points]
    found = [
        (spread([point.value for point in series.points]), series.metric, series)
        for series in measured
    ]
    if not found:
        return None
    share, metric, series = min(found, key=lambda one: one[:2])
    values = [point.value for point in series.points]
    return Quiet(metric=metric, spread=share, says=_says(values, series.unit, share))


def spread(values: list[float]) -> float:
    """Of values, at least one; comparable between metrics of any unit."""
    furthest = max(map(abs, values))
    return (max(values) - min(values)) / furthest if furthest else 0.0


def _says(values: list[float], unit: Unit, share: float) -> str:
    low, high = (words.quantity(value, unit) for value in (min(values), max(values)))
    if share == 0:
        return f"did not move in {len(values)} points: {low} throughout"
    return f"moved by {100 * share:.2g} % in {len(values)} points, from {low} to {high}"
