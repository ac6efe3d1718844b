"""What the agent can do: two small tools, one that looks and one that leaves something behind.

A tool takes a model and gives a model. Which disks and boards there are is not said here: a name
that the environment's manifest does not hold does not exist.
"""

import shutil
from datetime import timedelta
from pathlib import Path
from typing import Annotated

from pydantic import Field

from lockstep import Call, Record, Resource, tool


class MeasureDiskInput(Record):
    """Which disk, by the name that the manifest gives it."""

    disk: Annotated[str, Resource("disk")]


class DiskUse(Record):
    """How full it is."""

    disk: str
    total_bytes: int = Field(ge=0)
    free_bytes: int = Field(ge=0)


# Numbers of our own machine, and so `trusted`; a tool that says nothing is taken to return what
# anybody may have written.
@tool("MeasureDisk", effect="read", timeout=timedelta(seconds=10), emits="trusted")
def measure_disk(request: MeasureDiskInput, call: Call) -> DiskUse:
    """Measure how full a disk is; the manifest says where it is mounted."""
    found = shutil.disk_usage(str(call.settings[request.disk]))
    return DiskUse(disk=request.disk, total_bytes=found.total, free_bytes=found.free)


class LeaveNoteInput(Record):
    """What the note is called, what it is about, and where it goes."""

    title: str = Field(min_length=1, max_length=100)
    use: DiskUse
    board: Annotated[str, Resource("board")]


class Note(Record):
    """Where the note is; `first` is false where an earlier attempt had left it already."""

    path: str
    first: bool


@tool("LeaveNote", effect="write", idempotency="keyed", timeout=timedelta(seconds=10))
def leave_note(request: LeaveNoteInput, call: Call) -> Note:
    """Leave a note on a board, once for each run: a second attempt finds the first one's note."""
    folder = Path(call.endpoint) / request.board
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{call.scheduled_at:%Y%m%dT%H%M%SZ}-{call.idempotency_key[:12]}.md"
    first = not path.exists()
    used = 1 - request.use.free_bytes / max(request.use.total_bytes, 1)
    path.write_text(f"# {request.title}\n\n`{request.use.disk}` is {used:.0%} full.\n")
    return Note(path=str(path.resolve()), first=first)
