"""What stands beside a lock file: the plan, the contents of what was pinned, the standing grants.

All of them are called like the lock, so that whoever moves one sees the others. None is needed for
a run: what is missing or damaged costs words, and is said.
"""

from functools import partial
from pathlib import Path

from activities.store import FolderStore, peek
from lockstep.canonical import Digest
from lockstep.contents import Contents, Look, nothing
from lockstep.errors import LockstepError
from lockstep.finding import Finding, Severity
from lockstep.loading import load
from lockstep.lock import Lock


def stem(lock: Path) -> str:
    """`weekly.prod` of `weekly.prod.lock.json`."""
    return lock.name.removesuffix(".json").removesuffix(".lock")


def pins_of(lock: Path) -> Path:
    return lock.with_name(f"{stem(lock)}.pins.json")


def plan_of(lock: Path) -> Path:
    return lock.with_name(f"{stem(lock)}.plan.json")


def read_contents(path: Path, lock: Lock) -> tuple[Contents | None, list[Finding]]:
    """What is kept beside a lock, and what is wrong with it."""
    file = pins_of(path)
    if not file.exists():
        return None, []
    try:
        contents = load(Contents, file)
    except LockstepError as error:
        first = error.findings[0]
        update = {"code": "LS-LOCK-005", "severity": Severity.WARNING}
        return None, [first.model_copy(update=update)]
    misfits = contents.misfits(lock)
    return contents, [one.model_copy(update={"place": str(file)}) for one in misfits]


def looking(path: Path | None, lock: Lock, values: Path) -> tuple[Look, list[Finding]]:
    """Where to look for what a lock pinned: beside it, then among the values of its runs."""
    contents, findings = read_contents(path, lock) if path is not None else (None, [])
    beside = contents.look if contents is not None else nothing
    return first_of(beside, partial(peek, FolderStore(values))), findings


def first_of(*looks: Look) -> Look:
    """Finds what any of them finds."""

    def look(name: Digest) -> bytes | None:
        return next((data for one in looks if (data := one(name)) is not None), None)

    return look
