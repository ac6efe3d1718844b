"""What stands beside a lock file: the plan, the contents of what was pinned, the standing grants.

All of them are called like the lock, so that whoever moves one sees the others. None is needed for
a run: what is missing or damaged costs words, and is said.
"""

import json
from functools import partial
from pathlib import Path

from activities.package import AgentPackage
from activities.prompt import Prompting
from activities.store import FolderStore, peek
from lockstep.canonical import Digest, canonical
from lockstep.contents import Contents, Look, nothing
from lockstep.errors import LockstepError
from lockstep.finding import Finding, Severity
from lockstep.loading import load
from lockstep.lock import Lock
from policies.drift import drift
from worker.cli.terminal import write_file

_RESTART = "the worker read the agent before this change: start it again, then lock"


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


def keep_lock(lock: Lock, package: AgentPackage, target: Path) -> bool:
    """Write a fresh lock where it belongs, and what it pins; whether it was there already."""
    stale = drift(lock.body, package.world(lock.body.environment))
    if stale:
        # The worker answers for what it read when it started.
        raise LockstepError(*(found.model_copy(update={"fix": _RESTART}) for found in stale))
    same = is_there(lock, target)
    # Before the lock: whoever finds a lock finds what it pins.
    keep_contents(lock, target, present(package, lock))
    if not same:
        write_file(target, lock.model_dump_json(indent=2) + "\n")
    return same


def is_there(lock: Lock, path: Path) -> bool:
    """Whether the file is this very lock already; then who proposed it first stays on record."""
    try:
        return load(Lock, path).digest == lock.digest
    except LockstepError:
        return False


def keep_contents(lock: Lock, path: Path, look: Look) -> None:
    """Write what can be found of a lock's contents beside it: the same bytes for the same contents,
    and in ASCII, so that nothing in them looks like something else to a reviewer.
    """
    if path.exists() and not path.is_file():
        # What went to a pipe or a device has nothing beside it.
        return
    text = json.dumps(Contents.found(lock, look).model_dump(mode="json"), indent=2) + "\n"
    file = pins_of(path)
    if not (file.is_file() and file.read_bytes() == text.encode()):
        write_file(file, text)


def present(package: AgentPackage, lock: Lock) -> Look:
    """What the agent is now, and what a model that plans for it would be told."""
    world = package.world(lock.body.environment)
    prompting = Prompting(world)
    told = {prompting.digest: canonical(prompting.told)}
    return first_of(world.contents.look, told.get)
