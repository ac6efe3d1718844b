"""Holds a stranger's program for as long as somebody holds the other end of a pipe.

Run as a script, in front of the command: `python leash.py LIFELINE COMMAND…`. When the lifeline
ends, because it was let go or because its holder was killed, the program and all that it started
are ended: SIGTERM, a moment, SIGKILL. What the program leaves behind when it ends by itself goes
with it. On Linux that includes what has left its process group; elsewhere only the group.

Not a death signal of the kernel alone: that reaches one process, and a server is often a launcher
with the real one below it. Nothing of ours is imported, since this runs once for every start.
"""

import ctypes
import os
import select
import signal
import sys
import time
from contextlib import suppress
from types import FrameType

GRACE = 1.0
"""Seconds between SIGTERM and SIGKILL."""
POLL = 0.02
"""Seconds. How late an end may be noticed."""

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_told: list[int] = []


def main(arguments: list[str]) -> int:
    lifeline, command = int(arguments[0]), arguments[1:]
    if sys.platform == "linux":
        # What the program orphans becomes ours, wherever it has gone.
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _hear)
    program = os.fork()
    if program == 0:
        _become(command, lifeline)
    for stream in (0, 1):
        # Else the program's end would not be the end of its pipes.
        os.close(stream)
    status = None
    while status is None and not _let_go(lifeline):
        status = _ended(program)
    if status is None:
        status = _end(program)
    _sweep(program)
    return status


def _become(command: list[str], lifeline: int) -> None:
    try:
        os.close(lifeline)
        os.setsid()
        if sys.platform == "linux":
            # Should somebody kill the leash, this much is still done.
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        # Python ignores these, and what is ignored stays ignored in the program.
        for ignored in (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(ignored, signal.SIG_DFL)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        os.execvp(command[0], command)  # noqa: S606 – becoming the command is the point
    except OSError as error:
        os.write(2, f"cannot run {command[0]}: {error.strerror}\n".encode(errors="replace"))
    finally:
        os._exit(127)


def _let_go(lifeline: int) -> bool:
    if _told:
        return True
    ready, _, _ = select.select([lifeline], [], [], POLL)
    return bool(ready) and not os.read(lifeline, 1)


def _ended(program: int) -> int | None:
    """The program's status as a shell tells it, once it has one; reaps whatever has died."""
    with suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == program:
                code = os.waitstatus_to_exitcode(status)
                return code if code >= 0 else 128 - code
            if pid == 0:
                return None
    return 0


def _end(program: int) -> int:
    _signal(program, signal.SIGTERM)
    deadline = time.monotonic() + GRACE
    while time.monotonic() < deadline:
        status = _ended(program)
        if status is not None:
            return status
        time.sleep(POLL)
    return 128 + signal.SIGKILL


def _sweep(program: int) -> None:
    """SIGKILL to the program's group, and to all that has become ours, until none is left."""
    _signal(program, signal.SIGKILL)
    for _ in range(100):
        for pid in _children():
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
            time.sleep(POLL)
            continue
        return


def _children() -> list[int]:
    with suppress(OSError):
        # As a file of the kernel's it has no size, and needs no path object to be imported for it.
        listed = os.open(f"/proc/self/task/{os.getpid()}/children", os.O_RDONLY)
        try:
            return [int(pid) for pid in os.read(listed, 65536).split()]
        finally:
            os.close(listed)
    return []


def _signal(group: int, number: int) -> None:
    # macOS answers "not permitted" for a group in which only the dead are left.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _hear(number: int, _: FrameType | None) -> None:
    _told.append(number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
