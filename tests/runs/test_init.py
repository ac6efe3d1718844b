"""`lockstep init`: what it makes works at once, and nothing that is there is touched."""

import asyncio
import sys
from pathlib import Path

import pytest

from tests.runs.command import launched, lockstep
from tests.runs.yard import PATIENCE, ROOT
from worker.cli.init import STARTER
from worker.discovery import roots

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_what_it_makes_can_be_tried_locked_run_and_tested(
    surroundings: Path, tmp_path: Path
) -> None:
    """Every command that it prints, in this order, as a newcomer types them."""
    made = await launched("init", "Disk-Watch", folder=tmp_path)
    agent, home, notes = (tmp_path / name for name in ("Disk-Watch", "home", "notes"))
    assert (0, "") == (made.code, made.err)
    assert "made agent `disk-watch` in Disk-Watch" in made.out
    _, *commands = [line.strip() for line in made.out.partition("next:\n")[2].splitlines()]
    assert "python -m pytest tests" == commands.pop()
    for command in commands:
        _, *words = command.split()
        said = await lockstep(*words, home=home, folder=agent, NOTES_FOLDER=str(notes))
        assert 0 == said.code, (command, said)
    (note,) = (notes / "team").iterdir()
    assert note.read_text().startswith("# Disk space\n")
    sandbox = await lockstep("check", "plans/first.plan.json", "--env", "sandbox", folder=agent)
    assert 0 == sandbox.code


async def test_its_tests_pass(surroundings: Path, tmp_path: Path) -> None:
    """And reach every rule of its policy; in a process of their own, from the copied folder."""
    made = await lockstep("init", str(tmp_path / "a"), "--name", "watch", "--format", "json")
    assert ("watch", 0) == (made.json["agent"], made.code)
    strict = await lockstep("policy", "test", "--strict", folder=tmp_path / "a")
    assert 0 == strict.code, strict
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pytest", "-q", "-p", "no:asyncio", "-p", "no:cacheprovider"),
        *("--rootdir", ".", "tests"),
        cwd=tmp_path / "a",
        stdout=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(PATIENCE):
        out, _ = await process.communicate()
    assert 0 == process.returncode, out.decode()


async def test_everything_in_the_starter_is_copied_and_only_the_name_differs(
    surroundings: Path, tmp_path: Path
) -> None:
    """Into a folder that is there and empty as well; what a tool left in the starter stays out."""
    (tmp_path / "mine").mkdir()
    made = await lockstep("init", "mine", "--format", "json", folder=tmp_path)
    wanted = {
        str(path.relative_to(STARTER))
        for path in STARTER.rglob("*")
        if path.is_file() and "_cache" not in str(path) and "__pycache__" not in str(path)
    }
    assert wanted == set(made.json["files"])
    for name in wanted - {"agent.toml"}:
        assert (STARTER / name).read_bytes() == (tmp_path / "mine" / name).read_bytes()
    manifest = (tmp_path / "mine" / "agent.toml").read_text()
    assert (STARTER / "agent.toml").read_text() == manifest.replace('"mine"', '"starter"')


async def test_what_is_there_is_left_alone(surroundings: Path, tmp_path: Path) -> None:
    """A folder with anything in it, a file, a link, a name that no agent can have."""
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / ".kept").write_text("mine")
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to("nowhere")
    for name in ("full", "file", "link", "9lives", "a b"):
        said = await lockstep("init", name, folder=tmp_path)
        assert (2, "", "LS-CLI-001") == (said.code, said.out, said.err.split()[0]), said
    named = await lockstep("init", "fine", "--name", "../x", folder=tmp_path)
    assert (2, False) == (named.code, (tmp_path / "fine").exists())
    assert ["mine", "mine"] == [(tmp_path / name).read_text() for name in ("full/.kept", "file")]
    assert {"full", "file", "link"} == {path.name for path in tmp_path.iterdir()}


async def test_the_starter_is_small_and_says_nothing_of_where_it_was_made() -> None:
    """A newcomer reads all of it."""
    texts = [path.read_text() for path in STARTER.rglob("*.*") if path.suffix != ".pyc"]
    assert 500 > sum(len(text.splitlines()) for text in texts if text)
    assert [] == [text for text in texts if str(ROOT) in text]


async def test_the_starter_is_nobodys_agent() -> None:
    """Whoever works at the top of this repository still has one agent, the example."""
    assert [ROOT / "examples" / "cluster_digest"] == roots(ROOT)
