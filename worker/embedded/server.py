"""The embedded server: the real Temporal dev server, as a supervised child with a database on disk.

Its defaults are for trying things out: about 20 dispatches a second, retries no sooner than a
second, runs forgotten after a day. Those are put right, and nothing else is changed, so that what
is seen on a laptop is what the same lock does on a cluster.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from temporalio.client import Client
from temporalio.service import RPCError

from lockstep.errors import LockstepError
from worker import namespace
from worker.connection import runtime
from worker.embedded import ports
from worker.embedded.binary import find_binary
from worker.embedded.claim import Kind, ServerRecord, claim
from worker.embedded.supervisor import Supervised
from worker.home import Home

PATIENCE = 15.0
"""Seconds to become ready in; 0.2 is usual."""

_TUNING = (
    "history.transferProcessorMaxPollRPS=1000",
    "history.timerProcessorMaxPollRPS=1000",
    'history.timerProcessorMaxTimeShift="10ms"',
    # Two failed workflow tasks in a row are reported, not five: a stuck run shows after 12 s.
    "system.numConsecutiveWorkflowTaskProblemsToTriggerSearchAttribute=2",
)
# `full` survives a power cut as well as a kill -9, and costs little beside WAL.
_PRAGMAS = ("journal_mode=wal", "synchronous=full")
_DISK_FULL = ("no space left on device", "database or disk is full", "disk quota exceeded")


@asynccontextmanager
async def serve(
    home: Home,
    *,
    ui: bool = False,
    port: int | None = None,
    ui_port: int | None = None,
    kind: Kind = "embedded",
) -> AsyncIterator[ServerRecord]:
    """The home's server, up and recorded in `server.json` while the block runs.

    Killed, it comes back on the same ports with the same runs. LS-SRV-002 if it is not installed,
    -004 if another process runs it, -006 if it does not come or stay up, -007 if the disk is full
    or may not be written.
    """
    home.ensure()
    home.check_space()
    binary = find_binary()
    # Nobody types the address of a server that lasts as long as a command.
    usual, usual_ui = (ports.FRONTEND, ports.UI) if kind == "dev" else (None, None)
    async with claim(home) as lock:
        frontend = ports.choose(usual) if port is None else ports.demand(port)
        web = None
        if ui:
            web = ports.choose(usual_ui) if ui_port is None else ports.demand(ui_port)
        address = f"{ports.LOOPBACK}:{frontend}"

        def record(pid: int) -> ServerRecord:
            return ServerRecord(
                address=address,
                namespace=namespace.NAMESPACE,
                ui=None if web is None else f"http://{ports.LOOPBACK}:{web}",
                pid=pid,
                owner_pid=os.getpid(),
                kind=kind,
                started_at=datetime.now(UTC),
            )

        server = Supervised(
            "temporal server",
            _command(binary, home, frontend, web),
            env=_environment(os.environ),
            log_file=home.logs / "server.log",
            folder=home.root,
            keep_fds=[lock],
            on_return=lambda pid: record(pid).publish(home) if home.record.exists() else None,
        )
        try:
            async with server:
                client = await _ready(home, address, server)
                if await namespace.furnish(client):
                    # The server reads a namespace again only after seconds, and a run that ends
                    # before that would still be forgotten after a day. Nothing runs yet.
                    await server.restart()
                    await _ready(home, address, server)
                current = record(server.pid)
                current.publish(home)
                try:
                    yield current
                finally:
                    home.record.unlink(missing_ok=True)
        except LockstepError as error:
            if error is server.failure and _disk_is_full(server):
                raise _full(home) from None
            raise


def _command(binary: Path, home: Home, port: int, ui_port: int | None) -> list[str]:
    command = [str(binary), "server", "start-dev", "--ip", ports.LOOPBACK, "--port", str(port)]
    # Relative to the folder it runs in: SQLite reads `?`, `#` and `%` in a path as parts of a URL,
    # and opens another file.
    command += ["--db-filename", home.database.name]
    command += ["--log-level", "warn", "--disable-config-file", "--disable-config-env"]
    for pragma in _PRAGMAS:
        command += ["--sqlite-pragma", pragma]
    for setting in _TUNING:
        command += ["--dynamic-config-value", setting]
    if ui_port is None:
        return [*command, "--headless"]
    return [*command, "--ui-port", str(ui_port), "--ui-disable-news-fetch"]


def _environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The server needs no secrets of ours, and must not take our settings for its own."""
    return {name: environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in environ}


async def _ready(home: Home, address: str, server: Supervised) -> Client:
    """Waits until our server answers for our namespace."""
    reason = "nothing listens"
    try:
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    client = await Client.connect(
                        address, namespace=namespace.NAMESPACE, runtime=runtime()
                    )
                    if await namespace.is_in(home.database, client):
                        return client
                    reason = f"another server answers at {address}"
                except (RPCError, RuntimeError) as error:  # the SDK's words for "not yet"
                    reason = str(error)[:200]
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise LockstepError.of(
            "LS-SRV-006",
            str(server.log_file),
            f"the embedded server is not ready after {PATIENCE:.0f} s ({reason}):"
            f" {server.last_words()}",
            "correct what this log says and start again",
        ) from None


def _disk_is_full(server: Supervised) -> bool:
    said = server.last_words().lower()
    return any(phrase in said for phrase in _DISK_FULL)


def _full(home: Home) -> LockstepError:
    problem, fix = "the server cannot write: the disk is full", "free some space and start again"
    return LockstepError.of("LS-SRV-007", str(home.root), problem, fix)
