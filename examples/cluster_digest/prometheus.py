"""A Prometheus, asked over its HTTP API: one query over one window, and what it answers.

What a server says is a stranger's word: bounded in bytes and in time as a whole, never followed
elsewhere, and held to the shape it has to have. There are two kinds of trouble. What may pass
(nobody there, busy, nonsense) is raised as Unanswered, and the step is tried again. What would be
refused a second time as well (a query that is wrong, a door that is shut) is Refused.

Of the endpoint only host and port are ever shown: the rest may hold a password.
"""

import asyncio
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal
from urllib.parse import urlsplit

import httpx2
from pydantic import BaseModel, ValidationError

from .words import plain

DEADLINE = 30.0
"""Seconds for one answer from the first byte sent to the last one read."""
MOST_BYTES = 4 * 1024 * 1024
_MILLISECOND = timedelta(milliseconds=1)
_PASSES = {"timeout", "canceled", "internal", "unavailable"}
"""What Prometheus calls errors of its own, as opposed to those of the query."""
_BUSY = {408, 425, 429, 499}
_LARGEST = 1e30
"""Beyond it a value has no place in a frame."""


class Unanswered(ConnectionError):
    """The server did not answer as it should; asking again may help."""


class Refused(Exception):
    """The server will not answer this query, now or later."""


@dataclass(frozen=True)
class Window:
    """`points` moments, the last of them `end`; both times in whole milliseconds, which is as
    finely as Prometheus tells them apart.
    """

    end: datetime
    step: timedelta
    points: int

    @classmethod
    def until(cls, end: datetime, interval_seconds: float, points: int) -> "Window":
        end = end.astimezone(UTC)
        return cls(
            end=end - timedelta(microseconds=end.microsecond % 1000),
            step=timedelta(milliseconds=round(interval_seconds * 1000)),
            points=points,
        )

    @property
    def start(self) -> datetime:
        """One step before the first moment: a moment is about the step that ends there."""
        return self.end - self.points * self.step

    def at(self, index: int) -> datetime:
        return self.end - (self.points - 1 - index) * self.step

    def index(self, seconds: float) -> int:
        """Which moment a timestamp is; ValueError for one that was not asked for."""
        past = timedelta(milliseconds=round(seconds * 1000) - _milliseconds(self.at(0)))
        index, rest = divmod(past, self.step)
        if rest or not 0 <= index < self.points:
            raise ValueError("a time that was not asked for")
        return index


@dataclass(frozen=True)
class Answer:
    """A value for each moment of the window, None where there is no number; None in the place of
    all of them where the server knows nothing of the series. `warning` is what it adds.
    """

    values: list[float | None] | None
    warning: str = ""


class _Sequence(BaseModel):
    values: list[tuple[float, str]] = []


class _Data(BaseModel):
    resultType: Literal["matrix"]
    result: list[_Sequence]


class _Said(BaseModel):
    status: Literal["success", "error"]
    data: _Data | None = None
    errorType: str = ""
    error: str = ""
    warnings: list[str] = []


class Prometheus:
    """One server, for as long as the block runs."""

    def __init__(self, endpoint: str, deadline: float = DEADLINE) -> None:
        self.host, self._address = _address(endpoint)
        self._url = f"{endpoint.rstrip('/')}/api/v1/query_range"
        self._deadline = deadline
        self._client = httpx2.AsyncClient(follow_redirects=False, timeout=deadline)

    async def __aenter__(self) -> "Prometheus":
        await self._client.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.__aexit__()

    async def ask(self, query: str, window: Window) -> Answer:
        """What a query gives at the moments of a window: one series, or none."""
        form = {
            "query": query,
            "start": window.at(0).isoformat(timespec="milliseconds"),
            "end": window.end.isoformat(timespec="milliseconds"),
            "step": f"{window.step // _MILLISECOND}ms",
            "timeout": f"{self._deadline * 1000:.0f}ms",
        }
        status, body = await self._post(form)
        return self._answer(status, body, window)

    async def _post(self, form: Mapping[str, str]) -> tuple[int, bytes]:
        body = bytearray()
        try:
            async with (
                asyncio.timeout(self._deadline),
                self._client.stream("POST", self._url, data=form) as response,
            ):
                async for part in response.aiter_bytes():
                    body += part
                    if len(body) > MOST_BYTES:
                        raise Refused(
                            f"prometheus at {self._address} sends more than {MOST_BYTES:,} bytes"
                        )
                return response.status_code, bytes(body)
        except TimeoutError:
            raise Unanswered(
                f"prometheus at {self._address} has not answered in {self._deadline:g} s"
            ) from None
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            # What the error itself says may hold the address with its password.
            raise Unanswered(
                f"prometheus at {self._address} does not answer: {type(error).__name__}"
            ) from None

    def _answer(self, status: int, body: bytes, window: Window) -> Answer:
        try:
            said = _Said.model_validate_json(body)
        except ValidationError:
            said = None
        if status == 200 and said is not None and said.data is not None:
            return self._series(said.data, said.warnings, window)
        why = f": {plain(said.error)}" if said is not None and said.error else ""
        if status == 200 and said is None:
            raise Unanswered(f"what answers at {self._address} is not a Prometheus")
        if status in _BUSY or status >= 500 or (said is not None and said.errorType in _PASSES):
            raise Unanswered(f"prometheus at {self._address} answers with status {status}{why}")
        raise Refused(f"prometheus at {self._address} answers with status {status}{why}")

    def _series(self, data: _Data, warnings: list[str], window: Window) -> Answer:
        if len(data.result) > 1:
            raise Refused(f"the query gives {len(data.result):,} series and has to give one")
        warning = plain("; ".join(warnings))
        if not data.result:
            return Answer(None, warning)
        values: list[float | None] = [None] * window.points
        try:
            for seconds, text in data.result[0].values:
                values[window.index(seconds)] = _number(text)
        except (ValueError, OverflowError):
            raise Unanswered(f"what answers at {self._address} is not a Prometheus") from None
        return Answer(values, warning)


def _number(text: str) -> float | None:
    """Prometheus also says `NaN` and `+Inf`, which are values to it and no points to us."""
    value = float(text)
    return value if math.isfinite(value) and abs(value) <= _LARGEST else None


def _address(endpoint: str) -> tuple[str, str]:
    """The host, and host with port: what a server is called in messages."""
    try:
        parts = urlsplit(endpoint)
        scheme, host, port = parts.scheme, parts.hostname, parts.port
    except ValueError:
        scheme, host, port = "", None, None
    if scheme not in ("http", "https") or not host:
        raise Refused("the endpoint of `FetchMetrics` is not the address of an HTTP server")
    shown = f"[{host}]" if ":" in host else host
    return host, shown if port is None else f"{shown}:{port}"


def _milliseconds(at: datetime) -> int:
    return (at - datetime.fromtimestamp(0, UTC)) // _MILLISECOND
