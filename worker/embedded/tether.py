"""Ties a command to its parent's life, then becomes that command.

Run as a script, in front of the command: `python tether.py PARENT COMMAND…`. On Linux the kernel
then ends the command with SIGTERM when the parent is gone, kill -9 included; elsewhere the command
must notice by itself, and its standard input, which ends with the parent, lets it.

Not a `preexec_fn`: that runs Python in the fork of a process whose other threads may hold any lock.
Nothing of ours is imported, since this runs once for every start of every child.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    parent, command = int(arguments[0]), arguments[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        # It may have died before the kernel was asked to tell us.
        if os.getppid() != parent:
            sys.exit(0)
    # Python ignores these, and what is ignored stays ignored in the command.
    for ignored in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(ignored, signal.SIG_DFL)
    try:
        os.execvp(command[0], command)  # noqa: S606 – becoming the command is the point
    except OSError as error:
        sys.exit(f"cannot run {command[0]}: {error.strerror}")


if __name__ == "__main__":
    main(sys.argv[1:])
