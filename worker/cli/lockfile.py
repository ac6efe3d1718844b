"""A lock as a file: written whole, with what it pins beside it, and never twice for nothing."""

import json
from pathlib import Path

from activities.package import AgentPackage
from lockstep.contents import Contents, Look
from lockstep.errors import LockstepError
from lockstep.loading import load
from lockstep.lock import Lock
from lockstep.statement import Approved
from policies.locks.drift import drift
from worker.cli.beside import first_of, looking, pins_of
from worker.cli.terminal import write_file
from worker.home import Home

_RESTART = "the worker read the agent before this change: start it again, then lock"


def keep_lock(lock: Lock, package: AgentPackage, target: Path) -> bool:
    """Write a fresh lock where it belongs, and what it pins; whether it was there already."""
    stale = drift(lock.body, package.world(lock.body.environment))
    if stale:
        # The worker answers for what it read when it started.
        raise LockstepError(*(found.model_copy(update={"fix": _RESTART}) for found in stale))
    there = _there(target)
    same = there is not None and is_there(lock, target)
    # Before the lock: whoever finds a lock finds what it pins. What stood there already may know of
    # a prompt that is another one by now.
    kept, _ = looking(target, lock, Home.find().values)
    now = package.world(lock.body.environment).contents.look
    keep_contents(there if same and there is not None else lock, target, first_of(now, kept))
    if not same:
        write_file(target, lock.model_dump_json(indent=2) + "\n")
    return same


def is_there(lock: Lock, path: Path) -> bool:
    """Whether the file is this very lock already, and has every yes that was given to it; then who
    proposed it first stays on record.
    """
    there = _there(path)
    given = {one for one in lock.statements if isinstance(one, Approved)}
    return there is not None and there.digest == lock.digest and given <= {*there.statements}


def _there(path: Path) -> Lock | None:
    try:
        return load(Lock, path)
    except LockstepError:
        return None


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
