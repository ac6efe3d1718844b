"""For the tests of agents: what a tool is given, without a server around it.

`FakeCall` keeps the `Call` contract; the same exercise runs on it and on the real one
(`tests/effects/test_call.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from pydantic import JsonValue

from lockstep.amount import Amount


@dataclass
class FakeCall:
    """A call that remembers what the tool said: `beats` in order, and `spent` in total."""

    idempotency_key: str = "0" * 64
    attempt: int = 1
    environment: str = "test"
    endpoint: str = ""
    settings: Mapping[str, JsonValue] = field(default_factory=dict)
    folder: Path = Path()
    scheduled_at: datetime = datetime(2026, 1, 5, 6, tzinfo=UTC)
    progress: JsonValue = None
    beats: list[JsonValue] = field(default_factory=list)
    spent: Amount = field(default_factory=Amount)

    def heartbeat(self, progress: JsonValue = None) -> None:
        self.beats.append(progress)
        self.progress = progress

    def spend(self, *, tokens: int = 0, microdollars: int = 0) -> None:
        self.spent += Amount(tokens=tokens, microdollars=microdollars)

    def retried(self) -> "FakeCall":
        """The call as the next attempt finds it, after this one was lost."""
        return FakeCall(
            idempotency_key=self.idempotency_key,
            attempt=self.attempt + 1,
            environment=self.environment,
            endpoint=self.endpoint,
            settings=self.settings,
            folder=self.folder,
            scheduled_at=self.scheduled_at,
            progress=self.progress,
        )
