"""The `Call` that a tool is handed inside an activity, and how one of ours says that it is over."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydantic import JsonValue

from activities.attempts import Attempts
from lockstep.amount import Amount
from lockstep.finding import Finding


@dataclass(frozen=True)
class ActivityCall:
    """Speaks to Temporal through the account of attempts; keeps `lockstep.call.Call`.

    `scrub` puts what was filled in back to its placeholders, in whatever is going to be told;
    `scrubbed` does so throughout a value.
    """

    idempotency_key: str
    attempt: int
    environment: str
    endpoint: str
    settings: Mapping[str, JsonValue]
    folder: Path
    scheduled_at: datetime
    progress: JsonValue
    attempts: Attempts
    scrub: Callable[[str, int], str]
    scrubbed: Callable[[JsonValue], JsonValue]

    def heartbeat(self, progress: JsonValue = None) -> None:
        self.attempts.report(progress, self.scrubbed)

    def spend(self, *, tokens: int = 0, microdollars: int = 0) -> None:
        self.attempts.spend(Amount(tokens=tokens, microdollars=microdollars))


class Troubled(Exception):
    """A call that came to nothing, by a tool that knows how much of it was made.

    `made`: the call went out, and its effect may have happened. `again`: another attempt may come
    to something. A call that was not made and is not to be made again is withheld.
    """

    def __init__(self, *findings: Finding, made: bool, again: bool) -> None:
        super().__init__(findings[0].problem)
        self.findings = findings
        self.made = made
        self.again = again
