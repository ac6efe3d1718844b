"""A connection for one command, and the workers it needs.

Where a server runs, the command uses it. Where none runs, one is started for as long as the command
lasts, and the command says so; unless what it does must outlive it, which is then refused.
"""

import os
import socket
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client

from activities.package import AgentPackage
from lockstep.errors import LockstepError
from lockstep.names import task_queue
from worker.attributes import ensure_attributes
from worker.connection import Found, connect, find_server
from worker.embedded.stack import embedded_stack, worker_environment
from worker.embedded.supervisor import Supervised
from worker.embedded.users import borrow
from worker.home import VARIABLE, Home

Say = Callable[[str], None]


@dataclass(frozen=True)
class Served:
    """An agent in one environment, which some worker must serve."""

    root: Path
    agent: str
    environment: str

    @classmethod
    def of(cls, package: AgentPackage, environment: str) -> Self:
        return cls(package.root, package.agent.name, environment)

    @property
    def queue(self) -> str:
        return task_queue(self.agent, self.environment)


@dataclass(frozen=True)
class Session:
    """`lasting` is false where server or worker end with the command."""

    client: Client
    home: Home
    server: Found
    lasting: bool


@asynccontextmanager
async def session(
    home: Home,
    say: Say,
    *,
    serve: Sequence[Served] | Served = (),
    lasting: str = "",
    borrowed: bool = False,
) -> AsyncIterator[Session]:
    """A session with a worker for each of `serve`.

    `lasting` says what must outlive the command, in the user's words; then nothing is started, and
    LS-SRV-003 or LS-SRV-005 says what to start. The server of another command that will end does
    not do, unless `borrowed`.
    """
    wanted = (serve,) if isinstance(serve, Served) else tuple(serve)
    found = await find_server(home)
    async with AsyncExitStack() as stack:
        if found is None:
            if lasting:
                raise fleeting(lasting, "no Temporal server is running")
            say("no Temporal server is running: starting one for this command")
            running = await stack.enter_async_context(
                embedded_stack(
                    home,
                    worker_command=worker_command(wanted),
                    kind="embedded",
                    ui=False,
                    say=say,
                )
            )
            client = await connect(running.target)
            yield Session(client, home, running.target, lasting=False)
            return
        if lasting and found.kind == "embedded" and not borrowed:
            raise fleeting(lasting, "the server that runs belongs to a command that will end")
        if found.kind != "configured":
            stack.enter_context(borrow(home))
        client = await connect(found)
        if found.kind == "configured":
            # Every run carries them and every list asks for them.
            await ensure_attributes(client)
        alone = [one for one in wanted if not await has_worker(client, one.queue)]
        for one in alone:
            await _own_worker(stack, home, found, one, lasting)
            say(f"no worker polls `{one.queue}`: started one for this command")
        yield Session(client, home, found, lasting=not alone and found.kind != "embedded")


def fleeting(lasting: str, problem: str) -> LockstepError:
    """LS-SRV-003 about what must outlive a command, in the user's words."""
    return LockstepError.of(
        "LS-SRV-003",
        lasting,
        f"must outlive this command, and {problem}",
        "start one with `lockstep dev`, then repeat the command",
    )


POLL = timedelta(seconds=75)


async def has_worker(client: Client, queue: str) -> bool:
    """Whether any worker asks this queue for workflow tasks: a poll lasts a minute, so one that has
    not been renewed for longer is of a worker that is gone.
    """
    answer = await client.workflow_service.describe_task_queue(
        DescribeTaskQueueRequest(
            namespace=client.namespace,
            task_queue=TaskQueue(name=queue),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
        )
    )
    since = datetime.now(UTC) - POLL
    return any(
        poller.last_access_time.ToDatetime(tzinfo=UTC) > since and not is_gone(poller.identity)
        for poller in answer.pollers
    )


def is_gone(identity: str) -> bool:
    """Whether a poller was a process of this machine that is no more. Its last poll would look
    alive for a minute, and whoever relied on it would wait for ever.
    """
    pid, _, host = identity.partition("@")
    if host != socket.gethostname() or not pid.isdecimal():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False
    return False


def worker_command(served: Sequence[Served]) -> list[str]:
    """The command line of a worker process; with nothing to serve, one that only waits."""
    # -P keeps the working directory off the import path: our packages have everyday names.
    command = [sys.executable, "-P", "-m", "worker.cli.main", "worker", "--lifeline"]
    for one in served:
        command += ["--serve", f"{one.root}::{one.environment}"]
    return command


async def _own_worker(
    stack: AsyncExitStack, home: Home, found: Found, serve: Served, lasting: str
) -> None:
    if lasting:
        raise LockstepError.of(
            "LS-SRV-005",
            lasting,
            f"must outlive this command, and no worker polls `{serve.queue}`",
            f"start one with `lockstep worker --agent {serve.root} --env {serve.environment}`",
        )
    home.ensure()
    environ = dict(os.environ) | {VARIABLE: str(home.root)}
    if found.kind != "configured":
        environ = worker_environment(environ, home, found.address, found.namespace)
    await stack.enter_async_context(
        Supervised(
            "worker",
            worker_command([serve]),
            env=environ,
            log_file=home.logs / "worker.log",
        )
    )
