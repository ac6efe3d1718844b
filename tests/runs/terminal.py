"""A terminal as a person has it: what they type, what they see, and Ctrl-C.

Each line is a shell of its own that takes over from the one before it: where it stood and what it
had exported. Its output goes to a pseudo-terminal, so that programs write what they write for
people; the terminal says of itself that it cannot move its cursor, so a live display is seen once,
as it ends.
"""

import os
import pty
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep

PATIENCE = 120.0
"""Seconds in which a line has to end, or to show what is waited for."""
POLL = 0.05

# The trap lets the shell outlive the Ctrl-C that ends its command, as one at a prompt does.
_SHELL = """
if [ -f "$1" ]; then . "$1"; fi
trap : INT
eval "$2"
code=$?
export -p >"$1"
pwd >"$1.folder"
exit $code
"""
_LOOK = {"TERM": "dumb", "COLUMNS": "240", "LINES": "60"}


class Line:
    """One line that was typed; its output is read all the while, so that it never waits for us."""

    def __init__(self, text: str, notes: Path, folder: Path, environ: Mapping[str, str]) -> None:
        self.text = text
        self._said = bytearray()
        ours, theirs = pty.openpty()
        try:
            self._shell = subprocess.Popen(
                ["sh", "-c", _SHELL, "sh", str(notes), text],
                cwd=folder,
                env={**environ, **_LOOK},
                stdin=subprocess.DEVNULL,
                stdout=theirs,
                stderr=theirs,
                start_new_session=True,
            )
        finally:
            os.close(theirs)
        self._reader = threading.Thread(target=self._read, args=(ours,), daemon=True)
        self._reader.start()

    def _read(self, screen: int) -> None:
        # Linux says EIO once nobody is left who could write.
        with suppress(OSError):
            while some := os.read(screen, 65536):
                self._said += some
        os.close(screen)

    @property
    def said(self) -> str:
        return bytes(self._said).decode(errors="replace").replace("\r\n", "\n")

    @property
    def ended(self) -> bool:
        return self._shell.poll() is not None

    def end(self) -> int:
        """Waits for the end; the exit code."""
        self.until(lambda: self.ended)
        self._reader.join(PATIENCE)
        assert not self._reader.is_alive(), f"`{self.text}` left somebody behind who may write"
        return self._shell.wait()

    def until(self, true: Callable[[], bool]) -> None:
        deadline = monotonic() + PATIENCE
        while not true():
            assert monotonic() < deadline, f"`{self.text}` did not get there; it said:\n{self.said}"
            sleep(POLL)

    def interrupt(self) -> None:
        """Ctrl-C: the shell and all that runs in its foreground are told."""
        with suppress(ProcessLookupError):
            os.killpg(self._shell.pid, signal.SIGINT)

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._shell.pid, signal.SIGKILL)
        self._shell.wait()


class Terminal:
    """Lines, one after the other; `last` is what is on its screen."""

    def __init__(self, notes: Path, folder: Path, environ: Mapping[str, str]) -> None:
        """Stands in `folder` at first; `notes` is a path for what one line leaves to the next."""
        self._notes, self._folder, self._environ = notes, folder, dict(environ)
        self.last: Line | None = None

    @property
    def folder(self) -> Path:
        """Where one stands."""
        left = self._notes.with_name(f"{self._notes.name}.folder")
        return Path(left.read_text().removesuffix("\n")) if left.exists() else self._folder

    def type(self, text: str) -> Line:
        assert self.last is None or self.last.ended, f"`{self.last.text}` goes on"
        self.last = Line(text, self._notes, self.folder, self._environ)
        return self.last

    def close(self) -> None:
        """Whatever still runs here is asked to end, and is then made to."""
        if self.last is None or self.last.ended:
            return
        self.last.interrupt()
        with suppress(AssertionError):
            self.last.end()
        self.last.kill()
