"""The clerk's office: what the laws about composing share. Its agent is `tests/agents/clerk`."""

from functools import cache
from typing import Any

from activities.package import AgentPackage, load_package
from lockstep.checked import Checked
from lockstep.loading import shaped
from lockstep.lock import Body, LockedComposeStep
from lockstep.plan import Plan
from policies.check import check
from policies.locks.freeze import freeze
from policies.world import World
from tests.laws.port import ROOT

CLERK = ROOT / "tests" / "agents" / "clerk"
Json = dict[str, Any]

SUMMARY: Json = {
    "type": "object",
    "properties": {
        "summary": {"type": "string"},
        "urgency": {"type": "string", "enum": ["low", "high"]},
    },
    "required": ["summary", "urgency"],
    "additionalProperties": False,
}
READ: Json = {"id": "read", "tool": "ReadLetters"}
SUM: Json = {
    "kind": "compose",
    "id": "sum",
    "instruction": "Sum up the letters in one sentence.",
    "inputs": {"letters": {"$from": "read", "path": "/texts"}},
    "output": SUMMARY,
}
FILE: Json = {"id": "file", "tool": "File", "args": {"text": {"$from": "sum", "path": "/summary"}}}
STEPS = (READ, SUM, FILE)


@cache
def package() -> AgentPackage:
    return load_package(CLERK)


@cache
def world(environment: str = "test") -> World:
    return package().world(environment)


def plan(*steps: Json) -> Plan:
    return shaped(Plan, {"lockstep": "plan/1", "steps": list(steps or STEPS)}, "plan")


def checked(*steps: Json, here: World | None = None) -> Checked:
    return check(plan(*steps), here or world(), "ana")


def told(*steps: Json, here: World | None = None) -> list[str]:
    return [str(found) for found in checked(*steps, here=here).findings]


def frozen(*steps: Json, here: World | None = None) -> Body:
    here = here or world()
    return freeze(plan(*steps), checked(*steps, here=here), here)


def composed(body: Body, id: str = "sum") -> LockedComposeStep:
    step = body.steps[id]
    assert isinstance(step, LockedComposeStep)
    return step
