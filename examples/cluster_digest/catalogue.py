"""The metrics this agent can measure: name, unit, one line for people, and how to read them.

Names follow node-exporter. A counter is read as it stands; `measure` turns two readings into a
rate. A reader answers None where this host has no such thing, and then the metric does not exist
here: it is named as missing, never filled in.
"""

import difflib
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import psutil
from typing_extensions import override

from . import cgroup
from .series import Unit


@dataclass(frozen=True)
class Metric:
    """`read` gives the value, or for a `counter` the total whose growth per second is the value."""

    name: str
    unit: Unit
    says: str
    read: Callable[[], float | None]
    counter: bool = False
    most: float = math.inf
    """Counters and clock are read one after the other; this cuts what that adds at the top."""


class MetricNotFound(LookupError):
    """A metric this host cannot measure; asking again does not help, another name may."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    @override
    def __str__(self) -> str:
        near = difflib.get_close_matches(self.name, CATALOGUE, n=1)
        if self.name in CATALOGUE:
            fix = "leave it out, or run where the kernel provides it"
        elif near:
            fix = f"did you mean `{near[0]}`?"
        else:
            fix = "see `catalogue.py` for the metrics there are"
        return f"metric `{self.name}` cannot be measured on this host; {fix}"


def find(names: Iterable[str]) -> list[Metric]:
    """The named metrics, each once and in order; MetricNotFound for the first that is not here."""
    found = []
    for name in dict.fromkeys(names):
        metric = CATALOGUE.get(name)
        if metric is None or reading(metric) is None:
            raise MetricNotFound(name)
        found.append(metric)
    return found


def measurable() -> list[str]:
    """The names that `find` would accept on this host, now."""
    return [name for name, metric in CATALOGUE.items() if reading(metric) is not None]


def reading(metric: Metric) -> float | None:
    """What the host says now; None for whatever it does not say as a finite number."""
    try:
        value = metric.read()
    # psutil raises RuntimeError where a kernel file has a shape it does not know.
    except (OSError, RuntimeError, psutil.Error):
        return None
    return value if value is not None and math.isfinite(value) else None


def _cpu() -> float | None:
    """Percent-seconds per core: its growth per second is the percentage in use."""
    times = psutil.cpu_times()._asdict()
    # Waiting for a disk is idle time, and guest time is already part of user time.
    busy = ("user", "nice", "system", "irq", "softirq", "steal")
    cores = psutil.cpu_count()
    return 100.0 * sum(times.get(name, 0.0) for name in busy) / cores if cores else None


def _cgroup_cpu() -> float | None:
    """Percent-seconds of the quota."""
    seconds, cores = cgroup.cpu_seconds(), cgroup.cpu_quota_cores()
    return None if seconds is None or cores is None else 100.0 * seconds / cores


def _cgroup_memory() -> float | None:
    used, limit = cgroup.memory_bytes(), cgroup.memory_limit_bytes()
    return None if used is None or limit is None else 100.0 * used / limit


def _disk(field: str) -> Callable[[], float | None]:
    def read() -> float | None:
        # nowrap off: psutil would mend resets in this process only, and differ after a restart.
        disks = psutil.disk_io_counters(perdisk=True, nowrap=False) or {}
        # Partitions, loop, zram and device-mapper volumes would count the same bytes again.
        real = [name for name in disks if Path("/sys/block", name, "device").exists()]
        return float(sum(getattr(disks[name], field) for name in real)) if real else None

    return read


def _network(field: str) -> Callable[[], float | None]:
    def read() -> float | None:
        cards = psutil.net_io_counters(pernic=True, nowrap=False) or {}
        outward = [card for name, card in cards.items() if name != "lo"]
        return float(sum(getattr(card, field) for card in outward)) if outward else None

    return read


_METRICS = (
    Metric(
        "node_cpu_percent",
        Unit.PERCENT,
        "CPU time in use, all cores together",
        _cpu,
        counter=True,
        most=100.0,
    ),
    Metric(
        "node_cpu_throttle_time_seconds",
        Unit.SECONDS_PER_SECOND,
        "time the cgroup was held back by its CPU quota",
        cgroup.throttled_seconds,
        counter=True,
    ),
    Metric(
        "cgroup_cpu_used_percent",
        Unit.PERCENT,
        "CPU time in use, of the cgroup's quota",
        _cgroup_cpu,
        counter=True,
    ),
    Metric(
        "node_load1",
        Unit.TASKS,
        "tasks running or waiting to run, averaged over one minute",
        lambda: psutil.getloadavg()[0],
    ),
    Metric(
        "node_memory_used_percent",
        Unit.PERCENT,
        "memory that is not available to new work",
        lambda: psutil.virtual_memory().percent,
    ),
    Metric(
        "node_memory_available_bytes",
        Unit.BYTES,
        "memory available to new work without swapping",
        lambda: float(psutil.virtual_memory().available),
    ),
    Metric(
        "cgroup_memory_bytes",
        Unit.BYTES,
        "memory charged to the cgroup, page cache included",
        cgroup.memory_bytes,
    ),
    Metric(
        "cgroup_memory_used_percent",
        Unit.PERCENT,
        "memory charged to the cgroup, of its limit",
        _cgroup_memory,
    ),
    Metric(
        "node_disk_read_bytes_per_second",
        Unit.BYTES_PER_SECOND,
        "read from all disks",
        _disk("read_bytes"),
        counter=True,
    ),
    Metric(
        "node_disk_write_bytes_per_second",
        Unit.BYTES_PER_SECOND,
        "written to all disks",
        _disk("write_bytes"),
        counter=True,
    ),
    Metric(
        "node_filesystem_used_percent",
        Unit.PERCENT,
        "space in use on the root filesystem",
        lambda: psutil.disk_usage("/").percent,
    ),
    Metric(
        "node_network_receive_bytes_per_second",
        Unit.BYTES_PER_SECOND,
        "received on all interfaces but loopback",
        _network("bytes_recv"),
        counter=True,
    ),
    Metric(
        "node_network_transmit_bytes_per_second",
        Unit.BYTES_PER_SECOND,
        "sent on all interfaces but loopback",
        _network("bytes_sent"),
        counter=True,
    ),
)

CATALOGUE: dict[str, Metric] = {metric.name: metric for metric in _METRICS}
