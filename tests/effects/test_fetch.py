"""FetchMetrics where its source is a Prometheus: what it asks, what it believes, what it says of
trouble.

The server here is scripted, for what no real one can be made to do; a real one answers in
`tests/runs/test_prometheus.py`.
"""

import json
import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from activities.package import load_package
from lockstep import Signal
from lockstep.testing import FakeCall
from lockstep.tool import Tool
from tests.effects.scripted import Asked, Reply, Scripted, said, scripted

AT = datetime(2026, 11, 16, 6, 0, 0, 123456, tzinfo=UTC)
HOUR = timedelta(hours=1)
FLAGSHIP = Path(__file__).parents[2] / "examples" / "cluster_digest"

Values = dict[str, list[Any]]


@cache
def tool() -> Tool:
    return load_package(FLAGSHIP).tools["FetchMetrics"]


def matrix(*series: list[tuple[float, str]], **more: Any) -> Any:
    result = [{"metric": {}, "values": [[at, text] for at, text in one]} for one in series]
    return {"status": "success", "data": {"resultType": "matrix", "result": result}, **more}


def moments(asked: Asked) -> list[float]:
    """The times that a range query is about, as Prometheus reads its parameters."""
    start, end = (datetime.fromisoformat(asked.form[name]).timestamp() for name in ("start", "end"))
    step = float(asked.form["step"].removesuffix("ms")) / 1000
    return [round(start + step * n, 3) for n in range(round((end - start) / step) + 1)]


def knows(values: Values, **more: Any) -> Callable[[Asked], Reply]:
    """A server that has these values of these queries, from the window's first moment on."""

    def answer(asked: Asked) -> Reply:
        known = values.get(asked.form["query"])
        if known is None:
            return said(matrix(**more))
        pairs = zip(moments(asked), map(str, known), strict=False)
        return said(matrix(list(pairs), **more))

    return answer


def always(reply: Reply) -> Callable[[Asked], Reply]:
    return lambda asked: reply


def call(server: Scripted, **settings: Any) -> FakeCall:
    found = {"source": "prometheus", **settings}
    return FakeCall(endpoint=server.url, settings=found, scheduled_at=AT)


async def fetched(
    called: FakeCall,
    metrics: list[str],
    optional: list[str] | None = None,
    points: int = 3,
    interval: float = 3600,
) -> Any:
    request: dict[str, Any] = {"metrics": metrics, "optional": optional or [], "points": points}
    accepted, _ = tool().accept({**request, "interval_seconds": interval})
    return await tool()(accepted, called)


async def signal(called: FakeCall, metrics: list[str]) -> str:
    """The declared error that a call ends with."""
    with pytest.raises(Signal) as raised:
        await fetched(called, metrics)
    assert raised.value.name in tool().spec.signals
    return str(raised.value)


async def failure(called: FakeCall, metrics: list[str]) -> str:
    """What is said of trouble that is to be tried again."""
    with pytest.raises(ConnectionError) as raised:
        await fetched(called, metrics)
    return str(raised.value)


async def test_moments_are_counted_back_from_the_time_the_run_is_about() -> None:
    """To the millisecond, which is as finely as Prometheus keeps time; whatever the clock says."""
    async with scripted(knows({"avg(node_load1)": [1, 2, 3]})) as server:
        frame = await fetched(call(server), ["node_load1"])
    end = AT.replace(microsecond=123000)
    (series,) = frame.series
    assert [end - 2 * HOUR, end - HOUR, end] == [point.at for point in series.points]
    assert (end - 3 * HOUR, end, 3600) == (
        frame.started_at,
        frame.finished_at,
        frame.interval_seconds,
    )
    (asked,) = server.asked
    assert ("POST", "/api/v1/query_range") == (asked.method, asked.path)
    assert {"end": "2026-11-16T06:00:00.123+00:00", "step": "3600000ms"} == {
        name: asked.form[name] for name in ("end", "step")
    }


async def test_gauges_are_averaged_and_counters_are_rates() -> None:
    """Over all series that the selector chooses; a rate over the interval, or over five minutes."""
    names = ["node_load1", "http_requests_total"]
    async with scripted(always(said(matrix([(math.nan, "1")])))) as server:
        for settings, interval in (({}, 3600.0), ({"selector": 'cluster="eu"'}, 15.0)):
            for name in names:
                with pytest.raises(ConnectionError):
                    await fetched(call(server, **settings), [name], interval=interval)
    assert [
        "avg(node_load1)",
        "sum(rate(http_requests_total[3600000ms]))",
        'avg(node_load1{cluster="eu"})',
        'sum(rate(http_requests_total{cluster="eu"}[300000ms]))',
    ] == [asked.form["query"] for asked in server.asked]


async def test_the_manifest_may_say_how_a_metric_is_asked_for() -> None:
    """Its query is sent as it is written; the other metrics are asked for as ever."""
    own = "100 - avg(rate(node_cpu_seconds_total{mode='idle'}[1h])) * 100"
    async with scripted(knows({own: [40, 41, 42], "avg(node_load1)": [1, 1, 1]})) as server:
        called = call(server, queries={"node_cpu_percent": own}, cluster="eu-1")
        frame = await fetched(called, ["node_cpu_percent", "node_load1"])
    assert ("eu-1", [40, 41, 42]) == (
        frame.host,
        [point.value for point in frame.series[0].points],
    )
    assert ["percent", "tasks"] == [series.unit for series in frame.series]


@pytest.mark.parametrize("name", ["up} or vector(1) #", "a-b", "1st", "a b", "métrique", "up\n"])
async def test_what_is_not_a_metrics_name_comes_near_no_query(name: str) -> None:
    """The server is not even asked."""
    async with scripted(knows({"avg(up)": [1, 1, 1]})) as server:
        assert f'MetricNotFound("{name}")' == await signal(call(server), [name])
        frame = await fetched(call(server), ["up"], [name])
    assert [(name, "no data in the window")] == [(o.metric, o.reason) for o in frame.omitted]
    assert ["avg(up)"] == [asked.form["query"] for asked in server.asked]


async def test_what_is_no_number_is_no_point() -> None:
    """Not a number, infinity, and what no frame can hold."""
    values = ["NaN", "1.5", "+Inf", "-Inf", "1e31", "-2"]
    async with scripted(knows({"avg(m)": values})) as server:
        frame = await fetched(call(server), ["m"], points=6)
    assert [1.5, -2] == [point.value for point in frame.series[0].points]


async def test_a_metric_without_data_is_missing() -> None:
    """A needed one is signalled by its name, an optional one is said to be left out."""
    async with scripted(knows({"avg(m)": [1], "avg(nan)": ["NaN"]})) as server:
        for name in ("gone", "nan"):
            assert f'MetricNotFound("{name}")' == await signal(call(server), ["m", name])
        frame = await fetched(call(server), ["m"], ["gone", "m", "nan"])
    reason = "no data in the window"
    assert [("gone", reason), ("nan", reason)] == [(o.metric, o.reason) for o in frame.omitted]
    assert ["m"] == [series.metric for series in frame.series]


async def test_a_warning_of_the_server_is_passed_on() -> None:
    """With the series, and in a form that can do nothing in a digest."""
    answer = knows({"avg(m)": [1]}, warnings=["store-2 is away\n\u202e", "and more"])
    async with scripted(answer) as server:
        frame = await fetched(call(server), ["m"], ["gone"])
    assert [
        "may be incomplete, as the server warns: store-2 is away\\u{a}\\u{202e}; and more",
        "no data in the window, as the server warns: store-2 is away\\u{a}\\u{202e}; and more",
    ] == [one.reason for one in frame.omitted]
    assert ["m"] == [series.metric for series in frame.series]


ERROR = {"status": "error", "errorType": "bad_data", "error": "1:3: parse error\u202e"}

REFUSALS: dict[str, Reply] = {
    "answers with status 400: 1:3: parse error\\u{202e}": said(ERROR, 400),
    "answers with status 422: too many": said(
        {"status": "error", "errorType": "execution", "error": "too many"}, 422
    ),
    "answers with status 401": Reply(b"<h1>log in</h1>", 401),
    "answers with status 404": Reply(b"", 404),
    "the query gives 2 series and has to give one": said(matrix([(0, "1")], [(0, "2")])),
    "sends more than 4,194,304 bytes": Reply(b" " * (4 * 2**20 + 1)),
}


@pytest.mark.parametrize("problem", REFUSALS)
async def test_what_would_be_refused_again_is_signalled(problem: str) -> None:
    """Temporal does not try a signal again; it names the server, and what the server said."""
    async with scripted(always(REFUSALS[problem])) as server:
        found = await signal(call(server), ["m"])
    assert found.startswith("QueryRefused(")
    assert found.endswith(f"{problem})")


async def test_a_redirect_is_not_followed() -> None:
    """A server says where to look, and nobody looks there."""
    async with scripted(always(said(matrix()))) as other:
        away = Reply(b"", 307, (f"Location: {other.url}/api/v1/query_range",))
        async with scripted(always(away)) as server:
            found = await signal(call(server), ["m"])
    assert f"QueryRefused(prometheus at {server.address} answers with status 307)" == found
    assert [] == other.asked


TROUBLE: dict[str, list[Reply]] = {
    "answers with status 503": [Reply(b"", 503)],
    "answers with status 500: oh": [said({**ERROR, "errorType": "internal", "error": "oh"}, 500)],
    "answers with status 429": [Reply(b"slow down", 429)],
    "answers with status 422: stopped": [
        said({"status": "error", "errorType": "canceled", "error": "stopped"}, 422)
    ],
    "is not a Prometheus": [
        Reply(b"<html>welcome</html>"),
        Reply(b""),
        Reply(json.dumps(matrix([(0, "1")])).encode()[:-5]),
        said({"status": "success", "data": {"resultType": "vector", "result": []}}),
        said(matrix([(AT.timestamp() + 0.5, "1")])),
        said(matrix([(1e300, "1")])),
        said(matrix([(math.nan, "1")])),
        said(matrix([(AT.replace(microsecond=123000).timestamp(), "one")])),
    ],
    "does not answer: RemoteProtocolError": [
        Reply(b"", raw=True),
        Reply(b"SSH-2.0-OpenSSH_9\r\n", raw=True),
        Reply(b"HTTP/1.1 200 So\r\nContent-Length: 99\r\n\r\n{", raw=True),
    ],
}


@pytest.mark.parametrize("problem", TROUBLE)
async def test_what_may_pass_is_raised_to_be_tried_again(problem: str) -> None:
    """Whatever a server does, the message names it by host and port."""
    for reply in TROUBLE[problem]:
        async with scripted(always(reply)) as server:
            found = await failure(call(server), ["m"])
        assert server.address in found
        assert found.endswith(problem), found


async def test_nobody_there_is_trouble_that_may_pass() -> None:
    """The message names who was not there."""
    async with scripted(always(Reply(b""))) as server:
        pass
    found = await failure(call(server), ["m"])
    assert f"prometheus at {server.address} does not answer: ConnectError" == found


async def test_a_trickle_ends_at_the_deadline(digest: Any) -> None:
    """It is for the whole answer, not for each of its bytes."""
    slow = Reply(json.dumps(matrix([(0, "1")])).encode(), pause=0.02)
    async with scripted(always(slow)) as server:
        window = digest.prometheus.Window.until(AT, 60, 1)
        async with digest.prometheus.Prometheus(server.url, deadline=0.3) as client:
            with pytest.raises(ConnectionError, match=r"has not answered in 0\.3 s"):
                await client.ask("m", window)


@pytest.mark.parametrize(
    "endpoint", ["", "127.0.0.1:9090", "ftp://127.0.0.1", "http://", "http://h:x", "file:///etc"]
)
async def test_an_endpoint_that_is_no_http_server_is_refused(endpoint: str) -> None:
    """And not shown: it may be a password that went into the wrong variable."""
    called = FakeCall(endpoint=endpoint, settings={"source": "prometheus"})
    assert (
        "QueryRefused(the endpoint of `FetchMetrics` is not the address of an HTTP server)"
        == await signal(called, ["m"])
    )


async def test_a_password_in_the_endpoint_is_used_and_never_shown() -> None:
    """Neither where the server refuses it nor where nobody answers."""
    async with scripted(always(Reply(b"", 401))) as server:
        called = call(server)
        called.endpoint = f"http://ann:hunter22@{server.address}/prom/"
        refused = await signal(called, ["m"])
    assert ["/prom/api/v1/query_range"] == [asked.path for asked in server.asked]
    for text in (refused, await failure(called, ["m"])):
        assert "hunter22" not in text
        assert server.address in text


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"source": "prometeus"}, "settings/source: `prometeus` is no source of metrics"),
        ({"selectr": "x"}, "settings/selectr: Extra inputs are not permitted"),
        ({"queries": {"a b": "x"}}, "settings/queries/a b/[key]: String should match pattern"),
    ],
)
async def test_settings_that_mean_nothing_are_refused(
    settings: dict[str, Any], problem: str
) -> None:
    """At once, without a second try: the manifest will not change meanwhile."""
    async with scripted(always(Reply(b""))) as server:
        assert problem in await signal(call(server, **settings), ["m"])
    assert [] == server.asked


async def test_a_retried_attempt_asks_only_for_what_is_missing() -> None:
    """What was fetched travels in heartbeats, gaps and warnings included."""
    known: Values = {"avg(a)": [1, "NaN", 3], "avg(b)": [4, 5, 6]}
    async with scripted(knows({"avg(a)": known["avg(a)"]}, warnings=["w"])) as server:
        first = call(server)
        assert 'MetricNotFound("b")' == await signal(first, ["a", "b"])
        server.answer = knows(known)
        server.asked.clear()
        frame = await fetched(first.retried(), ["a", "b"])
    assert ["avg(b)"] == [asked.form["query"] for asked in server.asked]
    assert [[1, 3], [4, 5, 6]] == [[p.value for p in one.points] for one in frame.series]
    assert ["a"] == [one.metric for one in frame.omitted]


@pytest.mark.parametrize("progress", [None, {"end": "x"}, [], {"fetched": {"a": [[1.0], ""]}}])
async def test_progress_that_does_not_fit_is_not_used(progress: Any) -> None:
    """Of another window, or of another version of this tool."""
    async with scripted(knows({"avg(a)": [1, 2, 3]})) as server:
        first = call(server)
        await fetched(first, ["a"], points=2)
        for told in (progress, first.progress):
            server.asked.clear()
            called = call(server)
            called.progress = told
            frame = await fetched(called, ["a"])
            assert (3, 1) == (len(frame.series[0].points), len(server.asked))


async def test_heartbeats_stay_small() -> None:
    """However much is fetched: what does not fit in is asked for again."""
    names = [f"m{n}" for n in range(8)]
    values = [n + 1 / 3 for n in range(2000)]
    async with scripted(knows({f"avg({name})": values for name in names})) as server:
        called = call(server)
        frame = await fetched(called, names, points=2000, interval=0.05)
    assert [2000] * 8 == [len(series.points) for series in frame.series]
    assert 8 == len(called.beats)
    assert max(len(json.dumps(beat)) for beat in called.beats) <= 48 * 1024


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("node_load1", "tasks"),
        ("node_cpu_throttle_time_seconds", "seconds_per_second"),
        ("node_cpu_seconds_total", "seconds_per_second"),
        ("node_network_receive_bytes_total", "bytes_per_second"),
        ("http_requests_total", "per_second"),
        ("disk_written_bytes_per_second", "bytes_per_second"),
        ("job:requests:per_second", "number"),
        ("process_resident_memory_bytes", "bytes"),
        ("pool_used_percent", "percent"),
        ("go_goroutines", "number"),
    ],
)
def test_a_metrics_unit_is_what_its_name_says(digest: Any, name: str, unit: str) -> None:
    """A counter's is that of its rate; a name the host knows too means the same here."""
    assert digest.series.Unit(unit) is digest.fetch.unit(name)
