"""Puts a digest where people read it, once for each key.

The ledger `published.jsonl` decides: a key is published when its line stands there whole. Files are
laid out beside, moved into place in one rename, and only then recorded; so a process may die at any
point, and the next call with the key finishes the work or finds it done. What no line names is
debris of such a death and is replaced. One call at a time, by a file lock, across processes too.

`latest.html` and `latest.md` are copies of the digest with the latest `scheduled_at`: a backfill of
last month does not displace this week's.
"""

import hashlib
import json
import os
import shutil
from datetime import UTC
from pathlib import Path

from filelock import FileLock
from pydantic import AwareDatetime, ValidationError

from lockstep.record import Record

from .digest import Digest

LEDGER = "published.jsonl"
_HTML, _MARKDOWN = "digest.html", "digest.md"
_PATIENCE_SECONDS = 30


class Published(Record):
    """Where the digest stands. `first` is true for the one call that recorded the key."""

    markdown_path: str
    html_path: str
    sha256: str
    """Of the HTML file, as `sha256sum` prints it."""
    first: bool


class Entry(Record):
    """One line of the ledger."""

    key: str
    directory: str
    scheduled_at: AwareDatetime
    sha256: str


def publish(digest: Digest, folder: Path, key: str) -> Published:
    """Publishes under the key, or finds what was published under it, whatever the digest says now.

    OSError where the folder cannot be written or the disk is full (nothing is recorded then, and a
    repeated call goes on), TimeoutError when another process holds the folder for half a minute;
    ValueError where the ledger has a line that cannot be read.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".lock", timeout=_PATIENCE_SECONDS):
        ledger = _read(folder / LEDGER)
        entry = next((entry for entry in ledger if entry.key == key), None)
        first = entry is None
        if entry is None:
            entry = _entry(digest, key, ledger)
            _lay_out(digest, folder / entry.directory)
            _record(entry, folder / LEDGER)
            ledger.append(entry)
        _show_latest(folder, ledger)
    return Published(
        markdown_path=str(folder / entry.directory / _MARKDOWN),
        html_path=str(folder / entry.directory / _HTML),
        sha256=entry.sha256,
        first=first,
    )


def _entry(digest: Digest, key: str, ledger: list[Entry]) -> Entry:
    day = digest.scheduled_at.astimezone(UTC).date().isoformat()
    digits = hashlib.sha256(key.encode()).hexdigest()
    taken = {entry.directory for entry in ledger}
    # Eight characters are for people; two keys that share them are told apart by more.
    names = (f"{day}-{digits[:size]}" for size in (8, 64))
    directory = next(name for name in names if name not in taken)
    return Entry(
        key=key,
        directory=directory,
        scheduled_at=digest.scheduled_at,
        sha256=hashlib.sha256(digest.html.encode()).hexdigest(),
    )


def _lay_out(digest: Digest, directory: Path) -> None:
    """Both files at once or neither."""
    staging = directory.with_name(f".staging-{directory.name}")
    for debris in (staging, directory):
        if debris.exists():
            shutil.rmtree(debris)
    staging.mkdir()
    _write(staging / _HTML, digest.html.encode())
    _write(staging / _MARKDOWN, digest.markdown.encode())
    staging.rename(directory)
    _sync_names(directory.parent)


def _read(path: Path) -> list[Entry]:
    """The whole lines. A last line without an end was cut off by a death and never counted."""
    if not path.exists():
        return []
    lines = path.read_bytes().split(b"\n")[:-1]
    entries = []
    for number, line in enumerate(lines, start=1):
        try:
            entries.append(Entry.model_validate_json(line))
        except ValidationError:
            # Skipping it could publish its key a second time.
            raise ValueError(
                f"{path}:{number}: this is not a line of the ledger; restore it from a backup"
            ) from None
    return entries


def _record(entry: Entry, path: Path) -> None:
    line = json.dumps(entry.model_dump(mode="json"), ensure_ascii=True) + "\n"
    with path.open("ab+") as file:
        file.seek(0)
        # An unfinished line would swallow the beginning of ours.
        file.truncate(file.read().rfind(b"\n") + 1)
        file.write(line.encode())
        file.flush()
        os.fsync(file.fileno())
    _sync_names(path.parent)


def _show_latest(folder: Path, ledger: list[Entry]) -> None:
    """Also after a call that found its key: the one before may have died before this step."""
    latest = max(reversed(ledger), key=lambda entry: entry.scheduled_at)
    for name, shown in ((_HTML, "latest.html"), (_MARKDOWN, "latest.md")):
        source = folder / latest.directory / name
        # Old digests may have been cleared away; then the last copy stays.
        if not source.exists():
            continue
        content = source.read_bytes()
        if not (folder / shown).exists() or (folder / shown).read_bytes() != content:
            _write(folder / f".{shown}", content)
            (folder / f".{shown}").replace(folder / shown)


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_names(folder: Path) -> None:
    """Makes renames survive a power cut; a directory is synced like a file."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
