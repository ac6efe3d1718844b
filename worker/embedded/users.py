"""Commands that use a server somebody else started, and the owner who leaves last.

A command that finds a running embedded server borrows it instead of starting its own. The owner,
done with its own work, waits for the borrowers before it takes the server away.
"""

import asyncio
import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from types import TracebackType
from typing import Self

from lockstep.errors import LockstepError
from worker.home import Home

PATIENCE = 600.0
"""Seconds an owner waits for borrowers; Ctrl-C ends it earlier."""


@contextmanager
def borrow(home: Home) -> Iterator[None]:
    """Keeps another command's server up while the block runs; LS-SRV-001 if it is going already."""
    with Users(home) as users:
        if not users.join():
            raise LockstepError.of(
                "LS-SRV-001",
                str(home.record),
                "the command that runs the server is just stopping it",
                "repeat the command",
            )
        yield


class Users:
    """All who use a home's server, as a lock: shared by borrowers, taken alone by the owner that
    stops the server, which keeps newcomers out until the block ends."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def __enter__(self) -> Self:
        try:
            self._descriptor = os.open(self._home.users_lock, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise self._home.refused(error) from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        os.close(self._descriptor)

    def join(self) -> bool:
        return self._lock(fcntl.LOCK_SH)

    async def gone(self, say: Callable[[str], None]) -> bool:
        """Waits until nobody else uses the server, saying so once; False if somebody still does."""
        deadline = monotonic() + PATIENCE
        said = False
        while not self._lock(fcntl.LOCK_EX):
            if monotonic() > deadline:
                return False
            if not said:
                say("another command still uses this server; waiting for it (Ctrl-C stops it now)")
                said = True
            await asyncio.sleep(0.1)
        return True

    def _lock(self, kind: int) -> bool:
        try:
            fcntl.flock(self._descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
