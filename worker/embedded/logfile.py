"""The log file of a child process: kept short, and quoted when the child cannot be kept up."""

import re
from pathlib import Path

LARGEST = 10 * 1024 * 1024
"""Bytes after which a log is put aside at the next start; one older log is kept."""
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def rotate(log: Path) -> None:
    """Puts a log that has grown too long aside as `….1`."""
    if log.exists() and log.stat().st_size > LARGEST:
        log.replace(log.with_name(log.name + ".1"))


def last_words(log: Path, since: int = 0) -> str:
    """The last three lines written after byte `since`, on one and without control characters."""
    try:
        with log.open("rb") as file:
            end = file.seek(0, 2)
            file.seek(max(since, end - 8192))
            text = file.read().decode(errors="replace")
    except OSError:
        return "its log cannot be read"
    said = [_plain(line) for line in text.splitlines() if line.strip()]
    return " | ".join(said[-3:]) or "it said nothing"


def _plain(line: str) -> str:
    shown = "".join(
        character if character.isprintable() else " " for character in _ESCAPES.sub("", line)
    )
    return shown.strip()[:300]
