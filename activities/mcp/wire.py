"""What can go wrong on the way to an MCP server and back, and who is told.

A server is a stranger: it gets so many bytes and no more, and what is not MCP ends the
conversation. A transport cannot raise into whoever waits for an answer, so it breaks the wire, and
whoever waits is told why at once.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from lockstep.finding import Finding

_SHOWN = 200
"""Characters of a server's own words in one of our sentences."""


class Broken(Exception):
    """The conversation is over; `too_much` where the server said more than it may."""

    def __init__(self, problem: str, *, too_much: bool = False) -> None:
        super().__init__(problem)
        self.problem = problem
        self.too_much = too_much


@dataclass(frozen=True)
class Reach:
    """How to get to a server, placeholders filled in; `scrub` puts them back into what is said.

    `folder` is where a program starts, `most` the bytes that one conversation may have, `start` the
    seconds from the first word to the list of tools.
    """

    server: str
    command: tuple[str, ...]
    env: Mapping[str, str]
    url: str
    headers: Mapping[str, str]
    folder: Path
    start: float
    most: int
    scrub: Callable[[str, int], str]

    def quoted(self, words: str) -> str:
        """A server's words as they may be shown: short, in ASCII, and without a secret. No more of
        them is looked at than that, since nothing else goes on meanwhile.
        """
        text = ascii(self.scrub(words, _SHOWN + 1))[1:-1]
        return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


class Wire:
    """Counts what a server sends, and breaks at most once; not when all has been said."""

    def __init__(self, most: int) -> None:
        self.most = self._left = most
        self.broken: asyncio.Future[Broken] = asyncio.get_running_loop().create_future()
        self._over = False

    def count(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            self.flood()

    def flood(self) -> NoReturn:
        self.fail(f"it sends more than {self.most:,} bytes", too_much=True)

    def snap(self, problem: str, *, too_much: bool = False) -> Broken:
        """Break it, if it holds."""
        why = Broken(problem, too_much=too_much)
        if not self._over and not self.broken.done():
            self.broken.set_result(why)
        return why

    def fail(self, problem: str, *, too_much: bool = False) -> NoReturn:
        """Break it, and leave whatever was being done."""
        raise self.snap(problem, too_much=too_much)

    def over(self) -> None:
        """All has been said: how the other side goes is its own affair."""
        self._over = True


def unanswered(server: str, problem: str) -> Finding:
    """The finding for a server that cannot be talked to."""
    return Finding(
        code="LS-MCP-004",
        place=f"mcp server `{server}`",
        problem=problem,
        fix="see the worker's log, and try the server by hand with `lockstep pin`",
    )
