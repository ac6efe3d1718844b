"""One server and one worker of the crane for all the tests that only need them to be there."""

import logging
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
import structlog

from activities.package import load_package
from tests.runs.yard import CANARY, CRANE, ROOT, Book, Yard
from worker.connection import connect, found
from worker.embedded.ports import choose
from worker.embedded.server import serve
from worker.home import VARIABLE, Home
from worker.logs import configure


@pytest.fixture(scope="session")
def surroundings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The environment of these tests and of every process they start, and a folder for it all."""
    folder = tmp_path_factory.mktemp("yard")
    before = dict(os.environ)
    for name in before:
        if name.startswith(("TEMPORAL_", "LOCKSTEP_")):
            del os.environ[name]
    ledgers = folder / "ledgers"
    ledgers.mkdir()
    os.environ |= {
        VARIABLE: str(folder / "home"),
        "LEDGERS": str(ledgers),
        "CRANE_PASSWORD": CANARY,
        "PYTHONPATH": str(ROOT),
    }
    yield folder
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="session")
def log(surroundings: Path) -> Iterator[Path]:
    """What a worker process would write to its log, from the workers in this process."""
    path, root = surroundings / "worker.log", logging.getLogger()
    handlers, level = root.handlers[:], root.level
    with path.open("w", buffering=1) as stream:
        configure(stream)
        yield path
        structlog.reset_defaults()
        root.handlers[:] = handlers
        root.setLevel(level)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def yard(surroundings: Path, log: Path) -> AsyncIterator[Yard]:
    """A server that lasts, as `lockstep dev` has one, and a worker of the crane."""
    home = Home(surroundings / "home")
    # Not on the usual port, which somebody else's tests may want at this very moment.
    async with serve(home, kind="dev", port=choose()) as server:
        client = await connect(found(home, server))
        yard = Yard(home, client, load_package(CRANE), surroundings / "ledgers", log)
        async with yard.worker():
            yield yard


@pytest.fixture
def book(yard: Yard) -> Book:
    """A ledger that only this test writes to."""
    return yard.book()
