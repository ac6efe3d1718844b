"""Everything a project needs to run on one machine: the embedded server and a worker, both kept up.

What `lockstep dev` holds for as long as it is wanted, and every other command, when no server is
found, for as long as it lasts.
"""

import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from worker.connection import Found, answers, found
from worker.embedded.claim import Kind, ServerRecord
from worker.embedded.server import serve
from worker.embedded.supervisor import Supervised
from worker.embedded.users import Users
from worker.home import VARIABLE, Home


@dataclass(frozen=True)
class Stack:
    """A running server and its worker; `target` is what `connect` takes."""

    server: ServerRecord
    worker: Supervised
    target: Found


@asynccontextmanager
async def embedded_stack(
    home: Home,
    *,
    worker_command: Sequence[str],
    kind: Kind,
    ui: bool,
    say: Callable[[str], None],
    port: int | None = None,
    ui_port: int | None = None,
) -> AsyncIterator[Stack]:
    """Server and worker, up while the block runs; the errors are those of `serve`.

    If either cannot be kept up, the block is cancelled and LS-SRV-006 is raised. At the end,
    commands that have borrowed the server are waited for, then the worker stops, then the server.
    """
    home.ensure()
    with Users(home) as users:
        async with serve(home, ui=ui, port=port, ui_port=ui_port, kind=kind) as server:
            worker = Supervised(
                "worker",
                worker_command,
                env=worker_environment(os.environ, home, server.address, server.namespace),
                log_file=home.logs / "worker.log",
            )
            async with worker:
                try:
                    yield Stack(server, worker, found(home, server))
                finally:
                    # What borrowers wait for would never come from something broken.
                    if worker.failure is None and await answers(server.address):
                        await users.gone(say)
                    # From here on newcomers wait until we are gone, and start their own.
                    home.record.unlink(missing_ok=True)


def worker_environment(
    environ: Mapping[str, str], home: Home, address: str, namespace: str
) -> dict[str, str]:
    """Ours, with the Temporal settings of this server and no others: a left-over API key or TLS
    setting would make the worker refuse to talk to it."""
    kept = {
        name: text
        for name, text in environ.items()
        if name == "TEMPORAL_DEBUG" or not name.startswith("TEMPORAL_")
    }
    return kept | {
        "TEMPORAL_ADDRESS": address,
        "TEMPORAL_NAMESPACE": namespace,
        "TEMPORAL_CONFIG_FILE": os.devnull,
        VARIABLE: str(home.root),
    }
