"""A process that has loaded what commands need, and becomes one of them again and again.

Most of what a short command costs is loading the same libraries as the one before. Here they are
loaded once; each command is then a fork of that process: a process of its own all the same, with
its own arguments, environment, folder, streams and end. What belongs to the command line itself is
loaded by each anew, since it looks at all of these as it is loaded.

What forks must have no threads, so this is not done by the process that runs the tests. It ends
when that one does, whose end of the line is then closed.
"""

import atexit
import gc
import json
import os
import runpy
import socket
import struct
import subprocess
import sys
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

ROOT = Path(__file__).parents[2]
COMMAND_LINE = "worker.cli.main"
SHARED = (
    "activities.package",
    "policies.check",
    "rich.console",
    "rich.table",
    "temporalio.client",
    "temporalio.worker",
    "typer",
    "typer.main",
    "worker.records.history",
    "worker.serve",
    "worker.session",
)
"""Loaded before anything is known of a command: nothing here asks who it is or where."""
_LENGTH = struct.Struct("!I")
_STREAMS = 3


class Forks:
    """The line to such a process, which is started with it."""

    def __init__(self) -> None:
        self._line, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", str(Path(__file__)), str(theirs.fileno())],
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )

    def start(
        self,
        arguments: Sequence[str],
        environ: Mapping[str, str],
        folder: Path,
        streams: Sequence[int],
    ) -> None:
        """A command is started. `streams` are where its output goes, and its errors, and the lines
        that tell of it: its process's number, then its exit code.
        """
        command = {"arguments": arguments, "environ": environ, "folder": str(folder)}
        said = json.dumps(command).encode()
        socket.send_fds(self._line, [_LENGTH.pack(len(said))], streams)
        self._line.sendall(said)

    def close(self) -> None:
        self._line.close()
        self._process.wait()


@cache
def forks() -> Forks:
    """The one that serves this process, started when it is first needed."""
    started = Forks()
    atexit.register(started.close)
    return started


def _serve(line: socket.socket) -> None:
    for name in SHARED:
        import_module(name)
    # What is there now is not looked at again, so that a fork copies little of it.
    gc.collect()
    gc.freeze()
    while True:
        header, streams, _, _ = socket.recv_fds(line, _LENGTH.size, _STREAMS)
        _bury()
        if not header:
            return
        command = json.loads(_exactly(line, _LENGTH.unpack(header)[0]))
        if os.fork() == 0:
            line.close()
            _wait_for(command, streams)
        for stream in streams:
            os.close(stream)


def _bury() -> None:
    """Those who have waited for a command that is over."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            pass


def _exactly(line: socket.socket, length: int) -> bytes:
    said = b""
    while len(said) < length:
        said += line.recv(length - len(said))
    return said


def _wait_for(command: Mapping[str, Any], streams: Sequence[int]) -> NoReturn:
    """The command, and the news of it; like a shell, this does nothing else."""
    out, err, news = streams
    process = os.fork()
    if process == 0:
        os.close(news)
        _become(command, out, err)
    os.close(out)
    os.close(err)
    os.write(news, f"{process}\n".encode())
    _, status = os.waitpid(process, 0)
    os.write(news, f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def _become(command: Mapping[str, Any], out: int, err: int) -> NoReturn:
    try:
        os.dup2(out, 1)
        os.dup2(err, 2)
        os.close(out)
        os.close(err)
        os.environ.clear()
        os.environ.update(command["environ"])
        os.chdir(command["folder"])
        sys.argv = [COMMAND_LINE, *command["arguments"]]
        runpy.run_module(COMMAND_LINE, run_name="__main__", alter_sys=True)
    except BaseException:
        traceback.print_exc()
    finally:
        # It leaves by itself, and before it comes here.
        os._exit(1)


if __name__ == "__main__":
    # Ctrl-C ends the tests, and the commands hear it themselves.
    with suppress(KeyboardInterrupt):
        _serve(socket.socket(fileno=int(sys.argv[1])))
