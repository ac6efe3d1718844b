"""What the kernel accounts to the cgroup mounted at `/sys/fs/cgroup`: version 2, else version 1.

In a container that is the container's own cgroup, on a bare host the root one, which on version 2
has neither throttling nor memory. A file that is absent gives None, and the metric is then absent
as well: a zero would claim that somebody looked.
"""

from pathlib import Path

MOUNT = Path("/sys/fs/cgroup")

_NO_LIMIT = 2**60
"""Version 1 writes `no limit` as the largest page-aligned integer."""


def throttled_seconds(mount: Path = MOUNT) -> float | None:
    """A counter: how long the cgroup's tasks were runnable but held back by their CPU quota."""
    microseconds = _field(mount / "cpu.stat", "throttled_usec")
    if microseconds is not None:
        return microseconds / 1e6
    nanoseconds = _field(mount / "cpu" / "cpu.stat", "throttled_time")
    return None if nanoseconds is None else nanoseconds / 1e9


def cpu_seconds(mount: Path = MOUNT) -> float | None:
    """A counter: CPU time used."""
    microseconds = _field(mount / "cpu.stat", "usage_usec")
    if microseconds is not None:
        return microseconds / 1e6
    nanoseconds = _number(mount / "cpuacct" / "cpuacct.usage")
    return None if nanoseconds is None else nanoseconds / 1e9


def cpu_quota_cores(mount: Path = MOUNT) -> float | None:
    """How many cores the cgroup may use; None where nothing limits it."""
    words = (_text(mount / "cpu.max") or "").split()
    if len(words) == 2 and all(word.isascii() and word.isdigit() for word in words):
        quota, period = float(words[0]), float(words[1])
    elif words:
        return None
    else:
        quota = _number(mount / "cpu" / "cpu.cfs_quota_us") or 0.0
        period = _number(mount / "cpu" / "cpu.cfs_period_us") or 0.0
    return quota / period if quota > 0 and period > 0 else None


def memory_bytes(mount: Path = MOUNT) -> float | None:
    """Memory charged to the cgroup, page cache included."""
    current = _number(mount / "memory.current")
    return _number(mount / "memory" / "memory.usage_in_bytes") if current is None else current


def memory_limit_bytes(mount: Path = MOUNT) -> float | None:
    """The memory limit; None where there is none."""
    limit = _number(mount / "memory.max")
    if limit is None:
        limit = _number(mount / "memory" / "memory.limit_in_bytes")
    return limit if limit is not None and 0 < limit < _NO_LIMIT else None


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        return None


def _number(path: Path) -> float | None:
    """The file's only number; None for `max`."""
    return _digits((_text(path) or "").strip())


def _field(path: Path, name: str) -> float | None:
    """The number behind a name in a file of `name number` lines."""
    for line in (_text(path) or "").splitlines():
        key, _, value = line.partition(" ")
        if key == name:
            return _digits(value.strip())
    return None


def _digits(word: str) -> float | None:
    return float(word) if word.isascii() and word.isdigit() and len(word) <= 20 else None
