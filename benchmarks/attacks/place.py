"""Somewhere that calls are made: the benchmark's environment, or what stands in for one."""

from dataclasses import dataclass
from typing import Any, Protocol

from benchmarks.attacks.recordings import Call


@dataclass(frozen=True)
class Made:
    """A call that was made, and what came back as JSON; `error` where the tool refused."""

    call: Call
    output: Any
    error: str | None


class Place(Protocol):
    def accepted(self, call: Call) -> dict[str, Any] | None:
        """The arguments as the tool takes them, defaults included; None if it refuses them."""

    def call(self, call: Call) -> Made:
        """Makes the call; whatever it changes stays changed."""
