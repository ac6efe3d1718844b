"""Finds the agent packages of a project: here, above, or one or two folders below."""

from collections.abc import Iterator
from pathlib import Path

from activities.package import MANIFEST, AgentPackage, find_root, load_package
from lockstep.errors import LockstepError


def roots(start: Path) -> list[Path]:
    """The folder's own agent or, failing that, every agent at most two folders down."""
    try:
        return [find_root(start)]
    except LockstepError:
        found = {*start.glob(f"*/{MANIFEST}"), *start.glob(f"*/*/{MANIFEST}")}
        return sorted(path.parent.resolve() for path in found)


def packages(start: Path) -> Iterator[AgentPackage]:
    for root in roots(start):
        yield load_package(root)
