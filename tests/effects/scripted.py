"""An HTTP server that says what it is told to say, for tests of whatever asks one.

It keeps what it was asked. Its answers are raw bytes where that matters, so it can also break off,
trickle, and speak no HTTP at all.
"""

import asyncio
import json
import urllib.parse
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Asked:
    """One request: its method, its path, its body and what that is as a form, its headers in lower
    case."""

    method: str
    path: str
    form: dict[str, str]
    body: str
    headers: dict[str, str]


@dataclass(frozen=True)
class Reply:
    """What is sent; with `pause`, byte by byte, that many seconds apart."""

    body: bytes
    status: int = 200
    headers: tuple[str, ...] = ()
    pause: float = 0.0
    raw: bool = False

    @property
    def sent(self) -> bytes:
        if self.raw:
            return self.body
        head = (f"HTTP/1.1 {self.status} So", f"Content-Length: {len(self.body)}", *self.headers)
        return "\r\n".join((*head, "Connection: close", "", "")).encode() + self.body


def said(value: Any, status: int = 200) -> Reply:
    return Reply(json.dumps(value).encode(), status)


@dataclass
class Scripted:
    """A running server; `answer` may be exchanged between two requests."""

    address: str
    answer: Callable[[Asked], Reply]
    asked: list[Asked] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://{self.address}"


@asynccontextmanager
async def scripted(answer: Callable[[Asked], Reply]) -> AsyncIterator[Scripted]:
    """Nothing of it, no connection either, outlives the block."""
    serving: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with _closing(writer):
            request = await _read(reader)
            running.asked.append(request)
            await _send(writer, running.answer(request))

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(serve(reader, writer))
        serving.add(task)
        task.add_done_callback(serving.discard)

    server = await asyncio.start_server(begin, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    running = Scripted(f"{host}:{port}", answer)
    async with server:
        yield running
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)


@asynccontextmanager
async def _closing(writer: asyncio.StreamWriter) -> AsyncIterator[None]:
    """A connection that ends with the block; whoever asked may be gone before."""
    try:
        with suppress(OSError, asyncio.IncompleteReadError):
            yield
    finally:
        writer.transport.abort()


async def _send(writer: asyncio.StreamWriter, reply: Reply) -> None:
    if not reply.pause:
        writer.write(reply.sent)
    for byte in reply.sent if reply.pause else b"":
        writer.write(bytes([byte]))
        await asyncio.sleep(reply.pause)
    await writer.drain()
    writer.close()
    await writer.wait_closed()


async def _read(reader: asyncio.StreamReader) -> Asked:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    first, *lines = head.split("\r\n")
    method, path, _ = first.split(" ")
    headers = dict(line.lower().split(": ", 1) for line in lines if ": " in line)
    body = (await reader.readexactly(int(headers.get("content-length", "0")))).decode()
    return Asked(method, path, dict(urllib.parse.parse_qsl(body)), body, headers)
