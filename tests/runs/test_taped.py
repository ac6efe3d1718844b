"""A sandbox made of a run that took place answers as its tools did, and says that it is one."""

from pathlib import Path

import pytest

from activities.package import load_package
from activities.store import FolderStore
from tests.runs.command import launched, lockstep
from tests.runs.yard import Yard, copied, output, renamed, replace, say, step, with_
from worker.again.taped import taped

pytestmark = pytest.mark.asyncio(loop_scope="session")

LONG = "x" * 3000


async def test_a_run_is_taken_down_and_answers_again(yard: Yard, tmp_path: Path) -> None:
    """Outputs, large ones in files of their own, and declared errors; what only that run had, its
    own id, is asked of no other. The tools themselves are not called again.
    """
    book = yard.book()
    fallback = {"NotFound": {"output": {"text": "lost", "number": 0}}}
    steps = [
        say("hello", LONG),
        say("who", {"$run": "/id"}, number=7),
        with_(step("seek", "Seek", name="lost hook"), on_error=fallback),
        step("write", "Write", ledger=book.name, text=output("seek")),
    ]
    first = await yard.run(*steps)
    tape = taped(first.history, FolderStore(yard.home.values), yard.world.code, "mocks/tape")
    assert {"Echo", "Seek", "Write"} == set(tape.tools)
    assert [] == tape.notes
    assert {"Echo.json", "Echo-0.json", "Seek.json", "Write.json"} == set(tape.files)

    def change(root: Path) -> None:
        renamed(root)
        (root / "mocks" / "tape").mkdir(parents=True)
        for file, text in tape.files.items():
            (root / "mocks" / "tape" / file).write_text(text)
        for tool, file in tape.tools.items():
            manifest = root / "environments" / "test.toml"
            replace(manifest, f"[tools.{tool}]\n", f'[tools.{tool}]\nmock = "{file}"\n')

    async with yard.other(tmp_path, change) as here, here.worker():
        again = await here.run(*steps)
    assert ["lost"] == book.lines
    assert ("Echo", "Seek", "Write") == again.of("run.started")[0].mocked
    values = {what.step: what.value.digest for what in first.of("step.completed")}
    assert values == {what.step: what.value.digest for what in again.of("step.completed")}
    assert again.of("step.caught", "seek")[0].mocked


async def test_the_command_writes_them_beside_the_agent(yard: Yard, tmp_path: Path) -> None:
    """With the lines for a manifest; what is there already is not replaced."""
    ended = await yard.run(say())
    root = copied(yard.package.root, tmp_path)
    given = ("mock", "record", ended.result.run, "--agent", str(root))
    said = await launched(*given, "--name", "tape")
    assert 0 == said.code, said.err
    assert '[tools.Echo]\nmock = "mocks/tape/Echo.json"\n' == said.out
    replace(root / "environments" / "test.toml", "[tools.Echo]\n", said.out)
    mock = load_package(root).world("test").mocks["Echo"]
    assert mock.answer({"text": "hello", "number": 0}) is not None
    for name, code in (("tape", 2), ("../tape", 2)):
        said = await lockstep(*given, "--name", name)
        assert (code, True) == (said.code, "LS-CLI-001" in said.err)
