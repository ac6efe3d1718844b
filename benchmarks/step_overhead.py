"""What does a step cost above a bare activity?

The same graph of no-op steps is run twice on one server: as a locked plan, and as a plain Temporal
workflow that calls no-op activities. The difference is what resolving, deciding, checking, storing
and telling cost.
"""

import asyncio
import json
import logging
import tempfile
import time
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import Worker

from activities.package import load_package
from lockstep.lock import Lock
from lockstep.plan import Plan
from policies.check import check
from policies.locks.freeze import freeze
from worker.connection import connect, found
from worker.embedded.server import serve
from worker.home import Home
from worker.logs import configure
from worker.runs import start
from worker.serve import serving
from workflows.run_request import RunRequest

ROUNDS = 3
SHAPES = {"chain": (100, 1), "layers": (5, 50)}
"""Name, and how many layers of how many steps."""


@activity.defn
async def bare() -> None:
    """The baseline: an activity that returns at once."""


@workflow.defn(sandboxed=False)
class Bare:
    """The baseline's workflow: layer after layer of bare activities."""

    @workflow.run
    async def run(self, layers: int, width: int) -> None:
        for _ in range(layers):
            calls = [
                workflow.execute_activity(bare, start_to_close_timeout=timedelta(seconds=60))
                for _ in range(width)
            ]
            await asyncio.gather(*calls)


def locked(layers: int, width: int) -> Lock:
    """A lock whose steps do nothing; each layer needs the one before."""
    steps: list[dict[str, Any]] = [
        {
            "id": f"s{layer:03d}_{column:03d}",
            "tool": "Idle",
            "after": [f"s{layer - 1:03d}_{other:03d}" for other in range(width)] if layer else [],
        }
        for layer in range(layers)
        for column in range(width)
    ]
    world = load_package(Path(__file__).parent / "agents" / "idle").world("bench")
    plan = Plan.model_validate({"lockstep": "plan/1", "steps": steps})
    return Lock.freeze(freeze(plan, check(plan, world, "bench"), world))


async def measured(client: Client, layers: int, width: int) -> dict[str, Any]:
    """Seconds and history events of both, each the median of `ROUNDS`, taken in turns."""
    lock = locked(layers, width)
    plain, ours, events = [], [], 0
    for number in range(ROUNDS):
        began = time.perf_counter()
        await client.execute_workflow(
            Bare.run, args=[layers, width], id=f"bare.{layers}.{number}", task_queue="bare"
        )
        plain.append(time.perf_counter() - began)
        began = time.perf_counter()
        handle = await start(client, RunRequest(lock=lock, started_by="bench"))
        await handle.result()
        ours.append(time.perf_counter() - began)
        events = len((await handle.fetch_history()).events)
    steps = layers * width
    bare_seconds, seconds = sorted(plain)[ROUNDS // 2], sorted(ours)[ROUNDS // 2]
    return {
        "steps": steps,
        "plain_seconds": round(bare_seconds, 3),
        "lockstep_seconds": round(seconds, 3),
        "ratio": round(seconds / bare_seconds, 2),
        "overhead_ms_per_step": round((seconds - bare_seconds) / steps * 1000, 2),
        "events_per_step": round(events / steps, 2),
    }


async def main() -> None:
    configure(level=logging.WARNING)
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder))
        home.ensure()
        async with AsyncExitStack() as stack:
            server = await stack.enter_async_context(serve(home))
            client = await connect(found(home, server))
            package = load_package(Path(__file__).parent / "agents" / "idle")
            await stack.enter_async_context(serving(client, package, "bench", home.values))
            await stack.enter_async_context(
                Worker(client, task_queue="bare", workflows=[Bare], activities=[bare])
            )
            rows = {name: await measured(client, *shape) for name, shape in SHAPES.items()}
    print(json.dumps({"benchmark": "step_overhead", "rows": rows}))


if __name__ == "__main__":
    asyncio.run(main())
