"""Fetches a window of metrics from a Prometheus, as `measure` measures one on the host.

The moments are counted back from the time the run is about, so a digest that is made late, or
again, shows the same week. A gauge is averaged over its series, a counter (`…_total`) is the sum of
the rates of its series; whoever wants a metric otherwise writes its query into the manifest, and
that is the only PromQL that is not made here. A name is checked before it becomes part of a query.

What an attempt has fetched it says in its heartbeats, as far as that stays small: the next one does
not ask for it again.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Literal

from pydantic import StringConstraints, ValidationError

from lockstep import Call, Record, Signal

from .catalogue import CATALOGUE
from .prometheus import Answer, Prometheus, Refused, Window
from .series import MetricsFrame, Omission, Point, Series, Unit

_NAME = r"^[a-zA-Z_:][a-zA-Z0-9_:]*$"
_LEAST_RANGE = timedelta(minutes=5)
"""A rate wants some samples, and many servers scrape once a minute."""
_MOST_PROGRESS = 48 * 1024
"""Characters of JSON; a heartbeat is to stay small."""


class Settings(Record):
    """The tool's table in the manifest. `selector` holds label matchers, as between braces;
    `queries` has PromQL for metrics that are not to be read as a gauge or a counter is. Both are
    trusted, because whoever reviews the manifest has read them.
    """

    source: Literal["prometheus"]
    selector: str = ""
    queries: dict[Annotated[str, StringConstraints(pattern=_NAME)], str] = {}
    cluster: str = ""


class Progress(Record):
    """What earlier attempts have fetched of this very window."""

    end: datetime
    step: timedelta
    fetched: dict[str, tuple[list[float | None], str]] = {}


async def fetch(
    metrics: Iterable[str],
    optional: Iterable[str],
    points: int,
    interval_seconds: float,
    call: Call,
) -> MetricsFrame:
    """A series for each metric; MetricNotFound is signalled for one of `metrics` without a number
    in the window, and one of `optional` is omitted.
    """
    window = Window.until(call.scheduled_at, interval_seconds, points)
    reading = _Reading(window, _settings(call), _resumed(call, window), call)
    needed = dict.fromkeys(metrics)
    series: list[Series] = []
    omitted: list[Omission] = []
    try:
        async with Prometheus(call.endpoint) as server:
            for name in dict.fromkeys((*needed, *optional)):
                found = await reading.one(name, server)
                if found.values is None and name in needed:
                    raise Signal("MetricNotFound", f'"{name}"')
                omitted += _missing(name, found)
                if found.values is not None:
                    series.append(_series(name, found.values, window))
            host = reading.settings.cluster or server.host
    except Refused as refusal:
        raise Signal("QueryRefused", str(refusal)) from None
    return MetricsFrame(
        host=host,
        started_at=window.start,
        finished_at=window.end,
        interval_seconds=window.step.total_seconds(),
        series=series,
        omitted=omitted,
    )


def _settings(call: Call) -> Settings:
    try:
        return Settings.model_validate(dict(call.settings))
    except ValidationError as error:
        detail = error.errors()[0]
        where = "/".join(map(str, ("settings", *detail["loc"])))
        raise Signal("QueryRefused", f"{where}: {detail['msg']}") from None


def promql(name: str, step: timedelta, settings: Settings) -> str:
    """The query for a metric whose name was checked."""
    own = settings.queries.get(name)
    if own is not None:
        return own
    chosen = f"{name}{{{settings.selector}}}" if settings.selector else name
    if not name.endswith("_total"):
        return f"avg({chosen})"
    return f"sum(rate({chosen}[{max(step, _LEAST_RANGE) // timedelta(milliseconds=1)}ms]))"


def unit(name: str) -> Unit:
    """What a metric counts, which is all that its name says of it."""
    known = CATALOGUE.get(name)
    if known is not None:
        return known.unit
    for ending, counts in (
        ("_bytes_total", Unit.BYTES_PER_SECOND),
        ("_seconds_total", Unit.SECONDS_PER_SECOND),
        ("_total", Unit.PER_SECOND),
        ("_bytes_per_second", Unit.BYTES_PER_SECOND),
        ("_per_second", Unit.PER_SECOND),
        ("_bytes", Unit.BYTES),
        ("_percent", Unit.PERCENT),
    ):
        if name.endswith(ending):
            return counts
    return Unit.NUMBER


@dataclass(frozen=True)
class _Reading:
    """One attempt at a window."""

    window: Window
    settings: Settings
    progress: Progress
    call: Call

    async def one(self, name: str, server: Prometheus) -> Answer:
        """One metric, from the server or from what an earlier attempt fetched; a series without a
        single number is none.
        """
        if not re.fullmatch(_NAME, name):
            return Answer(None)
        known = self.progress.fetched.get(name)
        if known is not None:
            return Answer(*known)
        found = await server.ask(promql(name, self.window.step, self.settings), self.window)
        if found.values is None or all(value is None for value in found.values):
            return Answer(None, found.warning)
        self._keep(name, found.values, found.warning)
        return found

    def _keep(self, name: str, values: list[float | None], warning: str) -> None:
        fetched = self.progress.fetched
        fetched[name] = (values, warning)
        said = self.progress.model_dump(mode="json")
        if len(json.dumps(said)) > _MOST_PROGRESS:
            del fetched[name]
            said = self.progress.model_dump(mode="json")
        self.call.heartbeat(said)


def _resumed(call: Call, window: Window) -> Progress:
    fresh = Progress(end=window.end, step=window.step)
    try:
        told = Progress.model_validate(call.progress)
    except ValidationError:
        return fresh
    fits = all(len(values) == window.points for values, _ in told.fetched.values())
    return told if fits and (told.end, told.step) == (fresh.end, fresh.step) else fresh


def _series(name: str, values: list[float | None], window: Window) -> Series:
    points = [
        Point(at=window.at(index), value=value)
        for index, value in enumerate(values)
        if value is not None
    ]
    return Series(metric=name, unit=unit(name), points=points)


def _missing(name: str, found: Answer) -> Iterator[Omission]:
    """What is not there, or not all of it: a server that had to leave something out warns."""
    said = f", as the server warns: {found.warning}" if found.warning else ""
    if found.values is None:
        yield Omission(metric=name, reason=f"no data in the window{said}")
    elif said:
        yield Omission(metric=name, reason=f"may be incomplete{said}")
