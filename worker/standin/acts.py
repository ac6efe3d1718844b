"""What a server can do to a client, in the order in which it does it.

An answer is a sequence of these, faults too: so what will happen is decided in one place without a
socket, and done in another without a thought.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from worker.standin.billed import Billed

Framing = Literal["length", "chunked", "close"]
"""How HTTP knows where a body ends; with `close` it does not."""


@dataclass(frozen=True)
class Head:
    """Status and headers; `length` counts for the framing of that name."""

    status: int
    content_type: str
    framing: Framing
    length: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Body:
    """Bytes of the body; with the `last` of them the answer is complete."""

    data: bytes
    last: bool = False


@dataclass(frozen=True)
class Bill:
    """From here on this is what the request costs."""

    usage: Billed


@dataclass(frozen=True)
class Wait:
    seconds: float


@dataclass(frozen=True)
class Break:
    """The connection is closed, whatever was promised."""


Act = Head | Body | Bill | Wait | Break
