"""Fetching a catalogue: names or nothing, and no file is the worse for a server that is away."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from activities.catalogue import Fetched, PrometheusKeeper, Repinned, Unreachable, repin
from activities.files.pinned import written
from lockstep.catalogue import Members, Pinned
from lockstep.environment import Environment, Source
from lockstep.errors import LockstepError
from lockstep.finding import Finding
from tests.effects.scripted import Reply, said, scripted

NAMES = ["node_load1", "up", "job:requests:rate5m"]


def listed(*names: Any) -> Reply:
    return said({"status": "success", "data": list(names)})


def manifest(endpoint: str = "${PROMETHEUS_URL:-nowhere}", file: str = "c.json") -> Environment:
    table = {"source": "prometheus", "endpoint": endpoint, "file": file}
    return Environment.model_validate(
        {
            "lockstep": "environment/1",
            "name": "prod",
            "stage": "prod",
            "tools": {},
            "catalogues": {"metric": table},
        }
    )


def pin(members: Members) -> Pinned:
    return Pinned(lockstep="catalogue/1", kind="metric", source=Source.PROMETHEUS, members=members)


@dataclass(frozen=True)
class Shelf:
    """Keeps the `Keeper` contract with what it was given; without members nobody is there."""

    members: Members | None

    async def fetch(self, endpoint: str) -> Fetched:
        if self.members is None:
            raise Unreachable(f"nobody at {endpoint}")
        return Fetched(self.members)


async def fetched(shelf: Shelf, folder: Path, **environ: str) -> Repinned:
    keepers = {Source.PROMETHEUS: shelf}
    return await repin(manifest(), "metric", folder, environ, keepers)


async def refused(shelf: Shelf, folder: Path, **environ: str) -> Finding:
    with pytest.raises(LockstepError) as raised:
        await fetched(shelf, folder, **environ)
    (found,) = raised.value.findings
    return found


async def test_both_keepers_give_all_members() -> None:
    """The exercise for the contract, on a Prometheus and on the shelf of these tests."""
    async with scripted(lambda asked: listed(*NAMES)) as server:
        for keeper in (PrometheusKeeper(), Shelf({name: {} for name in NAMES})):
            found = await keeper.fetch(server.url)
            assert {name: {} for name in NAMES} == found.members
            assert 0 == found.dropped
    assert [("GET", "/api/v1/label/__name__/values")] == [
        (asked.method, asked.path) for asked in server.asked
    ]


async def test_both_keepers_say_when_nobody_is_there() -> None:
    """By the one error of the contract."""
    async with scripted(lambda asked: listed()) as server:
        pass
    for keeper in (PrometheusKeeper(), Shelf(None)):
        with pytest.raises(Unreachable, match=server.address):
            await keeper.fetch(server.url)


async def test_what_can_be_no_name_is_dropped_and_counted() -> None:
    """Markup, escapes, other alphabets and endless words: names come near no terminal otherwise."""
    odd = ["", "a b", "1st", "up\n", "\x1b[2J", "{job='x'}", "métrique", "x" * 513, "a-b"]
    async with scripted(lambda asked: listed(*odd, "up", *odd, "up")) as server:
        found = await PrometheusKeeper().fetch(server.url)
    assert ({"up": {}}, len(odd)) == (found.members, found.dropped)


TROUBLE: dict[str, Reply] = {
    "answers with status 503": Reply(b"", 503),
    "answers with status 302": Reply(b"", 302, ("Location: /elsewhere",)),
    "answers with status 401": Reply(b"log in", 401),
    "is not a Prometheus": Reply(b"<html>"),
    "sends more than 8,388,608 bytes": Reply(b" " * (8 * 2**20 + 1)),
    "does not answer: RemoteProtocolError": Reply(b"", raw=True),
    "has not answered in 0.3 s": Reply(b" " * 99, pause=0.02),
}


@pytest.mark.parametrize("problem", TROUBLE)
async def test_trouble_is_told_with_host_and_port_and_without_a_password(problem: str) -> None:
    """Whatever answers; and nothing of it is believed."""
    patience = 0.3 if problem.endswith("0.3 s") else 30
    async with scripted(lambda asked: TROUBLE[problem]) as server:
        with pytest.raises(Unreachable) as raised:
            await PrometheusKeeper(patience).fetch(f"http://ann:hunter22@{server.address}")
    assert str(raised.value).endswith(problem)
    assert server.address in str(raised.value)
    assert "hunter22" not in str(raised.value)


@pytest.mark.parametrize("data", [{}, {"data": "up"}, {"data": [1]}, {"data": None}, []])
async def test_a_list_of_names_is_that_or_nothing(data: Any) -> None:
    """Other JSON is not taken for an empty catalogue."""
    async with scripted(lambda asked: said(data)) as server:
        with pytest.raises(Unreachable, match="is not a Prometheus"):
            await PrometheusKeeper().fetch(server.url)


async def test_what_changes_is_told(tmp_path: Path) -> None:
    """Against the file that is there; against none, or one that cannot be read, all is new."""
    first = await fetched(Shelf({"a": {}, "b": {}}), tmp_path)
    assert (("a", "b"), (), False) == (first.change.added, first.change.removed, first.unchanged)
    first.path.write_text(written(first.pinned, first.path))
    again = await fetched(Shelf({"b": {}, "a": {}}), tmp_path)
    assert ((), (), True) == (again.change.added, again.change.removed, again.unchanged)
    other = await fetched(Shelf({"a": {}, "c": {}}), tmp_path)
    assert (("c",), ("b",), False) == (
        other.change.added,
        other.change.removed,
        other.unchanged,
    )
    first.path.write_text("{")
    broken = await fetched(Shelf({"a": {}}), tmp_path)
    assert (("a",), False) == (broken.change.added, broken.unchanged)


async def test_nothing_is_never_pinned(tmp_path: Path) -> None:
    """An empty catalogue would tell every plan that what it names does not exist."""
    for shelf in (Shelf({}), Shelf(None)):
        assert "LS-ENV-007" == (await refused(shelf, tmp_path)).code
    assert [] == list(tmp_path.iterdir())


async def test_what_fills_a_placeholder_is_not_said(tmp_path: Path) -> None:
    """The error has the placeholder in its place, and names it for whoever has to mend it."""
    found = await refused(Shelf(None), tmp_path, PROMETHEUS_URL="http://secret-host:9090")
    assert ("LS-ENV-007", "catalogue `metric`", "nobody at ${PROMETHEUS_URL}") == (
        found.code,
        found.place,
        found.problem,
    )
    assert "`${PROMETHEUS_URL:-nowhere}`" in found.fix
    with pytest.raises(LockstepError) as raised:
        await repin(manifest("${NOT_SET}"), "metric", tmp_path, {})
    assert ("LS-ENV-004", "catalogue `metric`") == (
        raised.value.findings[0].code,
        raised.value.findings[0].place,
    )


def test_a_pinned_file_is_one_name_a_line_in_order(tmp_path: Path) -> None:
    """So that a review sees what came and went; and it reads back as what was pinned."""
    pinned = pin({"up": {}, "a": {"critical": True}})
    text = written(pinned, tmp_path)
    assert pinned == Pinned.model_validate(json.loads(text))
    assert text.index('"a"') < text.index('\n    "up": {}\n')
    assert text.endswith("\n}\n")


def test_a_catalogue_that_could_not_be_read_again_is_not_written(tmp_path: Path) -> None:
    """It is said here, and not by every command afterwards."""
    members: Members = {f"m{n:0500}": {} for n in range(9000)}
    with pytest.raises(LockstepError, match="LS-LOAD-003"):
        written(pin(members), tmp_path)
