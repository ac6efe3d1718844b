"""The tutorial does what it says: its page is read and followed, as a newcomer would.

Two things are not as a newcomer has them. The set-up is that of whoever runs this test: a checkout
with a `lockstep` of its own stands in for the one that `deploy/setup.sh` makes. And `lockstep dev`
is given free ports, because others may want the usual ones at this very moment.
"""

import os
import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep

import pytest

from tests.runs.manual import (
    FIRST,
    Act,
    Edited,
    Elsewhere,
    Restarted,
    Shown,
    Typed,
    acts,
    differs,
)
from tests.runs.terminal import Line, Terminal
from tests.runs.yard import ROOT
from worker.embedded.ports import choose
from worker.home import VARIABLE

TUTORIAL = ROOT / "docs" / "tutorial.md"
PERSON, HOME = "ann", "/home/ann"
"""Who the page says its reader is, and where they are at home."""
SOON, AGAIN = 30.0, 0.3
"""Seconds in which what is still to come has to be there, and before somebody looks again."""


class Reader:
    """Does what a page says, in a home and a checkout of their own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._home = folder / "home"
        self._checkout = checkout(self._home / "lockstep")
        self._terminals: dict[str, Terminal] = {}
        self._typed: Typed
        self._last: Line

    def does(self, act: Act) -> None:
        match act:
            case Typed():
                self._type(act)
            case Shown(lines=lines):
                self._see(lines)
            case Edited(path=path, change=change):
                file = self._terminal(FIRST).folder / path
                file.write_text(change(file.read_text() if file.exists() else ""))
            case Restarted(terminal=name):
                self._restart(self._terminal(name))
            case Elsewhere(lines=lines, page=page):
                assert f"```sh\n{' && '.join(lines)}\n```" in (ROOT / page).read_text()

    def _type(self, act: Typed) -> None:
        terminal = self._terminal(act.terminal)
        self._typed = act
        for number, (text, code) in enumerate(zip(act.lines, act.exits, strict=True), 1):
            self._last = terminal.type(text)
            if number < len(act.lines) or not (act.stays or act.soon):
                assert code == self._last.end(), f"`{text}` said:\n{self._last.said}"

    def _see(self, lines: tuple[str, ...]) -> None:
        typed, deadline = self._typed, monotonic() + SOON
        while wrong := self._wrong(lines):
            comes = typed.soon or (typed.stays and not self._last.ended)
            if not comes or monotonic() > deadline:
                pytest.fail(f"`{self._last.text}`: {wrong}")
            sleep(AGAIN)
            if typed.soon:
                self._type(typed.again)

    def _wrong(self, lines: tuple[str, ...]) -> str:
        """What is not as the page shows it, once the line has ended or, if it goes on, so far."""
        wanted = self._typed.exits[-1]
        if not self._typed.stays and (code := self._last.end()) != wanted:
            return f"ended with {code} and not with {wanted}; it said:\n{self._last.said}"
        return differs(lines, self._seen)

    def _restart(self, terminal: Terminal) -> None:
        stopped = terminal.last
        assert stopped is not None
        assert not stopped.ended, stopped.said
        shown = len(stopped.said.splitlines())
        stopped.interrupt()
        assert 0 == stopped.end(), stopped.said
        started = terminal.type(stopped.text)
        started.until(lambda: started.ended or len(started.said.splitlines()) == shown)
        assert not started.ended, started.said

    @property
    def _seen(self) -> str:
        return self._last.said.replace(str(self._home), HOME)

    def _terminal(self, name: str) -> Terminal:
        if name not in self._terminals:
            terminal = Terminal(self._folder / name, self._checkout, self._environ)
            self._terminals[name] = terminal
        return self._terminals[name]

    def leaves(self) -> None:
        # In the order in which they were opened: what is typed in a later one serves the first.
        for terminal in self._terminals.values():
            terminal.close()

    @property
    def _environ(self) -> dict[str, str]:
        """Nothing of whoever runs the test but the path: no settings, no keys."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self._home),
            "LOGNAME": PERSON,
            "LC_ALL": "C.UTF-8",
            # What it would be without; unless somebody has one in a folder above ours.
            VARIABLE: str(self._home / "my_digest" / ".lockstep"),
        }


def checkout(folder: Path) -> Path:
    """The example, and what the set-up would have made: `lockstep`, and the line to find it by."""
    example = "examples/cluster_digest"
    unwanted = shutil.ignore_patterns("__pycache__", ".lockstep")
    shutil.copytree(ROOT / example, folder / example, ignore=unwanted)
    scripts = folder / ".venv" / "bin"
    scripts.mkdir(parents=True)
    (scripts / "activate").write_text(f"export PATH={shlex.quote(str(scripts))}:$PATH\n")
    command = scripts / "lockstep"
    command.write_text(
        "#!/bin/sh\n"
        f'[ "$1" != dev ] || set -- "$@" --port {choose()} --ui-port {choose()}\n'
        f"export PYTHONPATH={shlex.quote(str(ROOT))}\n"
        f'exec {shlex.quote(sys.executable)} -P -m worker.cli.main "$@"\n'
    )
    command.chmod(0o755)
    return folder


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    reader = Reader(tmp_path)
    yield reader
    reader.leaves()


def test_the_tutorial_does_what_it_says(reader: Reader) -> None:
    """Every line that it has typed ends as it says and shows what it shows, from first to last."""
    for act in list(acts(TUTORIAL.read_text())):
        reader.does(act)
