"""What does it cost to have a model decide, once or at every turn?

The same tasks go through a loop around a model (on the plain SDK, and on LangGraph), through
Lockstep planning and then running, and through Lockstep running the lock again. All of them ask one
stand-in model, which counts tokens and takes time in the same way for each, and call the same
tools. Nothing is said about how well a model decides: the script says what it decides.

    python benchmarks/llm_cost.py [--k 3 --k 10] [--without-langgraph]

LangGraph is no dependency: `pip install langgraph langchain-anthropic` beside it.
"""

import argparse
import asyncio
import json
import logging
import sys
import tempfile
import time
from collections.abc import Awaitable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

from temporalio.client import Client

from activities.models.prices import TABLE, priced
from activities.package import AgentPackage, load_package
from benchmarks.cost.loop import langgraph, plain
from benchmarks.cost.task import DONE, SHAPES, SIZES, Task
from lockstep.lock import Lock
from lockstep.usage import Usage
from worker.connection import connect, found
from worker.embedded.server import serve
from worker.home import Home
from worker.logs import configure
from worker.plans import begin, ended
from worker.runs import result, start
from worker.serve import serving
from worker.standin.server import StandIn, standin
from workflows.lock_plan import LockRequest, LockResult
from workflows.run_request import RunRequest
from workflows.run_result import RunResult

CLERK = Path(__file__).parent / "agents" / "clerk"
KEY = "any-will-do"
WARM_UP = Task("independent", 3)
"""Done by everybody before anything is measured."""
FIRST_TOKEN_SECONDS, TOKENS_PER_SECOND = 0.5, 100
"""How long the model takes: to its first token, and from there on."""


@dataclass(frozen=True)
class Bench:
    """What all of them share."""

    client: Client
    package: AgentPackage
    model: StandIn

    @property
    def name(self) -> str:
        return self.package.agent.planner.model

    async def looped(self, task: Task, through: Any) -> None:
        said = await through(
            self.model.base_url, KEY, self.name, self.package.tools, f"loop: {task.goal}"
        )
        assert said == DONE, said

    async def planned(self, task: Task) -> Lock:
        request = LockRequest(
            goal=f"plan: {task.goal}", agent="clerk", environment="bench", by="bench"
        )
        made = await ended(await begin(self.client, request))
        assert isinstance(made, LockResult), made
        assert made.lock is not None, made
        return made.lock

    async def ran(self, lock: Lock) -> None:
        handle = await start(self.client, RunRequest(lock=lock, started_by="bench"))
        ran = await result(handle)
        assert isinstance(ran, RunResult), ran
        assert ran.status == "completed", ran

    async def measured(self, work: Awaitable[Any]) -> tuple[dict[str, Any], Any]:
        """What the model's books and the clock say of it."""
        before, began = len(self.model.ledger), time.perf_counter()
        what = await work
        seconds = time.perf_counter() - began
        entries = self.model.ledger[before:]
        usages = [
            Usage(
                input=entry.usage.input_tokens,
                cache_write=entry.usage.cache_creation_input_tokens,
                cache_read=entry.usage.cache_read_input_tokens,
                output=entry.usage.output_tokens,
            )
            for entry in entries
        ]
        planner = sum(entry.last_message.startswith("The goal: ") for entry in entries)
        return {
            "calls": len(entries),
            "planner_calls": planner,
            "tokens": sum(usage.tokens for usage in usages),
            "money": sum(priced(self.name, usage)[0] for usage in usages) / 1_000_000,
            "seconds": round(seconds, 2),
        }, what


async def row(bench: Bench, task: Task, tool_seconds: float, graph: bool) -> dict[str, Any]:
    loop, _ = await bench.measured(bench.looped(task, plain))
    other = (await bench.measured(bench.looped(task, langgraph)))[0] if graph else None
    planning, lock = await bench.measured(bench.planned(task))
    running, _ = await bench.measured(bench.ran(lock))
    again, _ = await bench.measured(bench.ran(lock))
    ours = {name: round(planning[name] + running[name], 6) for name in planning}
    return {
        "k": task.k,
        "shape": task.shape,
        "loop": loop,
        "langgraph": other,
        "plan_and_run": ours,
        "locked": again,
        "planning_seconds": planning["seconds"],
        "critical_path_seconds": round(task.depth * tool_seconds, 2),
    }


def judged(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """What was aimed at, and how far it was reached."""
    third = [
        row["plan_and_run"]["tokens"] / row["loop"]["tokens"]
        for row in rows
        if row["k"] == 10 and row["shape"] != "independent"
    ]
    alone = [
        row["plan_and_run"]["tokens"] / row["loop"]["tokens"]
        for row in rows
        if row["shape"] == "independent"
    ]
    late = [
        row["plan_and_run"]["seconds"] / (row["planning_seconds"] + row["critical_path_seconds"])
        for row in rows
    ]
    return {
        "tokens_of_loop_at_10_dependent": [round(one, 3) for one in third],
        "tokens_of_loop_independent": [round(one, 3) for one in alone],
        "locked_planner_calls": sum(row["locked"]["planner_calls"] for row in rows),
        "locked_tokens": sum(row["locked"]["tokens"] for row in rows),
        "seconds_of_planning_and_critical_path": [round(one, 3) for one in late],
    }


def growth(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Tokens added by each further call, between each size and the next; equal where linear."""
    grown: dict[str, Any] = {}
    for shape in SHAPES:
        sizes = sorted((row for row in rows if row["shape"] == shape), key=lambda row: row["k"])
        for who in ("loop", "langgraph", "plan_and_run"):
            if len(sizes) > 1 and all(row[who] for row in sizes):
                grown.setdefault(shape, {})[who] = [
                    round((more[who]["tokens"] - less[who]["tokens"]) / (more["k"] - less["k"]))
                    for less, more in pairwise(sizes)
                ]
    return grown


async def main(sizes: tuple[int, ...], graph: bool) -> None:
    configure(level=logging.ERROR)
    tasks = [Task(shape, k) for shape in SHAPES for k in sizes]
    pace = {"delay_seconds": FIRST_TOKEN_SECONDS, "tokens_per_second": TOKENS_PER_SECOND}
    scenes = [
        {
            "when": {"contains": f"{who}: {task.goal}"},
            "answers": [{**answer, **pace} for answer in answers],
            "then": "cycle",
        }
        for task in dict.fromkeys((WARM_UP, *tasks))
        for who, answers in (("loop", task.loop_answers), ("plan", [task.planner_answer]))
    ]
    with tempfile.TemporaryDirectory() as folder:
        home, package = Home(Path(folder)), load_package(CLERK)
        home.ensure()
        async with AsyncExitStack() as stack:
            model = stack.enter_context(standin({"lockstep": "standin/1", "scenes": scenes}))
            server = await stack.enter_async_context(serve(home))
            client = await connect(found(home, server))
            environ = {"ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": model.base_url}
            await stack.enter_async_context(
                serving(client, package, "bench", home.values, environ=environ)
            )
            bench = Bench(client, package, model)
            tool_module = sys.modules[package.tools["ListPods"].function.__module__]
            rows = [
                await row(bench, task, tool_module.SECONDS, graph) for task in (WARM_UP, *tasks)
            ][1:]
    settings = {
        "model": bench.name,
        "tokenizer": "four bytes of UTF-8 a token",
        "first_token_seconds": FIRST_TOKEN_SECONDS,
        "tokens_per_second": TOKENS_PER_SECOND,
        "tools": len(package.tools),
        "tool_seconds": tool_module.SECONDS,
        "tool_output_bytes": tool_module.OUTPUT_BYTES,
        "prices": TABLE,
    }
    said = {"rows": rows, "targets": judged(rows), "growth": growth(rows), "settings": settings}
    print(json.dumps({"benchmark": "llm_cost", **said}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--k", type=int, action="append", choices=range(1, 61), metavar="K")
    parser.add_argument("--without-langgraph", action="store_true")
    given = parser.parse_args()
    if not given.without_langgraph and find_spec("langgraph") is None:
        sys.exit(
            "llm_cost: LangGraph is not installed; `pip install langgraph langchain-anthropic`, "
            "or leave it out with --without-langgraph"
        )
    asyncio.run(main(tuple(given.k or SIZES), not given.without_langgraph))
