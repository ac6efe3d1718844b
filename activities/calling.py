"""The `Call` that a tool is handed inside an activity."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydantic import JsonValue

from activities.attempts import Attempts
from lockstep.amount import Amount


@dataclass(frozen=True)
class ActivityCall:
    """Speaks to Temporal through the account of attempts; keeps `lockstep.call.Call`."""

    idempotency_key: str
    attempt: int
    environment: str
    endpoint: str
    settings: Mapping[str, JsonValue]
    folder: Path
    scheduled_at: datetime
    progress: JsonValue
    attempts: Attempts

    def heartbeat(self, progress: JsonValue = None) -> None:
        self.attempts.report(progress)

    def spend(self, *, tokens: int = 0, microdollars: int = 0) -> None:
        self.attempts.spend(Amount(tokens=tokens, microdollars=microdollars))
