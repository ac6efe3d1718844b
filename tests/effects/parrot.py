"""An agent whose tools are a stranger's, and one attempt at a call as a worker performs it."""

import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.mcp.tools import mcp_tools
from activities.perform import Performer
from activities.store import FolderStore
from lockstep import Agent, Environment, Plan
from lockstep.outcome import Completed, Dispatch, Report, StepOutcome
from lockstep.pinned_tools import PinnedTool, PinnedTools
from policies.cedar.decider import CedarDecider
from policies.check import check
from policies.decider import PolicyTexts
from policies.graph.rules import Rules
from policies.locks.freeze import freeze
from policies.world import World
from tests.effects.facts import DUE, facts
from tests.effects.stranger import COUNT, ECHO

HERE = Path(__file__).parent
KEY = "key-71c9f0a4e2"
PERMIT = '@id("all") @reason("anything may be called") permit (principal, action, resource);'


def stranger(mood: str, **server: Any) -> dict[str, Any]:
    command = [sys.executable, "-I", "-S", str(HERE / "stranger.py"), mood]
    return {"command": command, "env": {"KEY": "${KEY}"}, "file": "s.json", **server}


def world(server: dict[str, Any], **binding: Any) -> World:
    """An agent that has the stranger's tools, as they were pinned when it still behaved."""
    pinned = PinnedTools(
        lockstep="mcp/1", server="s", tools=(PinnedTool.of(ECHO), PinnedTool.of(COUNT))
    )
    echo = {"server": "s", "tool": "echo", "effect": "read", **binding}
    manifest = Environment.model_validate(
        {
            "lockstep": "environment/1",
            "name": "test",
            "stage": "staging",
            "limits": {"output_bytes": 65536},
            "mcp": {"s": server},
            "tools": {
                "Echo": {"mcp": echo},
                "Count": {"mcp": {**echo, "tool": "count"}},
            },
        }
    )
    return agent(manifest, pinned)


def agent(manifest: Environment, pinned: PinnedTools) -> World:
    agent = Agent.model_validate({"lockstep": "agent/1", "name": "parrot", "role": "parrot"})
    tools = mcp_tools(manifest, {pinned.server: pinned}, {}, "test.toml")
    specs = {name: tool.spec for name, tool in tools.items()}
    texts = PolicyTexts(authorize=PERMIT, approvals="")
    decider = CedarDecider.load(texts, specs, manifest)
    servers = {pinned.server: pinned}
    return World(agent, manifest, specs, texts, Rules(), decider, tools, servers=servers)


@contextmanager
def performer(world: World, folder: Path, environ: dict[str, str]) -> Iterator[Performer]:
    with ThreadPoolExecutor(1) as threads:
        store = FolderStore(folder)
        yield Performer(world, world.code, store, folder, threads, environ)


def dispatched(world: World, tool: str, args: dict[str, Any]) -> Dispatch:
    step = {"id": "say", "tool": tool, "args": args}
    plan = Plan.model_validate({"lockstep": "plan/1", "steps": [step]})
    checked = check(plan, world, "ana")
    assert not checked.errors, checked.errors
    body = freeze(plan, checked, world)
    told = facts(body, tool)
    return Dispatch(run=told, step=body.steps[0])


async def called(world: World, folder: Path, tool: str = "Echo", **args: Any) -> StepOutcome:
    environ = {"KEY": KEY, "PATH": os.environ["PATH"], "ELSE": "not yours"}
    with performer(world, folder, environ) as house:
        environment = ActivityEnvironment()
        environment.info = replace(environment.info, current_attempt_scheduled_time=DUE)
        activity = house.activity_for(world.code[tool])
        call = dispatched(world, tool, args or {"text": "ahoy"})
        report: Report = await environment.run(activity, call)
    return report.outcome


async def failed(world: World, folder: Path, tool: str = "Echo", **args: Any) -> ApplicationError:
    with pytest.raises(ApplicationError) as raised:
        await called(world, folder, tool, **args)
    return raised.value


def gave(outcome: StepOutcome) -> Any:
    assert isinstance(outcome, Completed), outcome
    return outcome.value.preview


def was_made(error: ApplicationError) -> bool:
    """By which the workflow knows whether the effect may have happened."""
    (attempt,) = error.details[0]["attempts"]
    return attempt["decision"] is not None
