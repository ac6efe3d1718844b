"""Reads the standing grants that an agent package holds: `plans/*.grants.json`.

They are read when they are needed and not when a worker starts, so that one which is taken back
counts no more from that moment on. A file that cannot be read grants nothing: a human is asked.
"""

from collections.abc import Iterator
from pathlib import Path

from lockstep.decision import StandingGrant
from lockstep.errors import LockstepError
from lockstep.loading import load
from lockstep.standing import StandingGrants

FOLDER = "plans"
SUFFIX = ".grants.json"


def grant_files(root: Path) -> list[Path]:
    """The files of an agent package, sorted."""
    return sorted((root / FOLDER).glob(f"*{SUFFIX}"))


def read_standing(root: Path) -> tuple[StandingGrant, ...]:
    """All that is kept, whether or not it holds."""
    return tuple(_read(root))


def _read(root: Path) -> Iterator[StandingGrant]:
    for path in grant_files(root):
        try:
            yield from load(StandingGrants, path).grants
        except LockstepError:
            continue
