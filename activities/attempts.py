"""The account of a step's attempts, kept alive by heartbeats.

Temporal keeps only the last attempt of an activity. So each attempt carries what the earlier ones
said, adds itself before it calls, and beats: a worker may die at any moment and the next attempt,
or the failure, still holds the account. An attempt that nobody closed reads `unrecorded`.
"""

import asyncio
import json
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from pydantic import JsonValue, ValidationError
from temporalio import activity

from lockstep.amount import Amount
from lockstep.canonical import MAX_DEPTH, depth
from lockstep.decision import Decision, Grounds
from lockstep.outcome import Attempt, AttemptEnd
from lockstep.value import Value

MAX_PROGRESS = 1024 * 1024
"""Bytes. Tools are asked for far less; beyond 2 MiB the server fails the attempt."""

MAX_MADE = 512 * 1024
"""Bytes of a decision and its grounds: with the most of progress they are within those 2 MiB."""


class Attempts:
    """All attempts up to this one; may be told things from any thread."""

    def __init__(self, number: int, heartbeat_details: Sequence[Any]) -> None:
        earlier, self.progress = _earlier(heartbeat_details)
        numbered = {attempt.number: attempt for attempt in earlier}
        self._closed = [numbered.get(n, Attempt(number=n)) for n in range(1, number)]
        self._current = Attempt(number=number)
        self._asked: dict[str, Any] = {}
        self._made: dict[str, Any] = {}
        self._lock = threading.Lock()
        self._news = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    @property
    def all(self) -> tuple[Attempt, ...]:
        return (*self._closed, self._current)

    @property
    def details(self) -> dict[str, Any]:
        """What heartbeats and failures carry."""
        attempts = [attempt.model_dump(mode="json") for attempt in self.all]
        return {"attempts": attempts, "progress": self.progress, **self._asked, **self._made}

    def about(self, args: Value, shown: str) -> None:
        """Carry the arguments along, for the question that follows if nobody knows how it ended."""
        self._asked = {"args": args.model_dump(mode="json"), "shown": shown}

    def decided(self, decision: Decision, grounds: Grounds | None) -> None:
        """What allows the call that comes next, in full: if it fails nothing else tells of it. What
        would leave progress no room is told by its digest alone.
        """
        made = {"decision": decision.model_dump(mode="json")}
        if grounds is not None:
            made["grounds"] = grounds.model_dump(mode="json")
        self._made = made if len(json.dumps(made)) <= MAX_MADE else {}
        self._change(decision=decision.digest)
        self.beat()

    def unmade(self) -> None:
        """What was decided about was not called: nothing of it can have happened."""
        self._made = {}
        self._change(decision=None)

    def spend(self, amount: Amount) -> None:
        with self._lock:
            spent = self._current.spent + amount
            self._current = self._current.model_copy(update={"spent": spent})
        self._loop.call_soon_threadsafe(self._news.set)

    def report(
        self, progress: JsonValue, scrubbed: Callable[[JsonValue], JsonValue] = lambda said: said
    ) -> None:
        """Take down where to resume; ValueError or TypeError for what no heartbeat can carry.

        Taken down as it is now: a tool may go on adding to the same list. It is kept in the
        history, so `scrubbed` takes out of it what is secret.
        """
        text = json.dumps(progress, allow_nan=False, ensure_ascii=False)
        size = len(text.encode())
        if size > MAX_PROGRESS:
            raise ValueError(f"progress has {size:,} bytes, more than {MAX_PROGRESS:,}")
        taken = json.loads(text)
        if depth(taken) > MAX_DEPTH:
            # The next attempt could not read it, nor the account that travels beside it.
            raise ValueError(f"progress is nested more than {MAX_DEPTH} levels deep")
        self.progress = scrubbed(taken)
        self._loop.call_soon_threadsafe(self._news.set)

    def end(self, end: AttemptEnd, failure: str = "") -> None:
        self._change(end=end, failure=failure)

    def beat(self) -> None:
        activity.heartbeat(self.details)

    async def beat_for(self, interval: float) -> None:
        """Beat at news, and at least every `interval` seconds, until cancelled."""
        while True:
            # Not `wait_for`: before Python 3.12 it can swallow a cancellation that comes just as
            # the news does, and this loop would then never end.
            with suppress(TimeoutError):
                async with asyncio.timeout(interval):
                    await self._news.wait()
            self._news.clear()
            self.beat()

    def total(self, cost: Amount) -> Amount:
        """What all attempts used; an unrecorded one counts as its whole cost."""
        total = Amount()
        for attempt in self.all:
            total += cost if attempt.end is AttemptEnd.UNRECORDED else attempt.spent
        return total

    def _change(self, **changes: Any) -> None:
        with self._lock:
            self._current = self._current.model_copy(update=changes)


def _earlier(details: Sequence[Any]) -> tuple[list[Attempt], JsonValue]:
    try:
        first = details[0]
        return [Attempt.model_validate(item) for item in first["attempts"]], first["progress"]
    except (IndexError, KeyError, TypeError, ValidationError):
        return [], None
