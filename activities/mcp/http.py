"""An MCP server that is an address: streamable HTTP, by the SDK's transport over a bounded client.

What comes in is counted before anything is made of it, and nothing is unpacked: a few packed bytes
can be a gigabyte. The SDK's transport follows a redirect only to the same origin, so headers with
secrets in them go nowhere else; no proxy and no `.netrc` of the worker's is used.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
from mcp.client._transport import TransportStreams
from mcp.client.streamable_http import streamable_http_client

from activities.mcp.wire import Broken, Reach, Wire
from activities.whereabouts import host_and_port

CONNECT = 10.0
"""Seconds. An answer may take as long as the call may; a server that is there is there at once."""
GOODBYE = {"connect": 2.0, "read": 2.0, "write": 2.0, "pool": 2.0}
"""Seconds. That a session is over is told for politeness, and not waited for."""


@asynccontextmanager
async def address(reach: Reach, wire: Wire) -> AsyncIterator[TransportStreams]:
    """The two directions of a conversation with a server, open while the block runs."""
    where = host_and_port(reach.url)
    if where is None:
        raise Broken("its `url` is not the address of an HTTP server")
    client = httpx2.AsyncClient(
        transport=_Counted(httpx2.AsyncHTTPTransport(), wire, where),
        headers={**reach.headers, "Accept-Encoding": "identity"},
        timeout=httpx2.Timeout(None, connect=CONNECT),
        trust_env=False,
    )
    async with (
        client,
        streamable_http_client(
            reach.url, http_client=client, max_sse_event_size=wire.most
        ) as streams,
    ):
        yield streams


class _Counted(httpx2.AsyncBaseTransport):
    """Sends as it is told; what goes wrong breaks the wire, in words that hold no secret."""

    def __init__(self, inner: httpx2.AsyncBaseTransport, wire: Wire, where: str) -> None:
        self._inner, self._wire, self._where = inner, wire, where

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        asks = request.method == "POST"
        if request.method == "DELETE":
            request.extensions = {**request.extensions, "timeout": GOODBYE}
        try:
            response = await self._inner.handle_async_request(request)
        except httpx2.HTTPError as error:
            if asks:
                # What the error says may hold the address with its password.
                self._wire.snap(f"{self._where} does not answer: {type(error).__name__}")
            raise
        if asks and response.headers.get("content-encoding", "identity") != "identity":
            await response.aclose()
            self._wire.fail(f"{self._where} sends packed what was asked for as it is")
        kind = response.headers.get("content-type", "")
        if asks and response.status_code >= 400 and not kind.startswith("application/json"):
            await response.aclose()
            self._wire.fail(f"{self._where} answers with status {response.status_code}")
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        response.stream = _CountedStream(response.stream, self._wire)
        return response

    async def aclose(self) -> None:
        await self._inner.aclose()


class _CountedStream(httpx2.AsyncByteStream):
    def __init__(self, inner: httpx2.AsyncByteStream, wire: Wire) -> None:
        self._inner, self._wire = inner, wire

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._inner:
            self._wire.count(len(part))
            yield part

    async def aclose(self) -> None:
        await self._inner.aclose()
