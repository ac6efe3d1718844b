"""What the tests of the stand-in model share: the client that production uses, and rude ones."""

import http.client
import json
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import anthropic
import pytest

from lockstep.draft import SCHEMA
from worker.standin.billed import Billed
from worker.standin.ledger import Ending, Entry
from worker.standin.server import StandIn

MODEL = "claude-sonnet-5-5"
KEY = "sk-canary-0123456789"
PLAN: dict[str, Any] = {
    "lockstep": "plan/1",
    "goal": "Zürich",
    "steps": [
        {
            "id": "fetch",
            "kind": "tool",
            "tool": "FetchMetrics",
            "args": {"hours": 1, "of": ["köln"]},
            "after": [],
            "reason": "first",
        },
        {
            "id": "render",
            "kind": "tool",
            "tool": "RenderDigest",
            "args": {"series": {"$from": "fetch"}},
            "after": ["fetch"],
            "reason": "",
        },
    ],
}
BOTH = pytest.mark.parametrize("stream", [True, False], ids=["stream", "plain"])
LONG = "Grüße aus Köln. " * 40

Json = dict[str, Any]


def script(*answers: Json, **more: Any) -> Json:
    """A script with one scene for everything."""
    return {"lockstep": "standin/1", "scenes": [{"answers": list(answers), **more}]}


def asked(words: str = "plan the weekly digest", **more: Any) -> Json:
    """What a planner sends."""
    return {
        "model": MODEL,
        "max_tokens": 1000,
        "system": [
            {"type": "text", "text": "You plan."},
            {"type": "text", "text": "tools: " * 20, "cache_control": {"type": "ephemeral"}},
        ],
        "messages": [{"role": "user", "content": words}],
        "output_config": {"format": {"type": "json_schema", "schema": SCHEMA}},
        **more,
    }


@asynccontextmanager
async def client(model: StandIn) -> AsyncIterator[anthropic.AsyncAnthropic]:
    # There is no TLS here, and loading the world's certificates takes longer than a test.
    transport = anthropic.DefaultAsyncHttpxClient(verify=False)
    async with anthropic.AsyncAnthropic(
        api_key=KEY, base_url=model.base_url, max_retries=0, timeout=10, http_client=transport
    ) as opened:
        yield opened


async def ask(
    model: StandIn, stream: bool = True, request: Json | None = None
) -> anthropic.types.Message:
    """One question by a client of its own."""
    request = request or asked()
    async with client(model) as opened:
        if not stream:
            answered: anthropic.types.Message = await opened.messages.create(**request)
            return answered
        async with opened.messages.stream(**request) as streamed:
            return await streamed.get_final_message()


def said(message: anthropic.types.Message) -> list[str]:
    return [block.text for block in message.content if block.type == "text"]


def told(message: anthropic.types.Message) -> Billed:
    """The usage that a client was told."""
    usage = message.usage
    assert usage.cache_creation is not None
    return Billed(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cache_creation_input_tokens=usage.cache_creation_input_tokens or 0,
        cache_creation_1h_input_tokens=usage.cache_creation.ephemeral_1h_input_tokens,
        cache_read_input_tokens=usage.cache_read_input_tokens or 0,
    )


def settled(model: StandIn, ending: Ending) -> Entry:
    """The latest entry, as soon as it ends like that; the client may have seen the end before."""
    for _ in range(200):
        if model.ledger[-1].ending == ending:
            break
        time.sleep(0.01)
    assert ending == model.ledger[-1].ending
    return model.ledger[-1]


def post(model: StandIn, body: bytes | str, **headers: str) -> tuple[int, Json]:
    """A request as no well-behaved client sends it."""
    connection = http.client.HTTPConnection(model.base_url.removeprefix("http://"), timeout=10)
    try:
        connection.request("POST", "/v1/messages", body, {"x-api-key": KEY, **headers})
        answered = connection.getresponse()
        return answered.status, json.loads(answered.read())
    finally:
        connection.close()


@contextmanager
def connected(model: StandIn) -> Iterator[socket.socket]:
    host, port = model.base_url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        yield connection


@contextmanager
def sent(model: StandIn) -> Iterator[socket.socket]:
    """A connection on which a whole request was sent."""
    body = json.dumps(asked())
    with connected(model) as connection:
        connection.sendall(
            f"POST /v1/messages HTTP/1.1\r\nhost: x\r\nx-api-key: k\r\n"
            f"content-length: {len(body)}\r\n\r\n{body}".encode()
        )
        yield connection
