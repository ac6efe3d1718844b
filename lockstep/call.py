"""What a tool is given besides its arguments, and how it speaks back.

A tool never sees Temporal: it beats, spends and signals through this contract, so it can be tested
with a plain object and run anywhere.
"""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Protocol

from pydantic import JsonValue


class Call(Protocol):
    """One attempt at one step."""

    @property
    def idempotency_key(self) -> str:
        """The same for every attempt at this step with these arguments; hand it on."""

    @property
    def attempt(self) -> int:
        """Counted from 1."""

    @property
    def environment(self) -> str: ...

    @property
    def endpoint(self) -> str:
        """Where this environment keeps the tool's service; placeholders filled in."""

    @property
    def settings(self) -> Mapping[str, JsonValue]:
        """The tool's table in the manifest; placeholders filled in."""

    @property
    def folder(self) -> Path:
        """The agent package's folder, for files it ships."""

    @property
    def scheduled_at(self) -> datetime:
        """The time the run is about; a backfilled run is about its own week, not about now."""

    @property
    def progress(self) -> JsonValue:
        """What the attempt before this one last said to `heartbeat`; None at first."""

    def heartbeat(self, progress: JsonValue = None) -> None:
        """Say that work goes on, and where to resume; small JSON (1 MiB at most)."""

    def spend(self, *, tokens: int = 0, microdollars: int = 0) -> None:
        """Count what this attempt used; it survives retries and crashes."""


class Signal(Exception):
    """A declared error: raise it where the tool knows the trouble by name.

    It is an answer, not an accident: Temporal does not retry it, the environment decides.
    """

    def __init__(self, name: str, detail: str = "", **data: JsonValue) -> None:
        super().__init__(f"{name}({detail})")
        self.name = name
        self.detail = detail
        self.data = data
