"""Who runs the embedded server of a home: one process at a time, and everybody can see which.

Two servers on one SQLite file would damage it, so the claim is a lock of the operating system, not
a file with a number in it. The server inherits the locked descriptor: should its owner be killed,
the claim ends when the server does and not before. The record beside it, `server.json`, only says
where the server answers; without a claim it is stale and means nothing.
"""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from time import monotonic
from typing import Literal

from pydantic import ValidationError

from lockstep.errors import LockstepError
from lockstep.record import Record
from worker.home import VARIABLE, Home

CHANGE_OF_HANDS = 8.0
"""Seconds in which a server that is starting or stopping has settled; stopping takes about 1.5."""

Kind = Literal["dev", "embedded"]
"""`dev` stays until it is told to go, `embedded` lasts as long as the command that started it."""


class ServerRecord(Record):
    """Where a home's server answers; `ui` is a URL or absent."""

    address: str
    namespace: str
    ui: str | None
    pid: int
    owner_pid: int
    kind: Kind
    started_at: datetime

    def publish(self, home: Home) -> None:
        """Writes `server.json` whole or not at all."""
        try:
            draft = home.record.with_suffix(".draft")
            draft.write_text(self.model_dump_json(indent=2) + "\n")
            draft.replace(home.record)
        except OSError as error:
            raise home.refused(error) from None


def recorded(home: Home) -> ServerRecord | None:
    """What `server.json` says, true or stale."""
    try:
        return ServerRecord.model_validate_json(home.record.read_bytes())
    except (OSError, ValidationError):
        return None


def claimed(home: Home) -> bool:
    """Whether a server or its owner lives; no reading of process ids can say so as surely."""
    try:
        descriptor = os.open(home.server_lock, os.O_RDONLY)
    except OSError:
        return False
    try:
        return not _locked(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


@asynccontextmanager
async def claim(home: Home) -> AsyncIterator[int]:
    """Holds the home's server lock and gives the descriptor for the server to inherit.

    LS-SRV-004 if another process holds it: at once when that one is serving, after a while when it
    is only starting or stopping.
    """
    try:
        descriptor = os.open(home.server_lock, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise home.refused(error) from None
    try:
        deadline = monotonic() + CHANGE_OF_HANDS
        while not _locked(descriptor, fcntl.LOCK_EX):
            if monotonic() > deadline or (serving(home) and claimed(home)):
                raise _held(home)
            await asyncio.sleep(0.05)
        _sign(home, descriptor)
        yield descriptor
    finally:
        # Closed, never unlocked: unlocking would also take the lock from a server that still runs.
        os.close(descriptor)


def serving(home: Home) -> ServerRecord | None:
    """The record of a server whose owner lives; whether it answers is for the caller to try."""
    record = recorded(home)
    return record if record is not None and _alive(record.owner_pid) else None


def _locked(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _sign(home: Home, descriptor: int) -> None:
    """Says who holds the claim, for the error that the next one gets."""
    try:
        home.record.unlink(missing_ok=True)
        os.truncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    except OSError as error:
        raise home.refused(error) from None


def _held(home: Home) -> LockstepError:
    record = recorded(home)
    owner = _owner(home)
    if owner is not None and _alive(owner):
        problem = f"process {owner} runs the embedded server of this folder"
        fix = f"use that one, stop it with `kill {owner}`, or set {VARIABLE} to another folder"
    elif record is not None and record.owner_pid == owner and _alive(record.pid):
        problem = f"server process {record.pid} has outlived the command that started it"
        fix = f"stop it with `kill {record.pid}` and start again"
    else:
        problem = "a server of an earlier command still holds this folder"
        fix = f"find it with `fuser {home.server_lock}`, stop it and start again"
    return LockstepError.of("LS-SRV-004", str(home.server_lock), problem, fix)


def _owner(home: Home) -> int | None:
    with suppress(OSError, ValueError):
        return int(home.server_lock.read_text())
    return None


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # it lives, and is somebody else's
    return True
