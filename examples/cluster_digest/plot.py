"""Series as pictures: SVG text to be set inline, without one word of foreign text in it.

Matplotlib draws; every colour is a stand-in that becomes a CSS variable afterwards, so one picture
serves light and dark. Letters stay text (no glyph outlines) and take the page's typeface. Equal
series give equal bytes.
"""

import io
import math
import re
import threading
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from .detect import MetricSummary
from .series import Point, Unit
from .usual import least_difference
from .words import moment, quantity

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH, HEIGHT = 320, 124
"""In points, which the page scales to the width it has."""
SPARK_WIDTH, SPARK_HEIGHT = 96, 24

_COLOURS = {
    "#010101": "var(--line)",
    "#020202": "var(--usual)",
    "#030303": "var(--alarm)",
    "#040404": "var(--muted)",
    "#050505": "var(--rule)",
    "#060606": "var(--card)",
}
_LINE, _USUAL, _ALARM, _MUTED, _RULE, _CARD = _COLOURS
_one_at_a_time = threading.Lock()
"""Matplotlib's settings belong to the process, and activities run in threads."""


def plot(
    points: Sequence[Point],
    summary: MetricSummary,
    start: datetime,
    end: datetime,
    interval: timedelta,
) -> str:
    """A line over the window, the usual range as a band, anomalies as dots."""
    # Loaded with the first picture: it takes a second, and whoever checks a plan draws nothing.
    import matplotlib  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    text = io.StringIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    with (
        _one_at_a_time,
        matplotlib.rc_context(
            {"svg.hashsalt": "lockstep", "svg.fonttype": "none", "font.size": 11.0}
        ),
    ):
        figure = Figure(figsize=(WIDTH / 72, HEIGHT / 72))
        axes = figure.add_axes((0.215, 0.17, 0.77, 0.775))
        _draw(axes, points, summary, start, interval)
        _dress(axes, summary.unit, start, max(end - start, interval))
        figure.savefig(text, format="svg", transparent=True, metadata=nothing)
    return _inline(text.getvalue())


def sparkline(points: Sequence[Point], summary: MetricSummary) -> str:
    """The shape alone, alarms as dots. Noise too small to matter is drawn flat."""
    low, high = _limits(summary, summary.minimum, summary.maximum)
    shown = _thinned(points, summary.median)
    step = (SPARK_WIDTH - 4) / max(len(shown) - 1, 1)
    dots = [
        (2 + step * place, 2 + (SPARK_HEIGHT - 4) * (high - point.value) / (high - low))
        for place, point in enumerate(shown)
    ]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in dots)
    alarms = "".join(
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2"/>'
        for (x, y), point in zip(dots, shown, strict=True)
        if not summary.is_usual(point.value)
    )
    return (
        f'<svg class="spark" viewBox="0 0 {SPARK_WIDTH} {SPARK_HEIGHT}" aria-hidden="true">'
        f'<polyline points="{line}"/>{alarms}</svg>'
    )


def _draw(
    axes: "Axes",
    points: Sequence[Point],
    summary: MetricSummary,
    start: datetime,
    interval: timedelta,
) -> None:
    for times, values in _stretches(points, start, interval):
        # A stretch of one point has no line to draw.
        marker = "." if len(times) == 1 else ""
        axes.plot(times, values, color=_LINE, linewidth=1.3, marker=marker)
    unusual = [point for point in points if not summary.is_usual(point.value)]
    axes.plot(
        [_seconds(point.at, start) for point in unusual],
        [point.value for point in unusual],
        color=_ALARM,
        linestyle="",
        marker="o",
        markersize=5.5,
        markeredgecolor=_CARD,
        markeredgewidth=0.8,
    )
    axes.set_ylim(_axis(summary))
    if summary.usual_low is not None and summary.usual_high is not None:
        axes.axhspan(summary.usual_low, summary.usual_high, color=_USUAL, linewidth=0, zorder=0)


def _stretches(
    points: Sequence[Point], start: datetime, interval: timedelta
) -> list[tuple[list[float], list[float]]]:
    """Times and values, cut where samples are missing: a line across a gap would be invented."""
    cut: list[tuple[list[float], list[float]]] = []
    for place, point in enumerate(points):
        if place == 0 or point.at - points[place - 1].at > 2.5 * interval:
            cut.append(([], []))
        cut[-1][0].append(_seconds(point.at, start))
        cut[-1][1].append(point.value)
    return cut


def _thinned(points: Sequence[Point], median: float) -> list[Point]:
    """At most one point for each pixel: of many, the one furthest from the median."""
    size = -(-len(points) // SPARK_WIDTH)
    return [
        max(points[place : place + size], key=lambda point: abs(point.value - median))
        for place in range(0, len(points), size)
    ]


def _limits(summary: MetricSummary, low: float, high: float) -> tuple[float, float]:
    """A range of values that holds low and high, and is not so narrow that noise fills it."""
    least = least_difference(summary.unit, summary.median) or 1.0
    missing = max(2 * least - (high - low), 0.0)
    low, high = low - missing / 2, high + missing / 2
    if summary.minimum >= 0 and low < 0.4 * high:
        return 0.0, max(high, high - low)
    return low, high


def _axis(summary: MetricSummary) -> tuple[float, float]:
    """The limits of a plot: the measured and the usual, with a little air."""
    low, high = summary.minimum, summary.maximum
    if summary.usual_low is not None and summary.usual_high is not None:
        # What has never been negative will not be; a band down there would only press the line up.
        floor = 0.0 if low >= 0 else -math.inf
        low, high = min(low, max(summary.usual_low, floor)), max(high, summary.usual_high)
    low, high = _limits(summary, low, high)
    air = 0.07 * (high - low)
    if summary.unit is Unit.PERCENT and summary.maximum <= 100:
        high = min(high, 100.0)
    return low - (air / 3 if low == 0 else air), high + air


def _dress(axes: "Axes", unit: Unit, start: datetime, length: timedelta) -> None:
    """Few, quiet marks: three times, about three values, hair lines."""
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415

    low, high = axes.get_ylim()
    size = _size(low if low > 0 else high, unit)
    rounded = MaxNLocator(4, min_n_ticks=3, steps=[1, 2, 2.5, 5, 10])
    values = rounded.tick_values(low / size, high / size)
    ticks = [float(value) * size for value in values if low <= value * size <= high]
    axes.set_yticks(ticks, [quantity(tick, unit) for tick in ticks])
    parts = [length * part / 2 for part in range(3)]
    axes.set_xlim(0, length.total_seconds())
    axes.set_xticks(
        [part.total_seconds() for part in parts],
        [moment(start + part, length) for part in parts],
    )
    labels = axes.get_xticklabels()
    labels[0].set_horizontalalignment("left")
    labels[-1].set_horizontalalignment("right")
    axes.tick_params(length=0, pad=6, labelcolor=_MUTED)
    axes.grid(axis="y", color=_RULE, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.patch.set_visible(False)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _size(value: float, unit: Unit) -> float:
    """What ticks are round in: MiB for values from some MiB on."""
    if unit not in (Unit.BYTES, Unit.BYTES_PER_SECOND) or value < 1:
        return 1.0
    return 1024.0 ** int(math.log(value, 1024))


def _inline(svg: str) -> str:
    """The picture without prologue, size and names, in the page's colours."""
    svg = svg[svg.index("<svg") :]
    # Group names would stand many times in one page; what is referred to keeps its name.
    svg = re.sub(r'<g id="[^"]*"', "<g", svg)
    svg = re.sub(r'<svg .*?viewBox="([^"]*)"[^>]*>', r'<svg viewBox="\1" aria-hidden="true">', svg)
    return re.sub("|".join(_COLOURS), lambda found: _COLOURS[found[0]], svg).strip()


def _seconds(at: datetime, start: datetime) -> float:
    return (at - start).total_seconds()
