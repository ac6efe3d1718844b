"""An agent whose tools are an MCP server's, on the real Temporal server and a real MCP server."""

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from activities.package import load_package
from lockstep.escalation import Ground, Verdict
from lockstep.lock import Lock
from tests.runs.yard import CANARY, ROOT, Json, Yard, lock_in, output, step, with_
from worker.serve import serving

QUAY = ROOT / "tests" / "agents" / "quay"


def logging(text: str | Json) -> Json:
    """A plan that reads the tide before it writes a line; the reading is a dependency only."""
    read = step("read", "ReadTide", station="north")
    write = with_(step("write", "WriteLog", text=text), after=["read"])
    return {"lockstep": "plan/1", "goal": "log", "steps": [read, write]}


@asynccontextmanager
async def quay(yard: Yard, folder: Path) -> AsyncIterator[Yard]:
    """The quay, and a worker of it whose environment holds what its server may have."""
    here = Yard(yard.home, yard.client, load_package(QUAY), yard.ledgers, yard.log)
    environ = {
        "PATH": os.environ["PATH"],
        "QUAY_PYTHON": sys.executable,
        "QUAY_BOOK": str(folder / "book"),
        "QUAY_MOOD": str(folder / "mood"),
        "CRANE_PASSWORD": CANARY,
    }
    grace = timedelta(milliseconds=100)
    async with serving(
        yard.client, here.package, here.environment, yard.home.values, grace=grace, environ=environ
    ):
        yield here


async def test_a_run_calls_an_mcp_server_while_it_is_what_was_pinned(
    yard: Yard, tmp_path: Path
) -> None:
    """It reads and writes; described anew, it is withheld from and may only be skipped or edited;
    gone in the middle of a write, a human is asked what came of it.
    """
    mood, book = tmp_path / "mood", tmp_path / "book"
    async with quay(yard, tmp_path) as here:
        ended = await here.ended(await here.start(_lock(here, output("read", "/station"))))
        assert "completed" == ended.result.status
        assert ["north"] == book.read_text().splitlines()

        mood.write_text("pulled")
        run = await here.start(_lock(here, "second"))
        question = await here.question(run)
        assert (Ground.DENIED, "read") == (question.ground, question.step)
        assert "LS-MCP-005" in question.why
        assert "~/.ssh/id_rsa" in question.why
        assert Verdict.APPROVE not in question.offers
        mood.write_text("sinking")
        await here.answer(run, question, Verdict.SKIP)
        # What could not be read is not what the line says, so the line is written all the same.
        question = await here.question(run)
        assert (Ground.UNKNOWN, "write") == (question.ground, question.step)
        assert "ended with exit status 9" in question.why
        assert ["north", "second"] == book.read_text().splitlines()
        await here.answer(run, question, Verdict.DENY)
        stopped = await here.ended(run)
        assert "LS-RUN-002" == stopped.finding.code


def _lock(here: Yard, text: str | Json) -> Lock:
    return lock_in(here.world, logging(text))
