"""What does policy cost?

Two questions. A plan of a thousand steps is checked in full, under a hundred policies, in worlds
that differ in what is hard about them; and one decision is made immediately before a call, for
arguments that were never asked about before, so that nothing of the answer is remembered. Beside
the decision stands a plain Python predicate that says the same of the same calls: what a check
costs when nobody has to be able to read, validate or pin it.

Times are of the processor; each is the median of rounds, the shortest beside it. Since neighbours
on a shared machine stretch even those, each round is also told in yardsticks, measured beside it.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from benchmarks.yardstick import milliseconds, yardstick
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
from worker.garbage import settle

STEPS = 1_000
POLICIES = 100
TOOLS = 20
ROUNDS = 9
CALLS = 200
PACE = 100_000
"""Additions that say how fast the core is beside a round."""
BY = "bench"
PRINCIPAL = Principal(agent="bench", role="operator", started_by=BY, trigger="person")
Json = dict[str, Any]
Said = Callable[[Json], bool]
Round = tuple[float, float]
"""What the work took, and the yardstick beside it: seconds of the processor."""


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


@contextmanager
def timed(rounds: list[Round]) -> Iterator[None]:
    """Adds what the block took, and how fast the core was beside it."""
    before, began = yardstick(PACE), time.process_time()
    yield
    took = time.process_time() - began
    rounds.append((took, (before + yardstick(PACE)) / 2))


def told(rounds: list[Round], each: int = 1) -> dict[str, float]:
    """In milliseconds of the processor, and in yardsticks, for each of so many."""
    took = [1000 * seconds / each for seconds, _ in rounds]
    paced = [seconds / beside / each for seconds, beside in rounds]
    return {
        "median": float(f"{statistics.median(took):.4g}"),
        "least": float(f"{min(took):.4g}"),
        "yardsticks": float(f"{statistics.median(paced):.3g}"),
    }


def checked(tools: list[str], referring: int) -> dict[str, float]:
    """A full check of a plan by a world that has never checked one."""
    proposed, worlds = plan(tools, referring), [world(tools) for _ in range(ROUNDS)]

    rounds: list[Round] = []
    for here in worlds:
        # A plan keeps what is found out about it, so each round has a copy of its own.
        fresh = Plan.model_validate(proposed.model_dump(mode="json"))
        with timed(rounds):
            found = check(fresh, here, BY)
        assert found.passed, found.findings[:3]
    return told(rounds)


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
    ours, theirs = list[Round](), list[Round]()
    for _ in range(ROUNDS):
        requests = asked()
        with timed(ours):
            answers = cedar(requests)
        with timed(theirs):
            expected = plain(requests)
        assert expected == answers
    cost, plainly = told(ours, CALLS), told(theirs, CALLS)
    return {
        **cost,
        "plain_python": plainly["median"],
        "ratio": round(cost["yardsticks"] / plainly["yardsticks"]),
    }


def main() -> int:
    # As a worker does once it has loaded its agent.
    settle()
    began = yardstick()
    spread, one = [f"Tool{number}" for number in range(TOOLS)], ["Tool0"]
    plans = {
        "known": checked(spread, 0),
        "half_open": checked(spread, 5),
        "known_one_tool": checked(one, 0),
        "half_open_one_tool": checked(one, 5),
        "open_one_tool": checked(one, 9),
    }
    decisions = {"spread": decided(spread), "one_tool": decided(one)}
    print(
        json.dumps(
            {
                "benchmark": "policy_speed",
                "yardstick_cpu_ms": [milliseconds(began), milliseconds(yardstick())],
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
