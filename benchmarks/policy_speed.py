"""What does policy cost?

Two questions. A plan of a thousand steps is checked in full, under a hundred policies, in worlds
that differ in what is hard about them; and one decision is made immediately before a call, for
arguments that were never asked about before, so that nothing of the answer is remembered. Beside
the decision stands a plain Python predicate that says the same of the same calls: what a check
costs when nobody has to be able to read, validate or pin it.

Times are of the processor; each is the median of rounds, the shortest beside it. On a shared
machine even those grow with what the neighbours do: so a yardstick, a million additions in plain
Python, is measured at the beginning and at the end.
"""

import gc
import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

from lockstep.agent import Agent
from lockstep.decision import Outcome, Principal, Request
from lockstep.environment import Environment
from lockstep.plan import Plan
from lockstep.provenance import Provenance
from lockstep.tool import ToolSpec
from policies.cedar.decider import CedarDecider
from policies.check import check
from policies.decider import PolicyTexts
from policies.graph.rules import Rules
from policies.request import real
from policies.world import World

STEPS = 1_000
POLICIES = 100
TOOLS = 20
ROUNDS = 5
CALLS = 500
BY = "bench"
PRINCIPAL = Principal(agent="bench", role="operator", started_by=BY, trigger="person")
Json = dict[str, Any]
Said = Callable[[Json], bool]


def spec(name: str) -> ToolSpec:
    text, number = {"type": "string"}, {"type": "integer"}
    return ToolSpec.model_validate(
        {
            "name": name,
            "description": "does nothing",
            "effect": "write",
            "idempotency": "natural",
            "input": {
                "type": "object",
                "properties": {"host": text, "count": number, "note": text},
                "required": ["host", "count", "note"],
                "additionalProperties": False,
            },
            "output": {"type": "object", "properties": {"host": text}, "required": ["host"]},
            "timeout": "1m",
            "heartbeat": "10s",
            "attempts": 1,
        }
    )


def policies(tools: list[str]) -> str:
    """A permit for each tool, and forbids of which none fires for a call of this script."""
    texts = [
        f'@id("permit.{name}") @reason("an operator may") permit (principal, '
        f'action == Action::"{name}", resource) when {{ principal.role == "operator" }};'
        for name in tools
    ]
    texts += [
        f'@id("forbid.{number}") @reason("too much") forbid (principal, '
        f'action == Action::"{tools[number % len(tools)]}", resource) when {{ '
        f'context.args.count > {10**7 + number} || context.args.host == "forbidden-{number}" }};'
        for number in range(POLICIES - len(tools))
    ]
    return "\n".join(texts)


def predicates(tools: list[str]) -> dict[str, list[Said]]:
    """The same forbids in plain Python, by tool."""

    def forbids(number: int) -> Said:
        most, host = 10**7 + number, f"forbidden-{number}"
        return lambda args: args["count"] > most or args["host"] == host

    found: dict[str, list[Said]] = {name: [] for name in tools}
    for number in range(POLICIES - len(tools)):
        found[tools[number % len(tools)]].append(forbids(number))
    return found


def world(tools: list[str]) -> World:
    specs = {name: spec(name) for name in tools}
    environment = Environment.model_validate(
        {
            "lockstep": "environment/1",
            "name": "bench",
            "stage": "dev",
            "tools": {name: {} for name in tools},
            "limits": {"steps": STEPS, "calls": 10 * STEPS},
        }
    )
    texts = PolicyTexts(authorize=policies(tools))
    return World(
        agent=Agent.model_validate(
            {"lockstep": "agent/1", "name": "bench", "role": "operator", "goal": "speed"}
        ),
        environment=environment,
        tools=specs,
        texts=texts,
        rules=Rules(),
        decider=CedarDecider.load(texts, specs, environment),
    )


def args(number: int) -> Json:
    return {"host": f"host-{number}", "count": number, "note": "n" * (number % 40)}


def plan(tools: list[str], referring: int) -> Plan:
    """Chains of ten steps; of ten steps `referring` take the host from the one before."""
    steps: list[Json] = []
    for number in range(STEPS):
        given = args(number)
        if number % 10 and number % 10 <= referring:
            given["host"] = {"$from": f"s{number - 1}", "path": "/host"}
        steps.append({"id": f"s{number}", "tool": tools[number % len(tools)], "args": given})
    return Plan.model_validate({"lockstep": "plan/1", "steps": steps})


def yardstick() -> float:
    began, total = time.process_time(), 0
    for number in range(10**6):
        total += number
    return round(1000 * (time.process_time() - began), 1)


def checked(tools: list[str], referring: int) -> dict[str, float]:
    """A full check of a plan by a world that has never checked one."""
    proposed, worlds = plan(tools, referring), [world(tools) for _ in range(ROUNDS)]

    def once() -> None:
        # A plan keeps what is found out about it, so each round has a copy of its own.
        fresh = Plan.model_validate(proposed.model_dump(mode="json"))
        began.append(time.process_time())
        found = check(fresh, worlds.pop(), BY)
        began.append(time.process_time())
        assert found.passed, found.findings[:3]

    began: list[float] = []
    for _ in range(ROUNDS):
        once()
    took = [1000 * (after - before) for before, after in zip(began[::2], began[1::2], strict=True)]
    return {"median": round(statistics.median(took), 1), "least": round(min(took), 1)}


def decided(tools: list[str]) -> dict[str, Any]:
    """One decision before a call, and the plain predicate's answer to the same."""
    here, said = world(tools), predicates(tools)
    numbers = iter(range(10**6))

    def asked() -> list[Request]:
        return [
            real(
                PRINCIPAL,
                here.tools[tools[number % len(tools)]],
                environment="bench",
                stage="dev",
                step="s",
                args=args(number),
                provenance=Provenance(),
            )
            for number in (next(numbers) for _ in range(CALLS))
        ]

    def cedar(requests: list[Request]) -> list[bool]:
        return [here.decider.decide(one).outcome is Outcome.ALLOW for one in requests]

    def plain(requests: list[Request]) -> list[bool]:
        return [
            one.principal.role == "operator" and not any(rule(one.args) for rule in said[one.tool])
            for one in requests
        ]

    cedar(asked())
    ours, theirs = [], []
    for _ in range(ROUNDS):
        requests = asked()
        began = time.process_time()
        answers = cedar(requests)
        between = time.process_time()
        assert answers == plain(requests)
        after = time.process_time()
        ours.append(1000 * (between - began) / CALLS)
        theirs.append(1000 * (after - between) / CALLS)
    return {
        "median": round(statistics.median(ours), 4),
        "least": round(min(ours), 4),
        "plain_python": round(statistics.median(theirs), 5),
        "ratio": round(statistics.median(ours) / statistics.median(theirs)),
    }


def main() -> int:
    # As a worker does once it has loaded its agent.
    gc.collect()
    gc.freeze()
    yardsticks = [yardstick()]
    spread, one = [f"Tool{number}" for number in range(TOOLS)], ["Tool0"]
    plans = {
        "known": checked(spread, 0),
        "half_open": checked(spread, 5),
        "known_one_tool": checked(one, 0),
        "half_open_one_tool": checked(one, 5),
        "open_one_tool": checked(one, 9),
    }
    decisions = {"spread": decided(spread), "one_tool": decided(one)}
    yardsticks.append(yardstick())
    print(
        json.dumps(
            {
                "benchmark": "policy_speed",
                "yardstick_cpu_ms": yardsticks,
                "policies": POLICIES,
                "plan_steps": STEPS,
                "plan_cpu_ms": plans,
                "decision_cpu_ms": decisions,
            }
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
