"""The same for a server that is an address: the SDK's own, and one that says what it likes."""

import asyncio
import gzip
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from activities.mcp.pins import repin_tools
from lockstep import Environment
from lockstep.outcome import Withheld
from tests.effects.parrot import KEY, agent, called, failed, gave, was_made, world
from tests.effects.scripted import Asked, Reply, scripted
from tests.effects.stranger import ECHO
from worker.embedded.ports import choose

TIDE = Path(__file__).parents[1] / "agents" / "quay" / "servers" / "tide.py"


def reached(address: str, **more: Any) -> dict[str, Any]:
    headers = {"Authorization": "Bearer ${KEY}"}
    url = f"http://{address}/mcp?key=${{KEY}}"
    return {"url": url, "headers": headers, "file": "s.json", **more}


def replied(text: bytes, *headers: str, status: int = 200, **more: Any) -> Reply:
    return Reply(text, status, ("Content-Type: application/json", *headers), **more)


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (Reply(b"who are you?", 401), "answers with status 401"),
        (Reply(b"", 302, ("Location: http://127.0.0.1:9/other",)), "hello"),
        (replied(gzip.compress(b"x" * 9_000_000), "Content-Encoding: gzip"), "sends packed"),
        (replied(b"[" * 5_000_000), "sends more than 4,456,448 bytes"),
        (replied(b"<html>"), "hello"),
        (replied(b'{"jsonrpc": "2.0", "id": 1, "result": {}}'), "hello"),
        (Reply(b"HTTP/9 what", raw=True), "does not answer: RemoteProtocolError"),
        (replied(b"{" * 100, pause=0.1), "has not said hello in 0.5 s"),
    ],
    ids=["refused", "elsewhere", "packed", "flood", "page", "empty", "no-http", "trickle"],
)
async def test_what_answers_and_is_no_server_is_not_called(
    tmp_path: Path, reply: Reply, why: str
) -> None:
    """It is told at once and without a secret, and nobody is asked whether anything happened."""
    async with scripted(lambda asked: reply) as server:
        # Long enough for a machine that has more to do; only the trickle waits for its end.
        table = reached(server.address, start="500ms" if reply.pause else "20s")
        error = await failed(world(table, effect="write"), tmp_path)

    assert "LS-MCP-004" == error.type
    assert why in error.message
    assert KEY not in error.message
    assert not was_made(error)
    assert {f"bearer {KEY}"} == {asked.headers["authorization"] for asked in server.asked}


async def test_a_server_that_breaks_off_in_the_call_may_have_had_its_effect(tmp_path: Path) -> None:
    """Its request went out, so what comes back decides nothing of that."""
    hello = {
        "protocolVersion": "2025-11-25",
        "capabilities": {"tools": {}},
        "serverInfo": {"name": "s", "version": "1"},
    }

    def answer(asked: Asked) -> Reply:
        request = json.loads(asked.body or "{}")
        match request.get("method"):
            case "initialize":
                result: Any = hello
            case "tools/list":
                result = {"tools": [ECHO]}
            case "tools/call":
                return Reply(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{", raw=True)
            case _:
                return Reply(b"", 202)
        said = {"jsonrpc": "2.0", "id": request["id"], "result": result}
        return replied(json.dumps(said).encode())

    async with scripted(answer) as server:
        error = await failed(world(reached(server.address), effect="write"), tmp_path)

    assert was_made(error)


async def test_a_server_over_http_is_held_to_the_same(tmp_path: Path) -> None:
    """The SDK's own server: pinned, called, described anew and no longer called, and gone."""
    port, mood = choose(), tmp_path / "mood"
    manifest = Environment.model_validate(
        {
            "lockstep": "environment/1",
            "name": "test",
            "stage": "staging",
            "mcp": {
                "tide": {
                    "url": f"http://127.0.0.1:{port}/mcp",
                    "headers": {"Authorization": "Bearer ${KEY}"},
                    "file": "tide.json",
                }
            },
            "tools": {"Read": {"mcp": {"server": "tide", "tool": "read-tide", "effect": "read"}}},
        }
    )
    server = await asyncio.create_subprocess_exec(
        *(sys.executable, str(TIDE), "http", str(port)),
        env={**os.environ, "QUAY_MOOD": str(mood)},
        stderr=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        environ = {"KEY": KEY}
        await _up(port)
        found = await repin_tools(manifest, "tide", root=tmp_path, folder=tmp_path, environ=environ)
        quay = agent(manifest, found.pinned)

        level = await called(quay, tmp_path, "Read", station="north")
        mood.write_text("pulled")
        pulled = await called(quay, tmp_path, "Read", station="north")
    finally:
        server.kill()
        await server.wait()
    gone = await failed(quay, tmp_path, "Read", station="north")

    assert {"station": "north", "metres": 3.25} == gave(level)
    assert isinstance(pulled, Withheld)
    assert "id_rsa" in pulled.findings[0].problem
    assert "does not answer: ConnectError" in gone.message
    assert not was_made(gone)


async def _up(port: int) -> None:
    for _ in range(200):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.1)
        else:
            writer.close()
            await writer.wait_closed()
            return
    raise AssertionError("the server did not come up")
