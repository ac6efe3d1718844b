"""A real Prometheus for tests: with two weeks whose every value is known, and a node-exporter.

The weeks are written as OpenMetrics text and made into blocks by `promtool`, so that they are read
back as any recorded week would be; nothing is pushed and nothing is faked. The processes are our
own, on ports of our own, and end with the block they serve.

Where the programs are not installed the tests are skipped, unless LOCKSTEP_REQUIRE_PROMETHEUS says
that they must not be.
"""

import csv
import hashlib
import json
import math
import os
import shutil
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.runs.yard import ROOT
from worker.embedded.ports import choose

# Read here, for the tests' own environment is cleared of them.
REQUIRED = bool(os.environ.get("LOCKSTEP_REQUIRE_PROMETHEUS"))
CASES = Path(os.environ.get("LOCKSTEP_CASES", ROOT.parent / "shared" / "cases"))
RECORDED = CASES / "nab" / "data" / "realAWSCloudwatch" / "ec2_cpu_utilization_5f5533.csv"
"""A real series, of one CPU in a data centre in 2014."""
RECORDED_NAME = "recorded_cpu_percent"

PROGRAMS = ("prometheus", "promtool", "prometheus-node-exporter")
PATIENCE = 30.0

END = datetime(2026, 11, 16, 6, tzinfo=UTC)
"""The Monday that the weekly digest is for."""
WEEK = timedelta(days=7)
STEP = timedelta(minutes=5)
INCIDENT = (datetime(2026, 11, 12, 2, tzinfo=UTC), datetime(2026, 11, 12, 5, tzinfo=UTC))
"""From when to when the load was what it should not be."""
INSTANCES = ("node-a:9100", "node-b:9100")

Value = Callable[[str, datetime], float]


def programs() -> dict[str, str]:
    """Where the three programs are; without them no test here can run."""
    found = {name: shutil.which(name) for name in PROGRAMS}
    missing = [name for name, path in found.items() if path is None]
    if missing:
        said = f"not installed: {', '.join(missing)} (Debian: prometheus, prometheus-node-exporter)"
        if REQUIRED:
            pytest.fail(said)
        pytest.skip(said)
    return {name: path for name, path in found.items() if path is not None}


def _noise(name: str, instance: str, at: datetime) -> float:
    """Between -1 and 1, and the same on every machine."""
    seed = hashlib.sha256(f"{name} {instance} {at.timestamp():.0f}".encode()).digest()
    return int.from_bytes(seed[:4], "big") / 2**31 - 1


def _wave(name: str, base: float, swing: float, noise: float) -> Value:
    """A day's ups and downs around a level."""

    def value(instance: str, at: datetime) -> float:
        turn = math.sin(at.timestamp() / 86400 * 2 * math.pi)
        return base + swing * turn + noise * _noise(name, instance, at)

    return value


def _with_incident(usual: Value, height: float) -> Value:
    def value(instance: str, at: datetime) -> float:
        during = INCIDENT[0] <= at < INCIDENT[1]
        return usual(instance, at) + (height if during else 0)

    return value


def _received(_: str, at: datetime) -> float:
    """A counter that grows by 2 MB a second on weekdays and by 500 kB at weekends."""
    since = at - (END - 2 * WEEK)
    days, rest = divmod(since, timedelta(days=1))
    rates = [0.5e6 if (END + timedelta(days=day)).weekday() >= 5 else 2e6 for day in range(14)]
    full = sum(rates[:days]) * 86400
    return full + (rates[days] * rest.total_seconds() if rest else 0)


GAUGES: dict[str, Value] = {
    "node_load1": _with_incident(_wave("load", 1.5, 0.4, 0.3), 9.0),
    "node_cpu_percent": _with_incident(_wave("cpu", 31, 6, 4), 55),
    "node_memory_used_percent": _wave("memory", 58, 3, 1.5),
    "node_filesystem_used_percent": _wave("disk", 71, 0, 0.4),
    "node_cpu_throttle_time_seconds": _wave("throttle", 0.004, 0.001, 0.001),
}
COUNTERS: dict[str, Value] = {"node_network_receive_bytes_total": _received}


def openmetrics() -> Iterator[str]:
    """Two weeks of all series as the text that `promtool` reads."""
    moments = [END - STEP * back for back in range(2 * WEEK // STEP, -1, -1)]
    for kind, metrics in (("gauge", GAUGES), ("counter", COUNTERS)):
        for name, value in metrics.items():
            yield f"# TYPE {name.removesuffix('_total')} {kind}"
            for instance in INSTANCES:
                for at in moments:
                    number = value(instance, at)
                    yield f'{name}{{instance="{instance}"}} {number!r} {at.timestamp():.0f}'
    if RECORDED.is_file():
        yield f"# TYPE {RECORDED_NAME} gauge"
        for at, number in sorted(recorded().items()):
            yield f"{RECORDED_NAME} {number!r} {at.timestamp():.0f}"
    yield "# EOF"


def recorded() -> dict[datetime, float]:
    """The real series; of a time that stands twice the first counts."""
    found: dict[datetime, float] = {}
    with RECORDED.open() as lines:
        for row in csv.DictReader(lines):
            at = datetime.fromisoformat(row["timestamp"]).replace(tzinfo=UTC)
            found.setdefault(at, float(row["value"]))
    return found


@dataclass(frozen=True)
class Server:
    """A running Prometheus, and questions to it that no code of ours has part in."""

    url: str

    def get(self, path: str, **parameters: str) -> Any:
        query = urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(f"{self.url}/api/v1/{path}?{query}", timeout=10) as answer:
            return json.load(answer)["data"]

    def names(self) -> list[str]:
        return sorted(self.get("label/__name__/values"))

    def hourly(self, query: str, end: datetime, hours: int) -> dict[datetime, float]:
        """What a query gives at each full hour up to `end`."""
        start = end - timedelta(hours=hours - 1)
        found = self.get(
            "query_range",
            query=query,
            start=f"{start.timestamp():.0f}",
            end=f"{end.timestamp():.0f}",
            step="3600",
        )
        (series,) = found["result"] or [{"values": []}]
        return {datetime.fromtimestamp(at, UTC): float(text) for at, text in series["values"]}

    def at(self, query: str, moment: datetime) -> float:
        found = self.get("query", query=query, time=f"{moment.timestamp():.3f}")
        ((_, text),) = [one["value"] for one in found["result"]]
        return float(text)

    def scraped(self) -> None:
        """Until the node-exporter has been looked at: Prometheus takes five seconds to begin."""
        _until(lambda: bool(self.get("query", query='up{job="node"} == 1')["result"]))


@contextmanager
def prometheus(folder: Path) -> Iterator[Server]:
    """A Prometheus that holds the two weeks and scrapes a node-exporter each second."""
    at = programs()
    text, data, config = folder / "weeks.om", folder / "data", folder / "prometheus.yml"
    text.write_text("\n".join(openmetrics()) + "\n")
    # One block for all instead of one for every two hours.
    blocks = [at["promtool"], "tsdb", "create-blocks-from", "--max-block-duration=8760h"]
    subprocess.run([*blocks, "openmetrics", "--quiet", text, data], check=True, timeout=PATIENCE)
    exporter, port = choose(), choose()
    target = json.dumps([{"targets": [f"127.0.0.1:{exporter}"]}])
    config.write_text(
        "global: {scrape_interval: 1s}\n"
        f"scrape_configs: [{{job_name: node, static_configs: {target}}}]\n"
    )
    server = Server(f"http://127.0.0.1:{port}")
    with (
        _running(
            at["prometheus-node-exporter"],
            f"--web.listen-address=127.0.0.1:{exporter}",
            log=folder / "node-exporter.log",
        ),
        _running(
            at["prometheus"],
            f"--config.file={config}",
            f"--storage.tsdb.path={data}",
            "--storage.tsdb.retention.time=100y",
            f"--web.listen-address=127.0.0.1:{port}",
            log=folder / "prometheus.log",
        ) as process,
    ):
        _until(lambda: _ready(server, process))
        yield server


@contextmanager
def _running(*command: str, log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that ends with the block, politely or not."""
    with log.open("wb") as said:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)


def _ready(server: Server, process: "subprocess.Popen[bytes]") -> bool:
    assert process.poll() is None, "prometheus has ended; see its log"
    try:
        with urllib.request.urlopen(f"{server.url}/-/ready", timeout=1) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, "this did not happen in time"
        time.sleep(0.1)
