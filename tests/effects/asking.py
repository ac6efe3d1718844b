"""How the tests of a model ask: a question, a stand-in's books as a bill, a server of bytes."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from activities.models.messages import MessagesModel
from activities.models.model import Completion, ModelError, Prompt, Turn
from activities.models.prices import priced
from lockstep.draft import SCHEMA
from lockstep.usage import Bill, Usage
from worker.standin.ledger import Entry

KEY = "sk-canary-key-0123456789"
CANARY = "the canary of the prompt"
MODEL = "claude-opus-5-5"
ROOT = Path(__file__).parents[2]


def prompt(goal: str = CANARY, **changes: Any) -> Prompt:
    """A question whose every part can be told apart in a request."""
    asked: dict[str, Any] = {
        "model": MODEL,
        "effort": "low",
        # Long enough for a cache to take it.
        "system": ("You plan. " * 800, "The catalogue. " * 2000),
        "turns": (Turn("user", goal),),
        "schema": SCHEMA,
        "max_tokens": 500,
        "label": "run/step/1",
    }
    return Prompt(**{**asked, **changes})


DRAFT: dict[str, Any] = {"json": {"steps": [], "gaps": ["nothing to do"]}}
"""An answer that is a draft."""


def script(*answers: dict[str, Any]) -> dict[str, Any]:
    return {"lockstep": "standin/1", "scenes": [{"answers": list(answers)}]}


@asynccontextmanager
async def asking(
    base_url: str, timeout: timedelta = timedelta(seconds=20)
) -> AsyncIterator[MessagesModel]:
    model = MessagesModel(api_key=KEY, base_url=base_url, timeout=timeout)
    try:
        yield model
    finally:
        await model.close()


async def ask(base_url: str, **changes: Any) -> Completion:
    async with asking(base_url) as model:
        return await model.complete(prompt(**changes), lambda bill: None)


async def fault(base_url: str, timeout: float = 20, asked: Prompt | None = None) -> ModelError:
    async with asking(base_url, timedelta(seconds=timeout)) as model:
        with pytest.raises(ModelError) as raised:
            await model.complete(asked or prompt(), lambda bill: None)
    return raised.value


def billed(entry: Entry) -> Bill:
    """What the other side's books say, as our bill."""
    usage = Usage(
        input=entry.usage.input_tokens,
        cache_write=entry.usage.cache_creation_input_tokens,
        cache_read=entry.usage.cache_read_input_tokens,
        output=entry.usage.output_tokens,
    )
    microdollars, prices = priced(entry.model, usage)
    return Bill(calls=1, usage=usage, microdollars=microdollars, prices=prices)


def until(condition: Callable[[], bool], seconds: float = 5) -> None:
    """Waits for what another thread is about to do."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


@asynccontextmanager
async def raw(*replies: bytes) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server that answers with bytes: its address, and what it was sent."""
    heard: list[bytes] = []
    left = list(replies)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length:")
        )
        heard.append(head + await reader.readexactly(length))
        try:
            writer.write(left.pop(0))
            await writer.drain()
        except ConnectionError:
            pass  # the client has read enough
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        port = server.sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}", heard
    finally:
        server.close()


def streamed(body: bytes) -> bytes:
    """A stream whose end is the end of the connection."""
    return b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n" + body


def events(*items: dict[str, Any]) -> bytes:
    return b"".join(
        f"event: {item['type']}\ndata: {json.dumps(item)}\n\n".encode() for item in items
    )


def started(model: str = MODEL, **usage: int) -> dict[str, Any]:
    message = {"type": "message", "id": "m", "role": "assistant", "content": [], "model": model}
    return {"type": "message_start", "message": {**message, "usage": usage}}


def piece(text: str) -> dict[str, Any]:
    delta = {"type": "text_delta", "text": text}
    return {"type": "content_block_delta", "index": 0, "delta": delta}


def ended(reason: str | None = "end_turn", **usage: Any) -> dict[str, Any]:
    return {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": usage}


BLOCK = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
STOPPED = {"type": "message_stop"}
