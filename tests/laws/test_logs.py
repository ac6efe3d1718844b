"""A worker's log on a terminal: a line an event, whatever tools, plans and libraries say in it."""

import logging
import os
import pty
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from worker.logs import configure

LAST = b"that is all"
HOSTILE = "\x1b[2Jdone\x1b]0;title\x07\u202e"


@contextmanager
def log_on_a_terminal() -> Iterator[list[str]]:
    """The lines that are written while the block runs, once it has ended."""
    ours, theirs = pty.openpty()
    root = logging.getLogger()
    handlers, level, lines = root.handlers[:], root.level, list[str]()
    try:
        with os.fdopen(theirs, "w") as stream:
            configure(stream)
            yield lines
            stream.write(f"{LAST.decode()}\n")
            stream.flush()
            said = b""
            while LAST not in said:
                said += os.read(ours, 65536)
            lines += said.decode().splitlines()
    finally:
        structlog.reset_defaults()
        logging.captureWarnings(False)
        root.handlers[:] = handlers
        root.setLevel(level)
        os.close(ours)


def test_nothing_that_is_logged_is_obeyed_by_a_terminal() -> None:
    """Neither a plan's reason, nor a tool's own line or exception, nor what stands for a key."""
    with log_on_a_terminal() as lines:
        structlog.get_logger("a").info("step.started", reason=HOSTILE, **{HOSTILE: 1})
        logging.getLogger("b").warning("answered %s", f"{HOSTILE}\nforged")
        try:
            raise ValueError(HOSTILE)
        except ValueError:
            logging.getLogger("c").exception("broke")

    text = "\n".join(lines)
    assert 4 == text.count("\\x1b[2Jdone\\x1b]0;title\\x07\\u202e")
    assert not [mark for mark in ("\x1b[2J", "\x1b]", "\x07", "\u202e") if mark in text]
    assert not [line for line in lines if line.startswith("forged")]
