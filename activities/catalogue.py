"""Fetches the members of a catalogue from whoever keeps it: the contract, and a Prometheus.

Only `lockstep pin` asks; checks and runs read what was pinned. A server is a stranger: it gets one
bounded answer in a bounded time, is followed nowhere, and what it says is names or nothing.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import httpx2
from pydantic import BaseModel, ValidationError

from activities.placeholders import fill_at
from activities.whereabouts import host_and_port
from lockstep.catalogue import Change, Members, Pinned, change, fits
from lockstep.environment import Binding, Environment, Source
from lockstep.errors import LockstepError
from lockstep.loading import load
from lockstep.names import ResourceKind

MOST_BYTES = 8 * 1024 * 1024


class Unreachable(Exception):
    """A catalogue could not be fetched; asking again may help. The message holds no secret."""


@dataclass(frozen=True)
class Fetched:
    """`dropped` counts what was sent and cannot be a name."""

    members: Members
    dropped: int = 0


class Keeper(Protocol):
    """Whoever keeps a catalogue."""

    async def fetch(self, endpoint: str) -> Fetched:
        """All members, or Unreachable."""


@dataclass(frozen=True)
class PrometheusKeeper:
    """The names of all metrics of which a Prometheus holds a sample.

    `deadline` is in seconds and for the whole answer: a time-out for each read would let a trickle
    go on for ever.
    """

    deadline: float = 30.0

    async def fetch(self, endpoint: str) -> Fetched:
        where = host_and_port(endpoint)
        if where is None:
            raise Unreachable("the endpoint is not the address of an HTTP server")
        url = f"{endpoint.rstrip('/')}/api/v1/label/__name__/values"
        try:
            async with asyncio.timeout(self.deadline):
                status, body = await _get(url, self.deadline)
        except TimeoutError:
            raise Unreachable(
                f"prometheus at {where} has not answered in {self.deadline:g} s"
            ) from None
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            # What the error says may hold the address with its password.
            raise Unreachable(
                f"prometheus at {where} does not answer: {type(error).__name__}"
            ) from None
        if body is None:
            raise Unreachable(f"prometheus at {where} sends more than {MOST_BYTES:,} bytes")
        if status != 200:
            raise Unreachable(f"prometheus at {where} answers with status {status}")
        try:
            answer = _Answer.model_validate_json(body)
        except ValidationError:
            raise Unreachable(f"what answers at {where} is not a Prometheus") from None
        names = {name for name in answer.data if fits(Source.PROMETHEUS, name)}
        return Fetched({name: {} for name in sorted(names)}, len(set(answer.data)) - len(names))


class _Answer(BaseModel):
    data: list[str]


async def _get(url: str, timeout: float) -> tuple[int, bytes | None]:
    """Status and body; no body where there is too much of it."""
    body = bytearray()
    async with (
        httpx2.AsyncClient(follow_redirects=False, timeout=timeout) as client,
        client.stream("GET", url, headers={"Accept": "application/json"}) as response,
    ):
        async for part in response.aiter_bytes():
            body += part
            if len(body) > MOST_BYTES:
                return response.status_code, None
        return response.status_code, bytes(body)


KEEPERS: Mapping[Source, Keeper] = {Source.PROMETHEUS: PrometheusKeeper()}


@dataclass(frozen=True)
class Repinned:
    """A catalogue that was fetched, beside what its file holds now."""

    path: Path
    pinned: Pinned
    before: Pinned | None
    dropped: int

    @property
    def unchanged(self) -> bool:
        return self.before == self.pinned

    @property
    def change(self) -> Change:
        return change(self.before.members if self.before else (), self.pinned.members)


async def repin(
    manifest: Environment,
    kind: ResourceKind,
    folder: Path,
    environ: Mapping[str, str],
    keepers: Mapping[Source, Keeper] = KEEPERS,
) -> Repinned:
    """Fetch one catalogue; LS-ENV-007 where nothing came that could be pinned."""
    table = manifest.catalogues[kind]
    place = f"catalogue `{kind}`"
    filled = fill_at(place, Binding(endpoint=table.endpoint), environ)
    try:
        fetched = await keepers[table.source].fetch(filled.endpoint)
        if not fetched.members:
            # Pinned, it would tell every plan that what it names does not exist.
            raise Unreachable("the source knows of no member")
    except Unreachable as error:
        raise LockstepError.of(
            "LS-ENV-007",
            place,
            filled.scrub(str(error)),
            f"see whether `{table.endpoint}` is right and the server up, then pin again",
        ) from None
    path = folder / table.file
    pinned = Pinned(lockstep="catalogue/1", kind=kind, source=table.source, members=fetched.members)
    return Repinned(path, pinned, _before(path), fetched.dropped)


def _before(path: Path) -> Pinned | None:
    """What is pinned; a file that cannot be read is no reason not to write a good one."""
    try:
        return load(Pinned, path)
    except LockstepError:
        return None
