"""The model contract kept over Anthropic's Messages API, by Anthropic's own SDK.

The answer is always streamed: a long one would otherwise be a silent connection, and what a broken
one had cost until then could not be known. The form of the answer is asked for as a schema; whether
it was kept is for the caller to find out. Nothing is asked that makes an answer repeatable, because
nothing does: a plan is repeated by its lock.

The SDK's own retries are off, since Temporal retries. So is all that it takes from the environment:
the key, another address, more headers, tracing. What is sent where is what we were given; only the
machine's proxies and certificates are used as they are. Redirects are not followed, lest the key
and the prompt go to somebody else.
"""

import asyncio
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Literal, cast
from urllib.parse import urlsplit

import httpx2
from anthropic import AsyncAnthropic, DefaultAsyncHttpxClient
from anthropic.types import MessageParam, RawMessageStreamEvent, TextBlockParam
from anthropic.types.message_create_params import MessageCreateParamsStreaming

from activities.models.faults import Faults
from activities.models.model import Completion, Model, ModelError, Prompt
from activities.models.transcript import MAX_TEXT_BYTES, Transcript
from lockstep.usage import Bill

MAX_REQUEST_BYTES = 8 * 1024 * 1024
"""More than fits the largest context window."""
MAX_RESPONSE_BYTES = 32 * 1024 * 1024
"""On the wire, where text comes in small pieces with many words around each."""
MAX_EVENT_LINES = 10_000
"""The SDK takes the square of an event's lines in time, during which nothing else runs."""

_CONNECT = timedelta(seconds=10)
_SILENCE = timedelta(minutes=4)
"""A schema that the API sees for the first time may be compiled for three minutes."""
_TICK = timedelta(seconds=1)
_KEY = re.compile(r"[!-~]+")
"""What a header can carry."""


class Overlong(Exception):
    """More came than is read."""


class MessagesModel(Model):
    """One for each worker process, in one event loop. `timeout` is for a whole call."""

    def __init__(self, api_key: str, base_url: str, timeout: timedelta) -> None:
        self._key = api_key
        self._base_url = base_url
        self._timeout = timeout
        self._faults = Faults(_endpoint(base_url), api_key)
        self._client: AsyncAnthropic | None = None

    async def complete(self, prompt: Prompt, heard: Callable[[Bill], None]) -> Completion:
        """As the contract says; `heard` is called at least once a second."""
        transcript = Transcript(prompt.model)
        reading = asyncio.create_task(self._read(_body(prompt), transcript, heard))
        deadline = asyncio.timeout(self._timeout.total_seconds())
        try:
            async with deadline:
                while not reading.done():
                    await asyncio.wait((reading,), timeout=_TICK.total_seconds())
                    heard(transcript.bill)
        except TimeoutError:
            if not deadline.expired():
                raise
        finally:
            # Also where we are cancelled ourselves: the connection is closed before we are gone.
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
        if not reading.cancelled():
            return reading.result()
        if transcript.stop_reason:
            return transcript.completion()
        raise self._faults.overdue(self._timeout, transcript.bill)

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def _read(
        self,
        body: MessageCreateParamsStreaming,
        transcript: Transcript,
        heard: Callable[[Bill], None],
    ) -> Completion:
        size = len(json.dumps(body, ensure_ascii=False).encode("utf-8", "surrogatepass"))
        if size > MAX_REQUEST_BYTES:
            raise self._faults.oversized(size, MAX_REQUEST_BYTES)
        if not _KEY.fullmatch(self._key):
            raise self._faults.unusable_key()
        async with aclosing(self._events(body, transcript)) as events:
            async for event in events:
                if transcript.hear(event):
                    heard(transcript.bill)
                if transcript.whole:
                    break
        if not transcript.stop_reason:
            raise self._faults.cut(transcript.bill)
        return transcript.completion()

    async def _events(
        self, body: MessageCreateParamsStreaming, transcript: Transcript
    ) -> AsyncGenerator[RawMessageStreamEvent]:
        """The events of one answer, or ModelError; nothing else that goes wrong gets out."""
        fault: ModelError | None = None
        try:
            async with await self._connected().messages.create(**body) as stream:
                headers = stream.response.headers
                transcript.request = headers.get("request-id", "")
                kind = headers.get("content-type", "nothing")
                if kind.startswith("text/event-stream"):
                    async for event in stream:
                        yield event
                        if transcript.bytes > MAX_TEXT_BYTES:
                            raise Overlong
                else:
                    fault = self._faults.no_stream(kind, transcript.bill)
        except Overlong:
            fault = self._faults.overlong(transcript.bill)
        except Exception as error:
            fault = self._faults.of(error, transcript.bill, datetime.now(UTC))
        # Raised here, where no exception is at hand that holds the request. An answer that said
        # why it stopped is one, whatever became of the connection.
        if fault is not None and not transcript.stop_reason:
            raise fault

    def _connected(self) -> AsyncAnthropic:
        if self._client is None:
            wait = self._timeout.total_seconds()
            timeout = httpx2.Timeout(
                wait,
                connect=min(wait, _CONNECT.total_seconds()),
                read=min(wait, _SILENCE.total_seconds()),
            )
            self._client = AsyncAnthropic(
                api_key=self._key,
                base_url=self._base_url,
                max_retries=0,
                timeout=timeout,
                open_telemetry=False,
                http_client=DefaultAsyncHttpxClient(
                    # What is counted on the wire is then what has to be held.
                    headers={"Accept-Encoding": "identity"},
                    timeout=timeout,
                    follow_redirects=False,
                    event_hooks={"response": [_cap]},
                ),
            )
            # ANTHROPIC_CUSTOM_HEADERS, for which the SDK has no switch.
            self._client._custom_headers = {}
        return self._client


def _body(prompt: Prompt) -> MessageCreateParamsStreaming:
    system: list[TextBlockParam] = [{"type": "text", "text": text} for text in prompt.system]
    if system:
        system[-1]["cache_control"] = {"type": "ephemeral"}
    messages: list[MessageParam] = [
        {"role": "user", "content": turn.text}
        if turn.role == "user"
        else {"role": "assistant", "content": turn.text}
        for turn in prompt.turns
    ]
    return {
        "model": prompt.model,
        "max_tokens": prompt.max_tokens,
        "system": system,
        "messages": messages,
        "output_config": {
            # The settings and the API know its words; a word that is none is the API's to refuse.
            "effort": cast(Literal["low", "medium", "high", "xhigh", "max"], prompt.effort),
            "format": {"type": "json_schema", "schema": dict(prompt.schema)},
        },
        "metadata": {"user_id": prompt.label},
        "stream": True,
    }


def _endpoint(base_url: str) -> str:
    """Host and port, for people; never what else may stand in an address."""
    try:
        parts = urlsplit(base_url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return "an address that cannot be read"
    if not parts.hostname or port is None:
        return "an address without a host"
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{host}:{port}"


async def _cap(response: httpx2.Response) -> None:
    if isinstance(response.stream, httpx2.AsyncByteStream):
        response.stream = _Capped(response.stream)


class _Capped(httpx2.AsyncByteStream):
    """A body that is left where it gets too long, be it an answer or an error."""

    def __init__(self, stream: httpx2.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = lines = 0
        async for chunk in self._stream:
            size += len(chunk)
            # An empty line ends an event.
            ends = b"\n\n" in chunk or b"\r\n\r\n" in chunk
            lines = 0 if ends else lines + chunk.count(b"\n") + chunk.count(b"\r")
            if size > MAX_RESPONSE_BYTES or lines > MAX_EVENT_LINES:
                raise Overlong
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()
