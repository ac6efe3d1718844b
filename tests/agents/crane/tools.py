"""The tools of the crane: each keeps one promise or breaks one, and the run has to cope.

Effects are lines in ledgers: what happened, how often, and in what order can be read there after
any crash.
"""

import asyncio
import math
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, field_serializer

from lockstep import Call, Record, Resource, Signal, tool

from .ledger import Ledger

LedgerName = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$")]
Load = Annotated[str, Resource("load")]
BEAT = timedelta(seconds=3)
"""Longer than a busy machine stands still, and short for whoever waits for a dead worker."""


def ledger(call: Call, name: str) -> Ledger:
    return Ledger(Path(call.endpoint) / name)


class Said(Record):
    """What was said."""

    text: str
    number: int


class EchoInput(Record):
    """What to say."""

    text: str
    number: int = 0


@tool("Echo", effect="read", heartbeat=BEAT)
def echo(request: EchoInput) -> Said:
    """Say it again, so that a later step gets an argument that only the run knows."""
    return Said(text=request.text, number=request.number)


class Entry(Record):
    """Where the line stands, counted from 1."""

    text: str
    line: int


class WriteInput(Record):
    """The line; `linger` is for how many seconds the call goes on before and after the effect."""

    ledger: LedgerName
    text: str
    linger: float = 0


@tool("Write", effect="write", idempotency="keyed", heartbeat=BEAT, attempts=20)
def write(request: WriteInput, call: Call) -> Entry:
    """Write the line down once for each idempotency key."""
    time.sleep(request.linger)
    line = ledger(call, request.ledger).enter(request.text, call.idempotency_key)
    time.sleep(request.linger)
    return Entry(text=request.text, line=line)


class StrikeInput(Record):
    """The line, and what the very first call of the ledger does after its effect."""

    ledger: LedgerName
    text: str
    first: Literal["return", "hang", "raise"] = "return"


@tool("Strike", effect="write", heartbeat=BEAT)
async def strike(request: StrikeInput, call: Call) -> Entry:
    """Write the line down at every call: nobody should call this twice without asking."""
    line = ledger(call, request.ledger).append(request.text)
    if line == 1 and request.first == "raise":
        raise ConnectionError("the line went dead")
    if line == 1 and request.first == "hang":
        await asyncio.sleep(3600)
    return Entry(text=request.text, line=line)


class FlakyInput(Record):
    """How many attempts fail before one does not."""

    fails: int


@tool("Flaky", effect="read", heartbeat=BEAT, attempts=5)
def flaky(request: FlakyInput, call: Call) -> Said:
    """Fail for a while."""
    if call.attempt <= request.fails:
        raise ConnectionError(f"no answer to attempt {call.attempt}")
    return Said(text="answered", number=call.attempt)


class SlowInput(Record):
    """So many parts of so many seconds each; attempt `dies_at` fails halfway."""

    ledger: LedgerName
    text: str = "slow"
    parts: int = 4
    pause: float = 0.05
    dies_at: int = 0


class Walked(Record):
    """Where this attempt began, and where it ended."""

    began: int
    ended: int


@tool("Slow", effect="read", heartbeat=BEAT, attempts=5)
async def slow(request: SlowInput, call: Call) -> Walked:
    """Go part by part; a later attempt goes on where the one before it last beat."""
    book = ledger(call, request.ledger)
    began = call.progress if isinstance(call.progress, int) else 0
    book.append(f"begin {request.text}")
    for part in range(began, request.parts):
        await asyncio.sleep(request.pause)
        call.heartbeat(part + 1)
        if call.attempt == request.dies_at and part + 1 == request.parts // 2:
            raise ConnectionError(f"stopped after part {part + 1}")
    book.append(f"end {request.text}")
    return Walked(began=began, ended=request.parts)


class Loose(BaseModel):
    """An output that promises more than its tool keeps; it takes NaN, which JSON does not."""

    number: float
    text: str = ""


class Blurting(Loose):
    """An output that says too much where it is written down."""

    @field_serializer("text")
    def _blurt(self, text: str) -> str:
        raise RuntimeError(text)


How = Literal[
    "fit",
    "misfit",
    "none",
    "nan",
    "large",
    "leak",
    "leak-exit",
    "leak-misfit",
    "leak-output",
    "leak-signal",
    "signal",
    "undeclared",
    "shout",
    "surrogate",
    "stop",
    "cancel",
    "mute",
    "beat",
    "drum",
    "deep-beat",
    "deep-signal",
    "round-signal",
]


class MuteError(Exception):
    """An exception that cannot even say what it is."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


class MisbehaveInput(Record):
    """In which way."""

    how: How


def misbehave(how: How, call: Call) -> Loose:
    password: Any = call.settings["password"]
    match how:
        case "fit":
            return Loose(number=1)
        case "misfit":
            return Loose.model_construct(number="not a number")  # type: ignore[arg-type]  # that is the point
        case "none":
            return None  # type: ignore[return-value]  # that is the point
        case "nan":
            return Loose(number=math.nan)
        case "large":
            return Loose(number=1, text="x" * 70_000)
        case "leak":
            raise RuntimeError(f"cannot log in with {password}")
        case "leak-exit":
            sys.exit(f"cannot log in with {password}")
        case "leak-misfit":
            return Loose.model_construct(number=f"no number but {password}")  # type: ignore[arg-type]  # that is the point
        case "leak-output":
            return Blurting(number=1, text=f"written down with {password}")
        case "leak-signal":
            raise Signal("Stuck", f"with {password}", used=[password], nested={"in": password})
        case "signal":
            raise Signal("Stuck", "the hook is caught", height=12)
        case "undeclared":
            raise Signal("Surprise", "nobody declared this")
        case "shout":
            raise RuntimeError("x" * 5 * 1024 * 1024)
        case "surrogate":
            raise RuntimeError("half a \ud800 pair")
        case "stop":
            raise StopIteration
        case "cancel":
            raise asyncio.CancelledError
        case "mute":
            raise MuteError
        case "drum":
            call.heartbeat("x" * 3 * 1024 * 1024)
            return Loose(number=1)
        case "deep-beat":
            call.heartbeat(_nested(400))
            return Loose(number=1)
        case "deep-signal":
            raise Signal("Stuck", "far down", data=_nested(400))
        case "round-signal":
            around: list[Any] = []
            around.append(around)
            raise Signal("Stuck", "round and round", data=around)
        case "beat":
            call.heartbeat(object())  # type: ignore[arg-type]  # that is the point
            return Loose(number=1)


def _nested(levels: int) -> Any:
    value: Any = "down here"
    for _ in range(levels):
        value = [value]
    return value


@tool("Misbehave", effect="read", heartbeat=BEAT, attempts=2, signals=("Stuck",))
def misbehave_in_thread(request: MisbehaveInput, call: Call) -> Loose:
    """Break a promise, in a thread."""
    return misbehave(request.how, call)


@tool("Wander", effect="read", heartbeat=BEAT, attempts=2, signals=("Stuck",))
async def misbehave_in_loop(request: MisbehaveInput, call: Call) -> Loose:
    """Break a promise, in the worker's own event loop."""
    return misbehave(request.how, call)


class RemoveInput(Record):
    """What is taken away, and the ledger that says so."""

    ledger: LedgerName
    load: Load


class Removed(Record):
    """What is gone."""

    load: str


@tool("Remove", effect="destructive", idempotency="natural", heartbeat=BEAT)
def remove(request: RemoveInput, call: Call) -> Removed:
    """Take a load away."""
    ledger(call, request.ledger).append(f"removed {request.load}")
    return Removed(load=request.load)


class MusterInput(Record):
    """Whose names are called, and who calls them, if anybody does."""

    names: list[str] = Field(max_length=200)
    master: str | None = None


class Hand(Record):
    """One of the crew, numbered from 1."""

    name: str
    number: int


class Mustered(Record):
    """Who is there."""

    hands: list[Hand]
    master: str | None
    count: int


@tool("Muster", effect="read", heartbeat=BEAT)
def muster(request: MusterInput) -> Mustered:
    """Number the crew."""
    hands = [Hand(name=name, number=n) for n, name in enumerate(request.names, start=1)]
    return Mustered(hands=hands, master=request.master, count=len(hands))


class SeekInput(Record):
    """What is looked for; of some names it is known that they cannot be found."""

    name: str


@tool("Seek", effect="read", heartbeat=BEAT, signals=("NotFound", "Foggy"))
def seek(request: SeekInput) -> Said:
    """Find it, or say by name why not."""
    if request.name.startswith("lost"):
        raise Signal("NotFound", request.name)
    if request.name.startswith("fog"):
        raise Signal("Foggy", "nothing can be seen")
    return Said(text=request.name, number=len(request.name))


class LiftInput(Record):
    """What is lifted, and what goes wrong with it: how often the hook is busy, after how many
    seconds the yard opens, whether the hook jams the first time or a storm comes up.
    """

    ledger: LedgerName
    load: Load
    busy: int = 0
    closed: float = 0
    jams: bool = False
    storm: bool = False


@tool(
    "Lift",
    effect="write",
    heartbeat=BEAT,
    signals=("Busy", "Closed", "Missing", "Jammed", "Storm"),
    no_effect=("Busy", "Closed", "Missing", "Storm"),
)
def lift(request: LiftInput, call: Call) -> Entry:
    """Lift a load, or say by name why not; every call is a line."""
    book = ledger(call, request.ledger)
    line = book.append(f"called for {request.load}")
    if request.storm:
        raise Signal("Storm", "nothing can be lifted")
    if line <= request.busy:
        raise Signal("Busy", "the hook is taken")
    if request.closed and line == 1:
        raise Signal("Closed", "the yard is closed", seconds=request.closed)
    if request.load in ("beam", "engine"):
        raise Signal("Missing", f'"{request.load}"')
    if request.jams and line == 1:
        raise Signal("Jammed", "the hook is stuck")
    return Entry(text=request.load, line=book.append(f"lifted {request.load}"))


class SpendInput(Record):
    """How much to spend, in how many calls that fail first."""

    tokens: int
    microdollars: int = 0
    fails: int = 0


@tool("Spend", effect="read", heartbeat=BEAT, attempts=2, tokens=100, microdollars=500)
def spend(request: SpendInput, call: Call) -> Said:
    """Spend, and say so."""
    call.spend(tokens=request.tokens, microdollars=request.microdollars)
    if call.attempt <= request.fails:
        raise ConnectionError("spent, and nothing to show for it")
    return Said(text="spent", number=request.tokens)
