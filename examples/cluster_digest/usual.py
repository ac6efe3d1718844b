"""Which values are usual in a series? A plain robust statistic, without any training.

The modified z-score of Iglewicz and Hoaglin (How to Detect and Handle Outliers, 1993):
`0.6745 (x - median) / MAD`, unusual beyond 3.5. Median and MAD (median absolute deviation) stand
firm until half of the points are bad, where mean and standard deviation move with the first one.
When more than half of the points are equal, MAD is 0 and the same authors' fallback serves:
`(x - median) / (1.2533 * mean absolute deviation)`. When that is 0 as well, nothing is unusual.

We add a least difference, in the metric's own unit: three standard deviations of almost nothing
are still almost nothing, and nobody should be woken by them. What this cannot see: seasons, slow
drift, and a level that is bad but steady.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from .series import Unit

FEWEST_POINTS = 24
"""Two minutes at five seconds, a day at an hour; below it MAD itself is mostly noise."""
THRESHOLD = 3.5
_FROM_MAD = 1 / 0.6745
"""MAD times this, and mean absolute deviation times the next, estimate a standard deviation."""
_FROM_MEAN = 1.2533
_MOST_SCORE = 1e6
"""Keeps a score finite where the spread is next to nothing; more would not say more."""

LEAST_DIFFERENCE: dict[Unit, float] = {
    Unit.PERCENT: 5.0,
    Unit.BYTES: 16 * 2**20,
    Unit.BYTES_PER_SECOND: 256 * 2**10,
    Unit.SECONDS_PER_SECOND: 0.01,
    Unit.PER_SECOND: 0.0,
    Unit.TASKS: 0.5,
    Unit.NUMBER: 0.0,
}
"""Nearer to the median than this is never unusual; see also LEAST_SHARE."""
LEAST_SHARE = 0.01
"""Of the median: the same for large values, and above the noise of floating point."""


@dataclass(frozen=True)
class Usual:
    """What is usual: the median and everything at most `reach` away from it."""

    median: float
    scale: float
    reach: float

    @property
    def low(self) -> float:
        return self.median - self.reach

    @property
    def high(self) -> float:
        return self.median + self.reach

    def score(self, value: float) -> float:
        """The modified z-score; its sign is the direction."""
        score = (value - self.median) / self.scale
        return max(-_MOST_SCORE, min(score, _MOST_SCORE))

    def holds(self, value: float) -> bool:
        return self.low <= value <= self.high


def usual(values: Sequence[float], unit: Unit) -> Usual | None:
    """What is usual among finite values; None where all are equal, or too few to say."""
    if len(values) < FEWEST_POINTS:
        return None
    median = statistics.median(values)
    deviations = [abs(value - median) for value in values]
    scale = statistics.median(deviations) * _FROM_MAD
    if scale == 0:
        scale = statistics.fmean(deviations) * _FROM_MEAN
    if scale == 0 or not math.isfinite(scale):
        return None
    reach = max(THRESHOLD * scale, least_difference(unit, median))
    return Usual(median=median, scale=scale, reach=reach)


def least_difference(unit: Unit, median: float) -> float:
    """How far from the median a value must be to matter at all."""
    return max(LEAST_DIFFERENCE[unit], LEAST_SHARE * abs(median))
