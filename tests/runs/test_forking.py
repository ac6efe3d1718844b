"""A command that was forked cannot be told from one that starts from nothing."""

import asyncio
import json
import os
import signal
from pathlib import Path

import pytest

from tests.effects.asking import script
from tests.runs.command import launched, lockstep
from tests.runs.forking import forks
from tests.runs.yard import CRANE, ROOT
from worker.home import VARIABLE

pytestmark = pytest.mark.asyncio(loop_scope="session")

FLAGSHIP = ROOT / "examples" / "cluster_digest"
PLANS = FLAGSHIP / "plans"
LOCAL = str(PLANS / "weekly.local.lock.json")
COMMANDS: dict[str, tuple[int, list[str]]] = {
    "check": (0, ["check", str(PLANS / "weekly.local.plan.json"), "--env", "local"]),
    "check a lock": (0, ["check", LOCAL]),
    "diff": (0, ["diff", LOCAL, LOCAL]),
    "environment": (0, ["environment", "show", "test", "--agent", str(CRANE)]),
    "explain": (0, ["explain", "LS-PLAN-003"]),
    "policy": (0, ["policy", "test", "--agent", str(FLAGSHIP)]),
    "schema": (0, ["schema", "plan"]),
    "a group's help": (0, ["inbox", "--help"]),
    "an error as JSON": (2, ["check", "nowhere.json", "--env", "local", "--format=json"]),
    "no such command": (2, ["dance"]),
}
"""Name -> how it ends, and what is typed; of each command that needs no server, one."""


@pytest.mark.parametrize("name", COMMANDS)
async def test_a_forked_command_says_what_any_other_says(
    surroundings: Path, tmp_path: Path, name: str
) -> None:
    """To the letter, on both streams, and it ends with the same code."""
    code, words = COMMANDS[name]
    forked = await lockstep(*words, folder=tmp_path)
    assert (code, forked) == (forked.code, await launched(*words, folder=tmp_path))


async def test_a_forked_command_has_its_own_folder_and_variables(
    surroundings: Path, tmp_path: Path
) -> None:
    """And not those of the process that it was forked from, nor of the command before."""
    named = await lockstep("init", "one", folder=tmp_path)
    assert (0, True) == (named.code, (tmp_path / "one" / "agent.toml").exists())
    rooms = [tmp_path / "here", tmp_path / "there"]
    for room in rooms:
        room.write_text("a file, where a home is wanted")
    said = [await lockstep("runs", "list", home=room) for room in rooms]
    assert [(True, True), (True, True)] == [
        (one.code != 0, str(room) in one.err) for one, room in zip(said, rooms, strict=True)
    ]


async def test_a_forked_command_that_is_killed_ends_as_any_other(tmp_path: Path) -> None:
    """By the number of the signal; and it was a process of its own."""
    path = tmp_path / "script.json"
    path.write_text(json.dumps(script({"text": "a"})))
    pipes = [os.pipe() for _ in range(3)]
    theirs = [writes for _, writes in pipes]
    command = ("standin", str(path), "--format", "json")
    forks().start(command, {**os.environ, VARIABLE: str(tmp_path / "home")}, tmp_path, theirs)
    for stream in theirs:
        os.close(stream)
    out, err, news = [os.fdopen(reads) for reads, _ in pipes]
    with out, err, news:
        number = int(await asyncio.to_thread(news.readline))
        assert "{\n" == await asyncio.to_thread(out.readline)
        os.kill(number, signal.SIGKILL)
        assert -signal.SIGKILL == int(await asyncio.to_thread(news.readline))
        assert "" == await asyncio.to_thread(err.read)
