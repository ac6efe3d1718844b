"""What was asked and what it cost: one entry a request, from its arrival on.

The books of the other side. A client that counts its tokens can be held against them, to the token;
so an entry says what is billed before the bytes that tell the client of it are sent. Of the key it
says only that there was one.
"""

import threading
from typing import Any, Literal

from lockstep.record import Record
from worker.standin.billed import Billed

Ending = Literal["open", "complete", "broken", "client left", "stopped"]
"""`broken` is what the script wanted; `stopped` is the stand-in itself."""


class Entry(Record):
    """One request. `scene` and `answer` count from 0, as in the script; they are None where the
    request got no answer from it. `status` is None until one is sent; `error` is what was said
    instead of an answer.
    """

    number: int
    request_id: str
    endpoint: Literal["messages", "count_tokens"]
    model: str = ""
    last_message: str = ""
    stream: bool = False
    key_present: bool = False
    scene: int | None = None
    answer: int | None = None
    kind: str = ""
    status: int | None = None
    error: str = ""
    ending: Ending = "open"
    usage: Billed = Billed()


class Totals(Record):
    """All entries together."""

    requests: int = 0
    usage: Billed = Billed()


class Ledger:
    """The entries in the order of arrival; may be written and read by many threads."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._lock = threading.Lock()

    @property
    def entries(self) -> tuple[Entry, ...]:
        with self._lock:
            return tuple(self._entries)

    @property
    def totals(self) -> Totals:
        entries = self.entries
        return Totals(
            requests=len(entries), usage=sum((entry.usage for entry in entries), Billed())
        )

    def open(self, endpoint: Literal["messages", "count_tokens"], key_present: bool) -> "Account":
        with self._lock:
            number = len(self._entries) + 1
            entry = Entry(
                number=number,
                request_id=f"req_standin_{number:06}",
                endpoint=endpoint,
                key_present=key_present,
            )
            self._entries.append(entry)
        return Account(self, number - 1)

    def entry(self, index: int) -> Entry:
        with self._lock:
            return self._entries[index]

    def note(self, index: int, changes: dict[str, Any]) -> None:
        with self._lock:
            self._entries[index] = Entry.model_validate({**dict(self._entries[index]), **changes})

    def written(self) -> dict[str, Any]:
        """The ledger as JSON."""
        return {
            "entries": [entry.model_dump(mode="json") for entry in self.entries],
            "totals": self.totals.model_dump(mode="json"),
        }


class Account:
    """The entry of one request, while it is being answered."""

    def __init__(self, ledger: Ledger, index: int) -> None:
        self._ledger = ledger
        self._index = index

    @property
    def entry(self) -> Entry:
        return self._ledger.entry(self._index)

    def note(self, **changes: Any) -> None:
        """Fields of the entry that are now known."""
        self._ledger.note(self._index, changes)
