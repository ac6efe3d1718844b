"""Findings as a digest: Markdown and one HTML page that needs nothing else.

The view below says what is shown, the two templates say how. The same findings and frame give the
same bytes, so a digest can be compared with the one of another run. Nothing here judges: what is
unusual was decided by `detect`.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from . import words
from .catalogue import CATALOGUE
from .detect import NEAR_LIMIT_PERCENT, Findings, MetricSummary
from .digest import Digest
from .episode import Episode, episodes
from .plot import plot, sparkline
from .series import MetricsFrame, Point, Series, Unit
from .usual import FEWEST_POINTS, LEAST_DIFFERENCE, THRESHOLD
from .verdict import verdict

MOST_LISTED = 12
"""Metrics listed as standing out, strongest first; the rest is counted, and stands in the plots."""

_GROUPS = (
    ("CPU", ("cpu", "load")),
    ("Memory", ("memory",)),
    ("Disk", ("disk", "filesystem")),
    ("Network", ("network",)),
)
_TEMPLATES = FileSystemLoader(Path(__file__).parent)
_HTML = Environment(
    loader=_TEMPLATES,
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
# Long names may break behind an underscore; joining Markup escapes each part.
_HTML.filters["breakable"] = lambda name: Markup("_<wbr>").join(name.split("_"))
_MARKDOWN = Environment(
    loader=_TEMPLATES,
    # Escapes whatever a template prints, as autoescape does for HTML.
    finalize=lambda value: words.markdown(str(value)),
    autoescape=False,  # noqa: S701, HTML escapes would be shown as they stand
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def render(findings: Findings, frame: MetricsFrame, title: str, scheduled_at: datetime) -> Digest:
    """The digest of one window; frame and findings must be about the same one."""
    told = episodes(findings.anomalies, timedelta(seconds=frame.interval_seconds))
    view = _view(findings, frame, told, title, scheduled_at)
    return Digest(
        title=view["title"],
        scheduled_at=scheduled_at,
        markdown=_MARKDOWN.get_template("template.md.j2").render(view),
        html=_HTML.get_template("template.html.j2").render(view),
    )


def _view(
    findings: Findings,
    frame: MetricsFrame,
    told: Sequence[Episode],
    title: str,
    scheduled_at: datetime,
) -> dict[str, Any]:
    window = findings.window_end - findings.window_start
    standing_out = _standing_out(told)
    return {
        "title": words.plain(title),
        "host": words.plain(findings.host),
        "verdict": verdict(findings, told),
        "scheduled": f"{words.day(scheduled_at)}, {words.moment(scheduled_at, timedelta(hours=1))}",
        "period": words.period(findings.window_start, findings.window_end),
        "window": words.span(window),
        "interval": words.span(timedelta(seconds=frame.interval_seconds)),
        "samples": max((len(series.points) for series in frame.series), default=0),
        "episodes": [_episode(group, findings, window) for group in standing_out[:MOST_LISTED]],
        "unlisted": max(len(standing_out) - MOST_LISTED, 0),
        "near_limit": [
            {
                "metric": words.plain(name),
                "latest": words.quantity(findings.metrics[name].latest, Unit.PERCENT),
            }
            for name in findings.near_limit
        ],
        "groups": _groups(findings, frame),
        "missing": [
            *({"metric": words.plain(name), "reason": "no sample"} for name in findings.unmeasured),
            *(
                {"metric": words.plain(one.metric), "reason": words.plain(one.reason)}
                for one in frame.omitted
            ),
        ],
        "near": f"below {words.quantity(NEAR_LIMIT_PERCENT, Unit.PERCENT)}",
        "method": _method(),
    }


def _standing_out(told: Sequence[Episode]) -> list[list[Episode]]:
    """The episodes of each metric, strongest first; one noisy metric must not hide the others."""
    metrics: dict[str, list[Episode]] = {}
    for episode in sorted(told, key=lambda episode: -abs(episode.peak.score)):
        metrics.setdefault(episode.metric, []).append(episode)
    return list(metrics.values())


def _episode(episodes: list[Episode], findings: Findings, window: timedelta) -> dict[str, Any]:
    episode = episodes[0]
    summary = findings.metrics[episode.metric]
    first, last = (words.moment(at, window) for at in (episode.first, episode.last))
    return {
        "metric": words.plain(episode.metric),
        "when": first if first == last else f"{first} – {last}",
        "points": episode.points,
        "others": len(episodes) - 1,
        "peak": words.quantity(episode.peak.value, summary.unit),
        "direction": episode.direction,
        "usual": _usual(summary),
        "score": f"{abs(episode.peak.score):.1f}" if abs(episode.peak.score) < 1000 else "> 1000",
    }


def _groups(findings: Findings, frame: MetricsFrame) -> list[dict[str, Any]]:
    """The measured metrics under their headings; those no heading fits stand last."""
    grouped: dict[str, list[dict[str, Any]]] = {name: [] for name, _ in (*_GROUPS, ("Other", ()))}
    for series in frame.series:
        if series.metric in findings.metrics:
            grouped[_group(series.metric)].append(_metric(series, findings, frame))
    return [{"name": name, "metrics": metrics} for name, metrics in grouped.items() if metrics]


def _group(metric: str) -> str:
    for name, marks in _GROUPS:
        if any(mark in metric for mark in marks):
            return name
    return "Other"


def _metric(series: Series, findings: Findings, frame: MetricsFrame) -> dict[str, Any]:
    summary = findings.metrics[series.metric]
    points = _in_order(series.points)
    known = CATALOGUE.get(series.metric)
    picture = plot(
        points,
        summary,
        findings.window_start,
        findings.window_end,
        timedelta(seconds=frame.interval_seconds),
    )
    return {
        "name": words.plain(series.metric),
        "says": known.says if known else "",
        "now": words.quantity(summary.latest, summary.unit),
        "avg": words.quantity(summary.avg, summary.unit),
        "p95": words.quantity(summary.p95, summary.unit),
        "max": words.quantity(summary.maximum, summary.unit),
        "usual": _usual(summary),
        "note": words.plain(summary.note),
        "now_alarms": not summary.is_usual(summary.latest) or series.metric in findings.near_limit,
        "max_alarms": not summary.is_usual(summary.maximum),
        # Both are drawn from numbers alone; no text of the frame is in them.
        "spark": Markup(sparkline(points, summary)),  # noqa: S704
        "plot": Markup(picture),  # noqa: S704
    }


def _in_order(points: Sequence[Point]) -> list[Point]:
    return sorted(points, key=lambda point: point.at)


def _usual(summary: MetricSummary) -> str:
    if summary.usual_low is None or summary.usual_high is None:
        return ""
    return words.usual_range(summary.usual_low, summary.usual_high, summary.minimum, summary.unit)


def _method() -> str:
    least = words.quantity(LEAST_DIFFERENCE[Unit.PERCENT], Unit.PERCENT)
    return (
        f"A point is marked when its modified z-score (median and MAD) exceeds {THRESHOLD} and it"
        f" differs enough to matter ({least} for percentages); series of fewer than"
        f" {FEWEST_POINTS} points are not judged. Near the limit: {NEAR_LIMIT_PERCENT:.0f} % or"
        " more at the end."
    )
