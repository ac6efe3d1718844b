"""The weekly digest of a cluster, end to end on a real Prometheus.

What is published is held against what that Prometheus answers to questions of these tests' own,
which share no code with the tool that asked before.
"""

import asyncio
import json
import os
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from activities.package import load_package
from activities.store import FolderStore, load
from lockstep.lock import Lock
from lockstep.testing import FakeCall
from policies.locks.drift import drift
from tests.effects.scripted import Asked, Reply, Scripted, scripted
from tests.runs.command import launched, lockstep
from tests.runs.prometheus import (
    END,
    GAUGES,
    INCIDENT,
    RECORDED,
    RECORDED_NAME,
    STEP,
    WEEK,
    Server,
    prometheus,
    recorded,
)
from tests.runs.yard import (
    ROOT,
    Ended,
    Json,
    Yard,
    copied,
    lock_in,
    renamed,
    replace,
)
from worker.runs import start
from worker.serve import serving
from workflows.run import Run
from workflows.run_request import RunRequest

pytestmark = pytest.mark.asyncio(loop_scope="session")

FLAGSHIP = ROOT / "examples" / "cluster_digest"
LOCK = FLAGSHIP / "plans" / "weekly.prod.lock.json"
PROD = "prod"
COUNTER = "node_network_receive_bytes_total"
QUERIES = {
    **{name: f"avg({name})" for name in GAUGES},
    COUNTER: f"sum(rate({COUNTER}[1h]))",
}
"""How the tool says that it reads each metric, written down once more."""
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Digested:
    """A run of the digest: the frame that it fetched, and what it published."""

    ended: Ended
    frame: Json
    markdown: str

    @property
    def values(self) -> dict[str, dict[datetime, float]]:
        return {
            series["metric"]: {
                datetime.fromisoformat(point["at"]): point["value"] for point in series["points"]
            }
            for series in self.frame["series"]
        }

    def figures(self, metric: str) -> list[str]:
        """Now, average, 95th percentile and maximum, as they stand in the digest's table."""
        (row,) = re.findall(rf"^\| {metric} \|(.*)\|$", self.markdown, re.MULTILINE)[-1:]
        return [cell.strip() for cell in row.split("|")][:4]


@dataclass
class Cluster(Yard):
    """The yard with a worker of the flagship, whose metrics come from one server."""

    async def digested(self, lock: Lock, at: datetime) -> Digested:
        request = RunRequest(lock=lock, started_by="ana", scheduled_at=at)
        return self.told(await self.ended(await start(self.client, request)))

    def told(self, ended: Ended) -> Digested:
        assert "completed" == ended.result.status, ended.result.findings
        frame: Any = load(FolderStore(self.home.values), ended.result.outputs["fetch"])
        markdown = Path(ended.output("publish")["markdown_path"]).read_text()
        return Digested(ended, frame, markdown)


@asynccontextmanager
async def serving_metrics(
    yard: Yard, root: Path, url: str, digests: Path
) -> AsyncIterator[Cluster]:
    found = Cluster(yard.home, yard.client, load_package(root), yard.ledgers, yard.log, PROD)
    environ = {**os.environ, "PROMETHEUS_URL": url, "DIGEST_FOLDER": str(digests)}
    grace = timedelta(milliseconds=100)
    async with serving(
        found.client, found.package, PROD, found.home.values, grace=grace, environ=environ
    ):
        yield found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with prometheus(tmp_path_factory.mktemp("prometheus")) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def prod(server: Server, yard: Yard, surroundings: Path) -> AsyncIterator[Cluster]:
    """The flagship as it is committed, on the real server."""
    digests = surroundings / "cluster digests"
    async with serving_metrics(yard, FLAGSHIP, server.url, digests) as found:
        yield found


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def week(prod: Cluster) -> Digested:
    return await prod.digested(committed(), END)


def committed() -> Lock:
    return Lock.model_validate_json(LOCK.read_text())


async def test_every_value_of_the_frame_is_what_prometheus_says(
    week: Digested, server: Server
) -> None:
    """All 168 hours of every metric with data, to the last digit; nothing more and nothing less."""
    hours = WEEK // HOUR
    assert {
        name: server.hourly(query, END, hours) for name, query in QUERIES.items()
    } == week.values
    assert {hours} == {len(values) for values in week.values.values()}
    assert ((END - WEEK).isoformat(), END.isoformat(), "prod") == (
        datetime.fromisoformat(week.frame["started_at"]).isoformat(),
        datetime.fromisoformat(week.frame["finished_at"]).isoformat(),
        week.frame["host"],
    )


async def test_what_has_no_data_in_the_week_is_said_to_be_left_out(week: Digested) -> None:
    """The node-exporter was not there then: its metrics exist, and have nothing to show."""
    (fetch, *_) = committed().steps
    asked: Any = [*fetch.args["metrics"], *fetch.args["optional"]]  # type: ignore[misc]
    assert set(asked) - QUERIES.keys() == {one["metric"] for one in week.frame["omitted"]}
    assert {"no data in the window"} == {one["reason"] for one in week.frame["omitted"]}
    assert "node_memory_MemAvailable_bytes: no data in the window" in week.markdown


SCALES = {"%": 1.0, "ms/s": 1e-3, "KiB/s": 1024.0, "MiB/s": 1024.0**2}


def number(figure: str) -> float:
    """`3 MiB/s` as the number it stands for."""
    digits, _, unit = figure.partition(" ")
    return float(digits) * (SCALES[unit] if unit else 1.0)


@pytest.mark.parametrize("metric", QUERIES)
async def test_the_figures_of_the_digest_are_what_prometheus_works_out(
    week: Digested, server: Server, metric: str
) -> None:
    """It is asked for the week's last value, average, percentile and maximum itself."""
    hours = f"[{WEEK // HOUR - 1}h:1h]"
    query = QUERIES[metric]
    expected = [
        server.at(query, END),
        server.at(f"avg_over_time(({query}){hours})", END),
        sorted(server.hourly(query, END, WEEK // HOUR).values())[-(-95 * 168 // 100) - 1],
        server.at(f"max_over_time(({query}){hours})", END),
    ]
    # Three digits are shown.
    assert pytest.approx(expected, rel=0.005) == [number(one) for one in week.figures(metric)]


async def test_the_incident_is_what_stands_out(week: Digested) -> None:
    """The load was four times as high for three hours, and the digest says from when to when."""
    lines = [line for line in week.markdown.splitlines() if "(high)" in line]
    assert ["node_load1", "node_cpu_percent"] == [line.split(" | ")[0][2:] for line in lines]
    assert all("12 Nov 02:00 – 12 Nov 04:00" in line for line in lines), lines
    assert "**2 of 6 metrics left the usual range.**" in week.markdown
    first, last = INCIDENT
    usual = max(value for at, value in week.values["node_load1"].items() if not first <= at < last)
    assert min(week.values["node_load1"][first + n * HOUR] for n in range(3)) > 4 * usual


async def test_another_week_is_another_window(
    prod: Cluster, week: Digested, server: Server
) -> None:
    """By command: a run that is for the Monday before reads the week before, and finds it calm."""
    at = (END - WEEK).strftime("%Y-%m-%dT%H:%M:%SZ")
    said = await lockstep("run", str(LOCK), "--at", at, "--format", "json")
    assert 0 == said.code, said
    handle = prod.client.get_workflow_handle_for(Run.run, said.json["run"])
    before = prod.told(await prod.ended(handle))
    expected = server.hourly("avg(node_load1)", END - WEEK, WEEK // HOUR)
    assert expected == before.values["node_load1"]
    assert set() == before.values["node_load1"].keys() & week.values["node_load1"].keys()
    assert "**No anomalies in 6 metrics.**" in before.markdown
    assert "for 9 Nov 2026, 06:00 UTC" in before.markdown


async def test_a_window_that_ends_now_shows_the_node_exporter(
    prod: Cluster, server: Server
) -> None:
    """Live metrics under their own names: a counter as its rate, bytes as bytes."""
    server.scraped()
    now = datetime.fromtimestamp(
        server.at("max(timestamp(up))", datetime.now(END.tzinfo)), END.tzinfo
    )
    names = ["node_memory_MemTotal_bytes", "process_open_fds"]
    call = FakeCall(endpoint=server.url, settings={"source": "prometheus"}, scheduled_at=now)
    tool = prod.package.tools["FetchMetrics"]
    request, _ = tool.accept({"metrics": [*names], "points": 2, "interval_seconds": 1})
    frame = await tool(request, call)
    assert "127.0.0.1" == frame.host
    assert ["bytes", "number"] == [series.unit for series in frame.series]
    assert [server.at(names[0], now)] == [frame.series[0].points[-1].value]


def only(metric: str) -> Json:
    """The weekly plan for one metric, which has to be there."""
    written: Json = json.loads((FLAGSHIP / "plans" / "weekly.prod.plan.json").read_text())
    written["steps"][0]["args"] |= {"metrics": [metric], "optional": []}
    return written


async def test_a_metric_that_is_pinned_and_has_no_data_is_not_found(prod: Cluster) -> None:
    """The plan is right about its name; the run ends with the declared error and the way out."""
    lock = lock_in(prod.world, only("node_procs_running"))
    request = RunRequest(lock=lock, started_by="ana", scheduled_at=END)
    ended = await prod.ended(await start(prod.client, request))
    assert ("failed", "LS-STEP-003") == (ended.result.status, ended.finding.code)
    assert 'EnvironmentError: MetricNotFound("node_procs_running")' == ended.finding.problem
    assert "RecoveryPath: switch to baseline metrics" == ended.finding.fix


async def test_what_is_pinned_is_what_prometheus_lists(server: Server, tmp_path: Path) -> None:
    """Name for name; a second time the file is left alone, and without a server it is too."""
    server.scraped()
    root = copied(FLAGSHIP, tmp_path)
    path = root / "environments" / "prod.metric.json"
    command = ("pin", "--env", PROD, "--agent", str(root), "--format", "json")
    first = await launched(*command, PROMETHEUS_URL=server.url)
    assert 0 == first.code, first
    assert server.names() == list(json.loads(path.read_text())["members"])
    (told,) = first.json["catalogues"]
    assert (len(server.names()), 0) == (told["members"], told["dropped"])
    made = path.stat()
    again, away = await asyncio.gather(
        lockstep(*command, PROMETHEUS_URL=server.url),
        lockstep(*command, PROMETHEUS_URL="http://127.0.0.1:9"),
    )
    assert (0, True) == (again.code, again.json["catalogues"][0]["unchanged"])
    assert (1, "LS-ENV-007") == (away.code, away.json["error"])
    assert made == path.stat()
    # What is pinned exists, and where it is not what was committed the committed lock says so.
    world = load_package(root).world(PROD)
    assert RECORDED.is_file() == (RECORDED_NAME in world.environment.resources["metric"])
    changed = "environment `prod`: `catalogues.metric` has changed"
    differs = bool(told["added"] or told["removed"])
    assert differs == (changed in [found.problem for found in drift(committed().body, world)])


async def test_a_real_series_is_read_back_as_it_was_recorded(prod: Cluster, server: Server) -> None:
    """Two thousand points of a CPU in a data centre, each at the moment at which it was taken."""
    if not RECORDED.is_file():
        pytest.skip(f"the recorded case {RECORDED.name} is not here; set LOCKSTEP_CASES")
    end = max(recorded())
    call = FakeCall(endpoint=server.url, settings={"source": "prometheus"}, scheduled_at=end)
    tool = prod.package.tools["FetchMetrics"]
    request, _ = tool.accept(
        {"metrics": [RECORDED_NAME], "points": 2000, "interval_seconds": STEP.total_seconds()}
    )
    (series,) = (await tool(request, call)).series
    window = {at: value for at, value in recorded().items() if at > end - 2000 * STEP}
    assert len(window) > 1900
    found = {point.at: point.value for point in series.points}
    assert window == {at: found[at] for at in window}
    # What was not recorded is at most what was recorded last: five minutes old, and no older.
    assert all(at - STEP in window for at in found.keys() - window.keys())


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def troubled(yard: Yard, surroundings: Path) -> AsyncIterator[tuple[Cluster, Scripted]]:
    """A flagship of its own whose server does as it is told."""
    root = copied(FLAGSHIP, surroundings)
    replace(root / "agent.toml", '"cluster_digest"', '"crane"')
    renamed(root)
    async with (
        scripted(lambda asked: Reply(b"")) as server,
        serving_metrics(yard, root, server.url, surroundings / "troubled digests") as found,
    ):
        yield found, server


def series(asked: Asked) -> Reply:
    """One value, at the end of whatever window."""
    at = datetime.fromisoformat(asked.form["end"]).timestamp()
    result = [{"metric": {}, "values": [[at, "1.5"]]}]
    data = {"resultType": "matrix", "result": result}
    return Reply(json.dumps({"status": "success", "data": data}).encode())


def after(*first: Reply) -> Callable[[Asked], Reply]:
    """Some answers, and then as it should be."""
    waiting = iter(first)
    return lambda asked: next(waiting, None) or series(asked)


BUSY, GARBAGE, CUT = Reply(b"", 503), Reply(b"<html>"), Reply(b"", raw=True)


async def test_trouble_that_passes_costs_some_attempts(
    troubled: tuple[Cluster, Scripted],
) -> None:
    """Busy, then nonsense, then cut off: and then the digest is what it would have been."""
    cluster, server = troubled
    server.answer = after(BUSY, GARBAGE, CUT)
    server.asked.clear()
    found = await cluster.digested(lock_in(cluster.world, only("node_load1")), END)
    assert {"node_load1": {END: 1.5}} == found.values
    assert 4 == len(server.asked)
    ends = [what.attempt.end for what in found.ended.of("step.attempted", "fetch")]
    assert ["failed", "failed", "failed", "completed"] == ends


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (BUSY, "answers with status 503"),
        (GARBAGE, "what answers at"),
        (CUT, "does not answer: RemoteProtocolError"),
    ],
)
async def test_trouble_that_stays_ends_the_run_with_a_code(
    troubled: tuple[Cluster, Scripted], reply: Reply, said: str
) -> None:
    """After all the attempts that the lock allows; the message names the server's host and port."""
    cluster, server = troubled
    server.answer = lambda asked: reply
    server.asked.clear()
    lock = lock_in(cluster.world, only("node_load1"))
    request = RunRequest(lock=lock, started_by="ana", scheduled_at=END)
    ended = await cluster.ended(await start(cluster.client, request))
    assert ("failed", "LS-STEP-004") == (ended.result.status, ended.finding.code)
    assert said in ended.finding.problem
    assert server.address in ended.finding.problem
    assert 5 == len(server.asked)


async def test_a_server_that_is_away_ends_the_run_with_a_code(
    yard: Yard, surroundings: Path
) -> None:
    """By command, as a person meets it: exit 1, one line that says who did not answer."""
    root = copied(FLAGSHIP, surroundings)
    replace(root / "agent.toml", '"cluster_digest"', '"crane"')
    renamed(root)
    async with serving_metrics(
        yard, root, "http://ann:hunter22@127.0.0.1:9/", surroundings / "digests"
    ) as found:
        path = surroundings / "away.prod.lock.json"
        path.write_text(lock_in(found.world, only("node_load1")).model_dump_json())
        said = await lockstep("run", str(path), "--agent", str(root))
    assert 1 == said.code, said
    problem = "Unanswered: prometheus at 127.0.0.1:9 does not answer: ConnectError"
    assert f"LS-STEP-004 step `fetch`: {problem}; " in said.out
    assert "hunter22" not in said.out + said.err


async def test_a_refused_query_is_not_tried_again(troubled: tuple[Cluster, Scripted]) -> None:
    """One request, and the way out that the manifest names."""
    cluster, server = troubled
    server.answer = lambda asked: Reply(b"", 401)
    server.asked.clear()
    lock = lock_in(cluster.world, only("node_load1"))
    request = RunRequest(lock=lock, started_by="ana", scheduled_at=END)
    ended = await cluster.ended(await start(cluster.client, request))
    assert ("LS-STEP-003", 1) == (ended.finding.code, len(server.asked))
    assert "QueryRefused(prometheus at" in ended.finding.problem
    assert "in the manifest" in ended.finding.fix
