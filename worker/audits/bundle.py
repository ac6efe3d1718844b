"""Writes an audit bundle whole or not at all, and reads one that anybody may have written.

What is read is bounded before it is read, links are not followed, and each file is held against
its digest; what is wrong with one becomes a finding, so that all that is wrong is told at once.
"""

import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from lockstep.bundle import (
    MAX_SUMS_BYTES,
    SIGNATURE,
    SUMS,
    VALUES,
    limit_of,
    read_sums,
    value_file,
    write_sums,
)
from lockstep.canonical import Digest, digest_bytes
from lockstep.errors import LockstepError
from lockstep.finding import Finding

_CHUNK = 1024 * 1024
_MOST_FILES = 100_000
_MOST_STRANGERS = 20


def write_bundle(target: Path, files: Iterable[tuple[str, bytes]]) -> Digest:
    """The digest of its sums. LS-AUDIT-008 where something is there already, LS-SRV-007 where it
    cannot be written; then there is nothing.
    """
    raise_if_there(target)
    part: Path | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
        sums: dict[str, Digest] = {}
        for name, data in files:
            (part / name).parent.mkdir(exist_ok=True)
            (part / name).write_bytes(data)
            sums[name] = digest_bytes(data)
        text = write_sums(sums).encode()
        (part / SUMS).write_bytes(text)
        part.rename(target)
    except OSError as error:
        raise LockstepError.of(
            "LS-SRV-007",
            str(target),
            f"cannot be written: {(error.strerror or str(error)).lower()}",
            "free some space, or name a folder where you may write",
        ) from None
    finally:
        if part is not None:
            shutil.rmtree(part, ignore_errors=True)
    return digest_bytes(text)


def raise_if_there(target: Path) -> None:
    """LS-AUDIT-008 where something is there, be it a link that leads nowhere."""
    if os.path.lexists(target):
        raise LockstepError.of(
            "LS-AUDIT-008",
            str(target),
            "is there already, and evidence is not written over",
            "name a folder that does not exist",
        )


@dataclass(frozen=True)
class Bundle:
    """A bundle's folder and what its sums say of it; `sums_digest` is of that file itself."""

    root: Path
    sums: dict[str, Digest]
    sums_digest: Digest

    @classmethod
    def open(cls, root: Path) -> "Bundle":
        """LS-AUDIT-001 for a folder that is no bundle, LS-LOAD-001 for what is no folder."""
        if not root.is_dir():
            raise LockstepError.of(
                "LS-LOAD-001", str(root), "is no folder", "name the folder of a bundle"
            )
        data = _read(root, SUMS, MAX_SUMS_BYTES)
        if isinstance(data, Finding):
            raise LockstepError(data)
        try:
            sums = read_sums(data.decode("ascii"))
        except UnicodeDecodeError:
            raise LockstepError(_unfit(SUMS, "is not ASCII")) from None
        return cls(root, sums, digest_bytes(data))

    def misfits(self) -> Iterator[Finding]:
        """Files that are missing, are not what the sums say, or are named nowhere."""
        for name, wanted in self.sums.items():
            found = _digest(self.root, name)
            if isinstance(found, Finding):
                yield found
            elif found != wanted:
                yield _unfit(name, f"has the digest `{found[:19]}…`, and not `{wanted[:19]}…`")
            elif name.startswith(f"{VALUES}/") and value_file(found) != name:
                yield _unfit(name, "is not the value that it is called by")
        for name in islice(self._strangers(), _MOST_STRANGERS):
            yield _unfit(name, "is named nowhere in the sums")

    def _strangers(self) -> Iterator[str]:
        known = {*self.sums, SUMS, SIGNATURE}
        for folder in ("", VALUES):
            there = self.root / folder
            if folder and (there.is_symlink() or not there.is_dir()):
                if os.path.lexists(there):
                    yield folder
                continue
            for entry in islice(os.scandir(there), _MOST_FILES):
                name = f"{folder}/{entry.name}" if folder else entry.name
                if name not in known and name != VALUES:
                    yield name

    def get(self, name: str) -> bytes | None:
        """The bytes of a file that the sums name, whether or not they fit; None where they cannot
        be read.
        """
        data = _read(self.root, name, limit_of(name)) if name in self.sums else None
        return data if isinstance(data, bytes) else None


@dataclass(frozen=True)
class BundleStore:
    """The values of a bundle, to be read; nothing is put into evidence."""

    bundle: Bundle

    def put(self, data: bytes) -> Digest:
        raise self._lost(digest_bytes(data))

    def get(self, name: Digest) -> bytes:
        data = self.bundle.get(value_file(name))
        if data is None or digest_bytes(data) != name:
            raise self._lost(name)
        return data

    def _lost(self, name: Digest) -> LockstepError:
        return LockstepError.of(
            "LS-STEP-007", f"value `{name[:19]}…`", "is not in the bundle", "export the run again"
        )


def _read(root: Path, name: str, most: int) -> bytes | Finding:
    try:
        with _Opened(root, name, most) as descriptor:
            with os.fdopen(descriptor, "rb", closefd=False) as file:
                data = file.read(most + 1)
            return data if len(data) <= most else _too_large(name, most)
    except _Refused as refused:
        return refused.finding


def _digest(root: Path, name: str) -> Digest | Finding:
    """A large value is never held as a whole."""
    most, read, hashed = limit_of(name), 0, hashlib.sha256()
    try:
        with _Opened(root, name, most) as descriptor:
            while chunk := os.read(descriptor, _CHUNK):
                read += len(chunk)
                if read > most:
                    return _too_large(name, most)
                hashed.update(chunk)
    except _Refused as refused:
        return refused.finding
    except OSError as error:
        return _unfit(name, f"cannot be read: {(error.strerror or str(error)).lower()}")
    return Digest(f"sha256:{hashed.hexdigest()}")


class _Refused(Exception):
    def __init__(self, finding: Finding) -> None:
        super().__init__()
        self.finding = finding


@dataclass
class _Opened:
    """A plain file within the folder, never what a link in it leads to, nor a pipe that waits."""

    root: Path
    name: str
    most: int
    descriptor: int = -1

    def __enter__(self) -> int:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
        folder = -1
        try:
            inner, _, last = self.name.rpartition("/")
            folder = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY)
            if inner:
                outer, folder = folder, os.open(inner, flags | os.O_DIRECTORY, dir_fd=folder)
                os.close(outer)
            self.descriptor = os.open(last, flags, dir_fd=folder)
            found = os.fstat(self.descriptor)
        except OSError as error:
            self._close()
            reason = (error.strerror or str(error)).lower()
            raise _Refused(_unfit(self.name, f"cannot be read: {reason}")) from None
        finally:
            if folder >= 0:
                os.close(folder)
        if not stat.S_ISREG(found.st_mode):
            self._close()
            raise _Refused(_unfit(self.name, "is not a plain file"))
        if found.st_size > self.most:
            self._close()
            raise _Refused(_too_large(self.name, self.most))
        return self.descriptor

    def __exit__(self, *_: object) -> None:
        self._close()

    def _close(self) -> None:
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


def _too_large(name: str, most: int) -> Finding:
    return _unfit(name, f"has more than {most:,} bytes")


def _unfit(name: str, problem: str) -> Finding:
    return Finding(
        code="LS-AUDIT-001",
        place=name[:300],
        problem=problem,
        fix="ask for the bundle again, or export the run again, and find out who changed it",
    )
