"""The port: what the laws about plans share. A small agent, a plan that passes, what is said of it.

The agent is `tests/agents/harbour`, loaded once; whatever a law wants to be otherwise it replaces
in a copy of the world.
"""

import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from activities.package import AgentPackage, load_package
from lockstep.checked import Checked
from lockstep.errors import LockstepError
from lockstep.finding import Finding
from lockstep.lock import Body
from lockstep.plan import Plan
from lockstep.tool import ToolSpec
from policies.cedar.decider import CedarDecider
from policies.check import check
from policies.decider import PolicyTexts
from policies.graph.rules import Rules
from policies.locks.freeze import freeze
from policies.world import World

ROOT = Path(__file__).parents[2]
HARBOUR = ROOT / "tests" / "agents" / "harbour"
BY = "ana"
PERMIT = '@id("all") @reason("r") permit (principal, action, resource);\n'

Json = dict[str, Any]

LIST: Json = {
    "id": "list",
    "tool": "ListShips",
    "args": {
        "cargo": ["coal"],
        "berth": {"$input": "/berth"},
        "when": {"days": {"$input": "/days"}},
    },
    "reason": "nothing is told that was not looked at",
}
WEIGH: Json = {
    "id": "weigh",
    "tool": "WeighCargo",
    "args": {
        "ships": {"$from": "list", "path": "/ships"},
        "limit": {"tons": 5, "per": {"unit": "day", "times": 2}},
    },
}
POST: Json = {
    "id": "post",
    "tool": "PostNotice",
    "args": {
        "text": {"$from": "weigh", "path": "/heaviest"},
        "weight": {"$from": "weigh"},
        "extra": {"at": {"$run": "/scheduled_at"}},
    },
    "after": ["list"],
}
STEPS = (LIST, WEIGH, POST)
"""A plan that passes; `post` needs `weigh`, which needs `list`."""


@cache
def package() -> AgentPackage:
    return load_package(HARBOUR)


@cache
def world() -> World:
    return package().world("test")


def world_with(
    *, rules: Rules | None = None, specs: dict[str, ToolSpec] | None = None, **environment: Any
) -> World:
    """The world with other rules, other tools or another manifest; policy stays what it was."""
    here = world()
    return replace(
        here,
        rules=here.rules if rules is None else rules,
        tools=here.tools if specs is None else specs,
        environment=here.environment.model_copy(update=environment),
    )


def under(
    authorize: str = PERMIT, approvals: str = "", shadow: str = "", here: World | None = None
) -> World:
    """The harbour, or what was made of it, under other policy."""
    found = here or world()
    texts = PolicyTexts(authorize=authorize, approvals=approvals, shadow=shadow)
    decider = CedarDecider.load(texts, found.tools, found.environment)
    return replace(found, texts=texts, decider=decider)


def copied(to: Path) -> Path:
    """A copy of the harbour's folder, to be written anew."""
    return Path(
        shutil.copytree(HARBOUR, to / "harbour", ignore=shutil.ignore_patterns("__pycache__"))
    )


def with_(step: Json, **fields: Any) -> Json:
    """The step with other fields; `args` are laid over its own."""
    args = {**step.get("args", {}), **fields.pop("args", {})}
    return {**step, **fields, "args": args}


def without(step: Json, argument: str) -> Json:
    return {**step, "args": {name: v for name, v in step["args"].items() if name != argument}}


def plan(*steps: Json, goal: str = "") -> Plan:
    return Plan.model_validate({"lockstep": "plan/1", "goal": goal, "steps": list(steps)})


def checked(*steps: Json, here: World | None = None) -> Checked:
    return check(plan(*steps), here or world(), BY)


def codes(*steps: Json, here: World | None = None) -> list[str]:
    return [found.code for found in checked(*steps, here=here).findings]


def only(*steps: Json, here: World | None = None) -> Finding:
    """The one thing that is wrong with a plan."""
    (found,) = checked(*steps, here=here).findings
    return found


def frozen(*steps: Json, here: World | None = None) -> Body:
    world_ = here or world()
    proposed = plan(*(steps or STEPS))
    return freeze(proposed, check(proposed, world_, BY), world_)


def refusal(attempt: Callable[[], object]) -> Finding:
    """The one finding with which something is refused."""
    with pytest.raises(LockstepError) as caught:
        attempt()
    (found,) = caught.value.findings
    return found
