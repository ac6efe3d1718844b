"""What the embedded server, its supervisor and its claim promise, on the real server."""

import asyncio
import os
import signal
import socket
import sqlite3
import sys
import textwrap
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic

import pytest
import pytest_asyncio
from temporalio.client import Client
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes

from lockstep.errors import LockstepError
from worker import namespace
from worker.attributes import NAMES
from worker.connection import answers, connect, find_server, found
from worker.embedded.binary import find_binary
from worker.embedded.claim import ServerRecord, claimed, recorded
from worker.embedded.server import serve
from worker.embedded.stack import embedded_stack
from worker.embedded.supervisor import Supervised
from worker.embedded.users import borrow
from worker.home import Home

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROOT = Path(__file__).parents[2]
WAITS_FOR_ITS_PARENT = [sys.executable, "-c", "import sys; sys.stdin.read()"]
NO_SETTINGS: dict[str, str] = {}


async def until(true: Callable[[], object], seconds: float = 10) -> None:
    """Polls until something is so, and fails if it does not become so in time."""
    deadline = monotonic() + seconds
    while not true():
        assert monotonic() < deadline, "this did not happen in time"
        await asyncio.sleep(0.02)


def runs(pid: int) -> bool:
    """Whether a process is there and not merely waiting to be reaped."""
    try:
        os.kill(pid, 0)
        status = Path(f"/proc/{pid}/stat").read_text() if sys.platform == "linux" else ""
    except (ProcessLookupError, FileNotFoundError):
        return False
    return not status.rpartition(")")[2].startswith((" Z", " X"))


def home_in(folder: Path) -> Home:
    home = Home(folder / ".lockstep")
    home.ensure()
    return home


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    # SQLite would read these characters as parts of a URL, and open another file.
    return home_in(tmp_path_factory.mktemp("a project? 100%25 #1"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(home: Home) -> AsyncIterator[ServerRecord]:
    async with serve(home) as record:
        client = await connect(found(home, record))
        brief = await client.start_workflow("Brief", id="ended-at-once", task_queue="nobody")
        await brief.terminate()
        yield record


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(home: Home, server: ServerRecord) -> Client:
    return await connect(found(home, server))


async def test_a_running_server_is_found(home: Home, server: ServerRecord) -> None:
    """Without settings of Temporal's own, the server of this home is the one to talk to."""
    target = await find_server(home, NO_SETTINGS)
    assert target is not None
    assert (server.address, "default", "embedded") == (
        target.address,
        target.namespace,
        target.kind,
    )
    assert os.getpid() == server.owner_pid
    assert int(server.address.rpartition(":")[2]) < 32768
    assert home.database.exists()


async def test_runs_are_remembered_for_90_days(client: Client) -> None:
    """The namespace keeps closed runs for 90 days, not for the dev server's one."""
    described = await namespace.describe(client)
    retention = described.config.workflow_execution_retention_ttl.ToTimedelta()
    assert timedelta(days=90) == retention


async def test_a_run_that_ends_first_thing_is_remembered_as_long(
    home: Home, server: ServerRecord
) -> None:
    """Retention holds from the first run on: no run is due for deletion after one day."""
    now = datetime.now(UTC)
    with closing(sqlite3.connect(f"{home.database.as_uri()}?mode=ro", uri=True)) as database:
        rows = database.execute("SELECT visibility_timestamp FROM timer_tasks").fetchall()
    due = [datetime.fromisoformat(row[0]) for row in rows]
    assert [] == [at for at in due if timedelta(hours=13) < at - now < timedelta(days=3)]
    assert any(at - now > timedelta(days=80) for at in due)


async def test_runs_are_found_by_our_search_attributes(client: Client) -> None:
    """State, agent, environment and lock can be asked for from the first run on."""
    pairs = [SearchAttributePair(SearchAttributeKey.for_keyword(name), "x") for name in NAMES]
    await client.start_workflow(
        "Run", id="tagged", task_queue="nobody", search_attributes=TypedSearchAttributes(pairs)
    )
    query = " AND ".join(f"{name} = 'x'" for name in NAMES)
    # Under load, the server's list is a moment behind.
    listed: list[str] = []
    async with asyncio.timeout(10):
        while not listed:
            listed = [run.id async for run in client.list_workflows(query)]
    assert ["tagged"] == listed


async def test_one_home_has_one_server(home: Home, server: ServerRecord) -> None:
    """A second server is refused, and told who runs the first."""
    with pytest.raises(LockstepError) as refused:
        async with serve(home):
            pass
    assert "LS-SRV-004" == refused.value.code
    assert f"process {os.getpid()} runs" in str(refused.value)
    assert server == recorded(home)


async def test_a_server_is_told_from_another_that_took_its_port(
    client: Client, home: Home, tmp_path: Path
) -> None:
    """Only the server that has our database open counts as ours."""
    assert await namespace.is_in(home.database, client)
    assert not await namespace.is_in(tmp_path / "temporal.db", client)


async def test_a_killed_server_comes_back_where_it_was(
    home: Home, server: ServerRecord, client: Client
) -> None:
    """After kill -9 the same address answers, and knows the runs it knew."""
    await client.start_workflow("Run", id="survivor", task_queue="nobody")
    killed = recorded(home)
    assert killed is not None
    os.kill(killed.pid, signal.SIGKILL)
    await until(lambda: (back := recorded(home)) is not None and back.pid != killed.pid)
    target = await find_server(home, NO_SETTINGS)
    assert target is not None
    assert server.address == target.address
    again = await connect(target)
    assert "survivor" == (await again.get_workflow_handle("survivor").describe()).id


async def test_temporals_own_settings_come_first(home: Home, server: ServerRecord) -> None:
    """Whoever names a server means it, also when one runs here; the error says who named it."""
    target = await find_server(home, {"TEMPORAL_ADDRESS": "127.0.0.1:1"})
    assert target is not None
    assert "127.0.0.1:1" == target.address
    with pytest.raises(LockstepError, match=r"127\.0\.0\.1:1: .*TEMPORAL_ADDRESS") as refused:
        await connect(target)
    assert "LS-SRV-001" == refused.value.code


async def test_a_configuration_file_that_is_not_there_is_an_error(home: Home) -> None:
    """A mistyped file never means the laptop's server."""
    with pytest.raises(LockstepError) as refused:
        await find_server(home, {"TEMPORAL_CONFIG_FILE": "/nowhere/temporal.toml"})
    assert "LS-SRV-001" == refused.value.code


async def test_a_stale_record_is_no_server(tmp_path: Path, server: ServerRecord) -> None:
    """`server.json` means nothing unless the claim is held, even if all it names is alive."""
    home = home_in(tmp_path)
    server.model_copy(update={"owner_pid": os.getpid()}).publish(home)
    home.server_lock.touch()
    assert await answers(server.address)
    assert await find_server(home, NO_SETTINGS) is None


async def test_a_port_that_is_asked_for_is_got_or_refused(tmp_path: Path) -> None:
    """A named port is never silently exchanged for another."""
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(LockstepError) as refused,
    ):
        async with serve(home_in(tmp_path), port=taken.getsockname()[1]):
            pass
    assert "LS-SRV-009" == refused.value.code


async def test_a_missing_server_program_is_named(tmp_path: Path) -> None:
    """Without `temporal` beside Python or on PATH, the error says what to install."""
    with pytest.raises(LockstepError, match=r"lockstep-agents\[embedded\]") as refused:
        find_binary({"PATH": str(tmp_path)}, beside=[])
    assert "LS-SRV-002" == refused.value.code


async def test_a_home_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    """A file where the folder should be, or too small a disk, stops before anything starts."""
    (tmp_path / ".lockstep").touch()
    with pytest.raises(LockstepError) as refused:
        async with serve(Home.find(tmp_path, NO_SETTINGS)):
            pass
    assert "LS-SRV-007" == refused.value.code
    with pytest.raises(LockstepError) as asked:
        Home.find(tmp_path, NO_SETTINGS).check_writable()
    assert refused.value.code == asked.value.code
    Home(tmp_path / "not" / "made" / "yet").check_writable()
    assert [".lockstep"] == [path.name for path in tmp_path.iterdir()]
    with pytest.raises(LockstepError) as full:
        Home(tmp_path).check_space(least=2**62)
    assert "LS-SRV-007" == full.value.code


async def test_a_home_is_found_from_below_and_closed_to_others(tmp_path: Path) -> None:
    """The nearest home above counts, a named one before it; only its owner may look inside."""
    home = home_in(tmp_path)
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    assert home == Home.find(below, NO_SETTINGS)
    assert Home(below) == Home.find(below, {"LOCKSTEP_HOME": str(below)})
    assert 0o700 == home.root.stat().st_mode & 0o777
    assert "*\n" == (home.root / ".gitignore").read_text()


async def test_a_killed_child_comes_back(tmp_path: Path) -> None:
    """Whatever kills a child, it is started again, and what it left behind is not."""
    script = "import subprocess, sys; print(subprocess.Popen(['sleep', '600']).pid, flush=True);"
    log = tmp_path / "child.log"
    command = [sys.executable, "-c", script + "sys.stdin.read()"]
    async with Supervised("child", command, env=dict(os.environ), log_file=log) as child:
        await until(lambda: log.exists() and log.read_text().endswith("\n"))
        first, left_behind = child.pid, int(log.read_text())
        os.kill(first, signal.SIGKILL)
        await until(lambda: child.starts == 2)
        assert first != child.pid
        await until(lambda: not runs(left_behind))
        last = child.pid
    assert not runs(last)


async def test_a_child_that_always_dies_is_given_up(tmp_path: Path) -> None:
    """Nobody waits for a broken child: the block is cancelled, and the error quotes its log."""
    log = tmp_path / "child.log"
    command = [sys.executable, "-c", "raise SystemExit('\x1b[31mno module named tools')"]
    with pytest.raises(LockstepError) as broken:
        async with Supervised("worker", command, env={}, log_file=log):
            await asyncio.Event().wait()
    assert "LS-SRV-006" == broken.value.code
    assert f"{log}: `worker` ended 5 times" in str(broken.value)
    assert "exit status 1: no module named tools;" in str(broken.value)
    assert 0 == asyncio.current_task().cancelling()  # type: ignore[union-attr]  # we run in one


async def test_a_child_deaf_to_sigterm_is_killed(tmp_path: Path) -> None:
    """Stopping is bounded by the grace, whatever the child thinks of it."""
    deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); print(1, flush=True);"
    log = tmp_path / "child.log"
    command = [sys.executable, "-c", deaf + "time.sleep(600)"]
    async with Supervised("deaf", command, env={}, log_file=log, grace=0.2) as child:
        await until(lambda: log.exists() and log.read_text())
    assert not runs(child.pid)


async def test_an_owner_waits_for_those_who_borrow_its_server(tmp_path: Path) -> None:
    """A command that is done keeps server and worker up for the others, and says so once."""
    home = home_in(tmp_path)
    said: list[str] = []
    done = asyncio.Event()

    async def own() -> None:
        async with embedded_stack(
            home, worker_command=WAITS_FOR_ITS_PARENT, kind="embedded", ui=False, say=said.append
        ) as stack:
            workers.append(stack.worker.pid)
            await done.wait()

    workers: list[int] = []
    owner = asyncio.create_task(own())
    await until(lambda: workers)
    with borrow(home):
        done.set()
        await until(lambda: said)
        assert await find_server(home, NO_SETTINGS) is not None
        assert runs(workers[0])
    await owner
    assert 1 == len(said)
    assert not claimed(home)
    assert not home.record.exists()


OWNER = """
    import asyncio, sys
    from pathlib import Path
    from worker.home import Home
    from worker.logs import configure
    from worker.embedded.stack import embedded_stack

    async def main():
        command = [sys.executable, "-c", "import sys; sys.stdin.read()"]
        async with embedded_stack(
            Home(Path(sys.argv[1])), worker_command=command, kind="embedded", ui=False, say=print
        ) as stack:
            print(stack.server.pid, stack.worker.pid, flush=True)
            await asyncio.Event().wait()

    configure()
    asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's end")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
async def test_nothing_outlives_its_owner(tmp_path: Path, how: signal.Signals) -> None:
    """Killed or interrupted, an owner leaves no process behind, and its home is free again."""
    home = home_in(tmp_path)
    owner = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", textwrap.dedent(OWNER), str(home.root)),
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert owner.stdout is not None
    try:
        pids = [int(word) for word in (await owner.stdout.readline()).split()]
        assert 2 == len(pids)
        assert claimed(home)
    finally:
        owner.send_signal(how)
    await owner.wait()
    # The lock is the server's as much as its owner's: it is never free before both are gone.
    assert claimed(home) or not runs(pids[0])
    await until(lambda: not claimed(home) and not any(map(runs, pids)), seconds=15)
    assert await find_server(home, NO_SETTINGS) is None
