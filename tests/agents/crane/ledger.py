"""A ledger: a file to which lines are added, by several processes and through any crash.

Each line is one write of one process that holds the file's lock, so it is there whole or not at
all.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Ledger:
    """Lines in order; one that was entered under a key is entered once."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, text: str) -> int:
        """Adds a line; its number, counted from 1."""
        with self._open() as descriptor:
            return self._add(descriptor, text)

    def enter(self, text: str, key: str) -> int:
        """Adds a line unless the key has one; the number of the key's line."""
        with self._open() as descriptor:
            for number, line in enumerate(self._lines(descriptor), start=1):
                if line.startswith(f"{key} "):
                    return number
            return self._add(descriptor, f"{key} {text}")

    def _add(self, descriptor: int, line: str) -> int:
        os.write(descriptor, f"{line}\n".encode())
        return len(self._lines(descriptor))

    def _lines(self, descriptor: int) -> list[str]:
        size = os.fstat(descriptor).st_size
        return os.pread(descriptor, size, 0).decode().splitlines()

    @contextmanager
    def _open(self) -> Iterator[int]:
        descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield descriptor
        finally:
            os.close(descriptor)
