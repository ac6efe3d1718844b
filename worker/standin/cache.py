"""The prompt cache: what is read again is paid less, what is written a little more.

A prefix is cached where a block says so, and found again only if every byte before is the same, for
the same model. Two things are simpler than with a provider: nothing is too short to be cached, and
nothing expires while the stand-in lives, so that the same requests always cost the same.
"""

import hashlib
import threading
from itertools import accumulate

from worker.standin.billed import Billed
from worker.standin.request import Request


class Cache:
    """The prefixes that were written; may be asked by many threads."""

    def __init__(self) -> None:
        self._written: set[str] = set()
        self._lock = threading.Lock()

    def bill(self, request: Request) -> Billed:
        """What the request's input costs, and from now on its marked prefixes are cached."""
        ends = list(accumulate((piece.tokens for piece in request.pieces), initial=0))
        marks = [n for n, piece in enumerate(request.pieces, 1) if piece.ttl is not None]
        prefixes = _prefixes(request)
        with self._lock:
            # The longest that is known, whoever marked it.
            longest = range(marks[-1] if marks else 0, 0, -1)
            found = next((n for n in longest if prefixes[n] in self._written), 0)
            self._written.update(prefixes[n] for n in marks)
        written = {"5m": 0, "1h": 0}
        before = found
        for mark in (n for n in marks if n > found):
            ttl = request.pieces[mark - 1].ttl
            assert ttl is not None
            written[ttl] += ends[mark] - ends[before]
            before = mark
        return Billed(
            input_tokens=ends[-1] - ends[before],
            cache_creation_input_tokens=sum(written.values()),
            cache_creation_1h_input_tokens=written["1h"],
            cache_read_input_tokens=ends[found],
        )


def _prefixes(request: Request) -> list[str]:
    """A digest for each number of pieces from the beginning."""
    digest = hashlib.sha256(request.model.encode())
    prefixes = [digest.hexdigest()]
    for piece in request.pieces:
        content = piece.content.encode()
        digest.update(b"%d:" % len(content) + content)
        prefixes.append(digest.hexdigest())
    return prefixes
