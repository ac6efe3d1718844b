"""A model, as we need one: a prompt and a schema go in, text and a bill come out.

A provider keeps this contract and nothing else, so that another can be put in its place. What was
billed is returned, whatever became of it; what is raised says what is known to have been spent.
Retrying is not a provider's business: it tries once, and says whether trying again would help.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Literal

from pydantic import JsonValue

from lockstep.errors import LockstepError
from lockstep.finding import Finding
from lockstep.record import Record
from lockstep.usage import Bill


@dataclass(frozen=True)
class Turn:
    """One side's part of the conversation so far."""

    role: Literal["user", "assistant"]
    text: str


@dataclass(frozen=True)
class Prompt:
    """One request. `system` begins with what never changes; all of it may be cached.

    `schema` is the JSON Schema the answer's text must fit, `max_tokens` the most it may have.
    `label` tells this request apart in the provider's records; it names nobody.
    """

    model: str
    effort: str
    system: tuple[str, ...]
    turns: tuple[Turn, ...]
    schema: Mapping[str, JsonValue]
    max_tokens: int
    label: str


class Stop(StrEnum):
    """How an answer ended. `refused` is the model's own no."""

    OK = "ok"
    TRUNCATED = "truncated"
    REFUSED = "refused"


class Completion(Record):
    """An answer that was billed. `model` is the one that answered, `stop_reason` and `request` the
    provider's own words; `category` is why it refused, where it says so.
    """

    stop: Stop
    text: str
    model: str
    stop_reason: str
    request: str
    category: str = ""
    bill: Bill


class ModelError(LockstepError):
    """No usable answer came. `again` says whether the same request may succeed later, `after` how
    long the provider asks to wait, `retries` how often it is worth it at most, where that is less
    than usual; `bill` is what is known to have been spent on it.
    """

    def __init__(
        self,
        finding: Finding,
        *,
        again: bool,
        after: timedelta | None = None,
        retries: int | None = None,
        bill: Bill | None = None,
    ) -> None:
        super().__init__(finding)
        self.again = again
        self.after = after
        self.retries = retries
        self.bill = bill or Bill()


class Model(ABC):
    """Answers one prompt at a time; may be asked by many at once."""

    @abstractmethod
    async def complete(self, prompt: Prompt, heard: Callable[[Bill], None]) -> Completion:
        """The answer, or ModelError. `heard` is called as the answer comes in, with the bill as far
        as it is known; cancelling closes the connection.
        """

    async def close(self) -> None:  # noqa: B027  # most have something to close, none must
        """Nothing more will be asked."""
