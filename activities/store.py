"""Where values are kept by their digest: the contract, and a folder that keeps it.

A value is written once and never changes; what is read back is held against its digest, so a
damaged or swapped file is found when it is read and not believed. Nothing is deleted here. A file's
time says when its value was last given, so that whoever makes room can tell what no run has needed
for longer than histories are kept.
"""

import os
import tempfile
from pathlib import Path
from typing import Protocol

from pydantic import JsonValue

from lockstep.canonical import Digest, digest_bytes
from lockstep.errors import LockstepError
from lockstep.loading import parse_json
from lockstep.value import Value


class Store(Protocol):
    """Keeps bytes by digest. `get` raises LS-STEP-007; retrying helps where the disk comes back."""

    def put(self, data: bytes) -> Digest: ...

    def get(self, name: Digest) -> bytes: ...


class FolderStore:
    """One file a value, two letters a folder; all workers of a queue must see the same folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, data: bytes) -> Digest:
        name = digest_bytes(data)
        path = self._path(name)
        try:
            if self._is_kept(path):
                return name
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, part = tempfile.mkstemp(dir=path.parent, prefix=".part-")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                Path(part).replace(path)
            except BaseException:
                Path(part).unlink(missing_ok=True)
                raise
        except OSError as error:
            raise LockstepError.of(
                "LS-SRV-007",
                str(self.root),
                f"a value cannot be written: {(error.strerror or str(error)).lower()}",
                "free some space or mend the folder, then let it go on, or `lockstep fork` the run",
            ) from None
        return name

    def get(self, name: Digest) -> bytes:
        try:
            data = self._path(name).read_bytes()
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise self._lost(name, f"cannot be read: {reason}") from None
        if digest_bytes(data) != name:
            raise self._lost(name, "does not match its digest")
        return data

    def _is_kept(self, path: Path) -> bool:
        """Whether the value is there; if so it is as young as today."""
        try:
            os.utime(path)
        except FileNotFoundError:
            return False
        except PermissionError:
            # Another account's, on a shared folder: theirs to keep young.
            return path.exists()
        return True

    def _path(self, name: Digest) -> Path:
        _, _, hexadecimal = name.partition(":")
        if len(hexadecimal) != 64 or not set(hexadecimal) <= set("0123456789abcdef"):
            raise self._lost(name, "is not a digest")
        return self.root / hexadecimal[:2] / hexadecimal

    def _lost(self, name: str, problem: str) -> LockstepError:
        return LockstepError.of(
            "LS-STEP-007",
            f"value `{name[:19]}…`",
            problem,
            f"see whether `{self.root}` is the folder that the run's workers write to",
        )


def peek(store: Store, name: Digest) -> bytes | None:
    """The same as `get`, where a value that is lost is no trouble."""
    try:
        return store.get(name)
    except LockstepError:
        return None


def load(store: Store, value: Value) -> JsonValue:
    """The JSON value behind a reference."""
    data = store.get(value.digest)
    found: JsonValue = parse_json(data, value.digest, limit=value.size, canonical=True)
    return found
