"""One run that is audited in every way, and a copy of its bundle to be changed."""

import shutil
from pathlib import Path

import pytest
import pytest_asyncio

from activities.store import FolderStore
from lockstep.escalation import Verdict
from tests.runs.audits.bundles import HOSTILE, Exported, look
from tests.runs.test_mocked_world import mocked
from tests.runs.yard import Yard, say, step, with_
from worker.audits.audit import bundled
from worker.audits.bundle import write_bundle
from worker.audits.evidence import Evidence


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def exported(yard: Yard, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    folder = tmp_path_factory.mktemp("audit")
    book = yard.book()
    binding = ('[tools.Write]\nendpoint = "${LEDGERS}"', '[tools.Write]\nmock = "wrote.json"')
    async with yard.other(folder, mocked(binding)) as here, here.worker():
        take = with_(step("take", "Remove", ledger=book.name, load="beam"), after=["hello"])
        cut = with_(
            step("cut", "Remove", ledger=book.name, load={"$from": "name", "path": "/text"}),
            after=["take"],
            reason="it is heavy",
        )
        told = step("told", "Write", ledger=book.name, text="done")
        lock = here.lock(say(), say("name", "engine"), take, cut, told)
        handle = await here.start(lock)
        await here.answer(handle, await here.question(handle), Verdict.APPROVE, "ben", note=HOSTILE)
        rest = await here.question(handle)
        while rest.step != "cut":
            rest = await here.question(handle)
        args = {"ledger": book.name, "load": "rubble"}
        await here.answer(handle, rest, Verdict.EDIT, args=args)
        ended = await here.ended(handle)
        assert "completed" == ended.result.status, ended.result
        assert ["removed beam", "removed rubble"] == book.lines
        past = await Evidence.of(ended.history)
    store, target = FolderStore(yard.home.values), folder / "bundle"
    write_bundle(target, bundled(past, store, look(past, yard.home.values), values=True))
    return Exported(handle.id, ended.result.head, target, past, yard.home.values)


@pytest.fixture
def copy(exported: Exported, tmp_path: Path) -> Path:
    """A copy of the bundle, to be changed."""
    return Path(shutil.copytree(exported.folder, tmp_path / "copy"))
