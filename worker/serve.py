"""A worker: one agent in one environment, polling that environment's queue.

Long work is safe to interrupt: on the first signal the worker takes no more tasks and gives running
steps `GRACE` to end; what is still running then is retried elsewhere, with its account of attempts.
"""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import timedelta
from importlib import import_module
from pathlib import Path

import structlog
from temporalio.client import Client
from temporalio.worker import Worker

from activities.mcp.tools import require_sdk
from activities.package import AgentPackage
from activities.perform import Performer
from activities.reading import StoreReader
from activities.store import FolderStore
from activities.validate import WorldValidator
from lockstep.compose import COMPOSE
from lockstep.names import task_queue
from worker.again.ancestor import ServerCarrier
from worker.build import build_id
from worker.composer import composing
from worker.listening import Listening, log_event
from worker.planner import planning, without_keys
from worker.sandbox import runner
from workflows.lock_plan import LockPlan
from workflows.run import Run

GRACE = timedelta(seconds=10)
PARALLEL_STEPS = 64

log = structlog.get_logger()


@asynccontextmanager
async def serving(
    client: Client,
    package: AgentPackage,
    environment: str,
    values: Path,
    *,
    grace: timedelta = GRACE,
    environ: Mapping[str, str] | None = None,
) -> AsyncIterator[Worker]:
    """A running worker, until the block ends; `environ` instead of this process's environment."""
    environ = dict(os.environ) if environ is None else environ
    world = package.world(environment)
    if world.servers:
        # Now, and not in the middle of the first call: it takes a second, or is not there.
        require_sdk()
        import_module("activities.mcp.session")
    build = build_id(package.root)
    store = FolderStore(values)
    reader = StoreReader(store)
    threads = ThreadPoolExecutor(PARALLEL_STEPS, thread_name_prefix="tool")
    try:
        performer = Performer(
            world=world,
            tools=world.code,
            store=store,
            folder=package.root,
            threads=threads,
            environ=without_keys(environ, world),
        )
        async with (
            planning(world, environ, store) as planner,
            composing(world, environ) as composer,
        ):
            validator = WorldValidator(world, build, store, composer.unable)
            carrier = ServerCarrier(client, world, store)
            worker = Worker(
                client,
                task_queue=task_queue(package.agent.name, environment),
                workflows=[Run, LockPlan],
                activities=[
                    planner.brief,
                    planner.propose,
                    validator.check,
                    validator.freeze,
                    validator.verify,
                    validator.replan,
                    validator.recheck,
                    carrier.carry,
                    reader.weigh,
                    reader.keep,
                    reader.count,
                    reader.gather,
                    *(
                        performer.activity_for(world.code[name])
                        for name in sorted(world.environment.tools)
                    ),
                    *([performer.composing(composer)] if world.offers(COMPOSE) else []),
                ],
                workflow_runner=runner(),
                interceptors=[Listening(log_event)],
                max_concurrent_activities=PARALLEL_STEPS,
                # Cancellations and stops reach a running step only as fast as heartbeats go out.
                max_heartbeat_throttle_interval=timedelta(seconds=1),
                default_heartbeat_throttle_interval=timedelta(seconds=1),
                graceful_shutdown_timeout=grace,
                # After a worker's death its runs are offered to it for this long before to another.
                sticky_queue_schedule_to_start_timeout=timedelta(seconds=5),
                build_id=build,
            )
            async with worker:
                log.info("worker.started", queue=worker.task_queue, build=build)
                yield worker
    finally:
        # A tool that hangs in its thread is not waited for: its attempt was given back.
        threads.shutdown(wait=False, cancel_futures=True)
    log.info("worker.stopped", queue=task_queue(package.agent.name, environment))


async def until_told(lifeline: bool) -> None:
    """Returns at SIGINT or SIGTERM, or when the process that holds our standard input is gone."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, told.set)
    if lifeline:
        loop.add_reader(sys.stdin.fileno(), _heard_end, told)
    await told.wait()


def _heard_end(told: asyncio.Event) -> None:
    if not os.read(sys.stdin.fileno(), 1024):
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        told.set()
