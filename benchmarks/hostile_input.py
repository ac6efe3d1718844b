"""What does hostile input do to a check?

Ten thousand documents, made from good ones by seeded mutations (bytes, tokens, structure), are
taken the way of any plan, manifest or policy: read, shaped, loaded, checked. Each must end in a
verdict or in coded findings, and soon. The work is done in a child process, so that one that dies
or does not answer is counted, named by its number, and gone on from; the same number makes the same
document.

Times are of the processor and not of the clock, which on a shared machine measures its neighbours;
the collector's pauses are in them. A plan is read, shaped and checked: each has its own figure. By
now the policies are loaded, and what they say of questions like these is remembered, as in a worker
that has checked a plan before. Of the other kinds loading is in the figure: a mutated policy is
parsed, validated and asked for the first time.

The long plans among the good ones repeat one call, and what is found of a call is found once. So
beside the mutations stand plans of as many steps of which no two are alike, and none was seen
before. What the plans took is also told in yardsticks, measured beside each.
"""

import json
import multiprocessing
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from typing import Any

from activities.package import load_package
from benchmarks.mutations import structure_of, text_of
from benchmarks.yardstick import milliseconds, yardstick
from lockstep.agent import Agent
from lockstep.environment import Environment
from lockstep.errors import LockstepError
from lockstep.loading import parse_json, parse_toml, shaped
from lockstep.plan import Plan
from policies.cedar.decider import CedarDecider
from policies.check import check
from policies.decider import PolicyTexts
from policies.graph.rules import Rules
from policies.world import World
from worker.garbage import settle

ROOT = Path(__file__).parents[1]
FLAGSHIP = ROOT / "examples" / "cluster_digest"
SEED = "lockstep"
MUTATIONS = 10_000
PATIENCE = 10.0
"""Seconds after which a document counts as one that is never done with."""
MOST_STEPS = 50
FEW_STEPS = 10
ROUNDS = 40
PACE = 20_000
"""Additions that say how fast the core is beside a document."""


class Target:
    """The flagship, and each way a document of it is read."""

    def __init__(self) -> None:
        self.package = load_package(FLAGSHIP)
        self.world = self.package.world("local")
        folder = FLAGSHIP / "plans"
        self.plans = [path.read_text() for path in sorted(folder.glob("*.plan.json"))]
        self.plans.append(json.dumps(_long(json.loads(self.plans[0]))))
        self.plan = shaped(Plan, json.loads(self.plans[0]), "plan")
        self.toml = [path.read_text() for path in sorted(FLAGSHIP.glob("environments/*.toml"))]
        self.agent = (FLAGSHIP / "agent.toml").read_text()
        self.rules = (FLAGSHIP / "policy" / "rules.toml").read_text()
        self.texts = self.package.texts

    def document(self, number: int) -> tuple[str, str]:
        """What kind it is, and its text: the same for one number on any machine."""
        random = Random(f"{SEED}:{number}")
        kind = random.choice(("plan", "plan", "plan", "manifest", "agent", "rules", "cedar"))
        if kind == "plan":
            text = random.choice(self.plans)
            if random.random() < 0.7:
                value = structure_of(random, json.loads(text))
                return kind, json.dumps(value)
            return kind, text_of(random, text)
        source = {
            "manifest": random.choice(self.toml),
            "agent": self.agent,
            "rules": self.rules,
            "cedar": self.texts.authorize,
        }
        return kind, text_of(random, source[kind])

    def outcome(self, kind: str, text: str) -> tuple[str, int, list[float]]:
        """`passed`, `rejected` or `refused`, how many steps were checked, and the seconds that
        reading, shaping and checking took.
        """
        # As bytes, as a file has them; half a surrogate cannot be in one.
        data, marks = text.encode(errors="replace"), [time.process_time()]
        try:
            world, plan = self._read(kind, data, marks)
        except LockstepError:
            return "refused", 0, []
        marks.append(time.process_time())
        passed = check(plan, world, "ann").passed
        marks.append(time.process_time())
        seconds = [after - before for before, after in pairwise(marks)]
        return ("passed" if passed else "rejected"), len(plan.steps), seconds

    def _read(self, kind: str, data: bytes, marks: list[float]) -> tuple[World, Plan]:
        match kind:
            case "plan":
                document = parse_json(data, "plan")
                marks.append(time.process_time())
                return self.world, shaped(Plan, document, "plan")
            case "manifest":
                environment = shaped(Environment, parse_toml(data, "manifest"), "manifest")
                return self._with(self.texts, environment), self.plan
            case "agent":
                agent = shaped(Agent, parse_toml(data, "agent"), "agent")
                return replace(self.world, agent=agent), self.plan
            case "rules":
                rules = shaped(Rules, parse_toml(data, "rules"), "rules")
                return replace(self.world, rules=rules), self.plan
            case _:
                texts = PolicyTexts(authorize=data.decode(), approvals=self.texts.approvals)
                return self._with(texts, self.world.environment), self.plan

    def _with(self, texts: PolicyTexts, environment: Environment) -> World:
        decider = CedarDecider.load(texts, self.world.tools, environment)
        return replace(self.world, texts=texts, environment=environment, decider=decider)


def _long(plan: Any) -> Any:
    """The plan with as many steps as its environment allows and more."""
    steps = plan["steps"]
    more = [{**steps[0], "id": f"fetch{n}"} for n in range(MOST_STEPS - len(steps))]
    return {**plan, "steps": [*steps, *more]}


def _different(plan: Any, number: int) -> Any:
    """A long plan of which no two steps ask for the same, nor for what another number's ask for."""
    return {
        **plan,
        "steps": [
            {**step, "args": {**step["args"], "points": 1000 + MOST_STEPS * number + place}}
            if "points" in step["args"]
            else step
            for place, step in enumerate(plan["steps"])
        ],
    }


def different() -> list[float]:
    """The seconds that plans take of whose steps no two are alike."""
    target, taken = Target(), []
    long = json.loads(target.plans[-1])
    for number in range(ROUNDS):
        text = json.dumps(_different(long, number))
        outcome, _, parts = target.outcome("plan", text)
        assert outcome != "refused"
        taken.append(sum(parts))
    return taken[1:]


def child(first: int, pipe: Connection) -> None:
    """Documents from `first` on; tells the number of each before it is begun."""
    target = Target()
    # As a worker does once it has loaded its agent.
    settle()
    pipe.send(("ready",))
    for number in range(first, MUTATIONS):
        kind, text = target.document(number)
        pipe.send(("begun", number, kind))
        began = time.process_time()
        try:
            outcome, steps, parts = target.outcome(kind, text)
        except Exception as error:  # the very thing that must not happen
            outcome, steps, parts = f"crashed: {type(error).__name__}", 0, []
        seconds = time.process_time() - began
        pipe.send(("ended", number, kind, outcome, steps, seconds, parts, yardstick(PACE)))


def main(progress: Callable[[str], object] = sys.stderr.write) -> int:
    outcomes: Counter[str] = Counter()
    bad: list[dict[str, Any]] = []
    plans: list[tuple[float, list[float]]] = []
    paced: list[float] = []
    sizes: dict[str, list[float]] = {f"to_{FEW_STEPS}_steps": [], f"to_{MOST_STEPS}_steps": []}
    kinds: dict[str, list[float]] = {}
    first = yardstick()
    slowest = (0.0, 0)
    began, number = time.monotonic(), 0
    while number < MUTATIONS:
        ours, theirs = multiprocessing.Pipe(duplex=False)
        process = multiprocessing.get_context("fork").Process(target=child, args=(number, theirs))
        process.start()
        theirs.close()
        kind = "none"
        try:
            while ours.poll(PATIENCE):
                said = ours.recv()
                if said[0] == "begun":
                    _, number, kind = said
                elif said[0] == "ended":
                    _, number, kind, outcome, steps, seconds, parts, beside = said
                    number += 1
                    outcomes[f"{kind} {outcome.partition(':')[0]}"] += 1
                    slowest = max(slowest, (seconds, number - 1))
                    if outcome.startswith("crashed"):
                        bad.append({"number": number - 1, "kind": kind, "end": outcome})
                    if steps:
                        kinds.setdefault(kind, []).append(seconds)
                    if kind == "plan" and 0 < steps <= MOST_STEPS:
                        plans.append((seconds, parts))
                        paced.append(seconds / beside)
                        sizes[f"to_{FEW_STEPS if steps <= FEW_STEPS else MOST_STEPS}_steps"].append(
                            seconds
                        )
                    if number % 1000 == 0:
                        progress(f"{number:,} of {MUTATIONS:,}\n")
            bad.append({"number": number, "kind": kind, "end": "hung"})
            number += 1
        except EOFError:
            if number < MUTATIONS:
                bad.append({"number": number, "kind": kind, "end": "died"})
                number += 1
        finally:
            process.kill()
            process.join()
    unlike = different()
    phases = zip(*(parts for _, parts in plans), strict=True)
    print(
        json.dumps(
            {
                "benchmark": "hostile_input",
                "mutations": sum(outcomes.values())
                + sum(one["end"] in ("hung", "died") for one in bad),
                "crashes": sum(one["end"] != "hung" for one in bad),
                "hangs": sum(one["end"] == "hung" for one in bad),
                "outcomes": dict(sorted(outcomes.items())),
                "plans_checked_to_50_steps": len(plans),
                "cpu_ms": _spread([seconds for seconds, _ in plans]),
                "yardsticks": _ranked(paced, 3),
                **{
                    f"{name}_cpu_ms": _spread(list(each))
                    for name, each in zip(("read", "shape", "check"), phases, strict=True)
                },
                "plan_cpu_ms": {name: _spread(each) for name, each in sizes.items() if each},
                "different_steps_cpu_ms": _spread(unlike),
                "checked_cpu_ms": {name: _spread(each) for name, each in sorted(kinds.items())},
                "yardstick_cpu_ms": [milliseconds(first), milliseconds(yardstick())],
                "slowest": {"number": slowest[1], "cpu_ms": round(1000 * slowest[0], 1)},
                "seconds": round(time.monotonic() - began, 1),
                "bad": bad[:20],
            }
        )
    )
    return 1 if bad else 0


def _spread(seconds: list[float]) -> dict[str, float]:
    """As `_ranked`, in milliseconds."""
    return _ranked([1000 * one for one in seconds], 2)


def _ranked(each: list[float], digits: int) -> dict[str, float]:
    """The middle, and what one of a hundred and the longest take."""
    found = sorted(each)
    ranks = {"p50": len(found) // 2, "p99": len(found) * 99 // 100, "max": len(found) - 1}
    return {name: round(found[rank], digits) for name, rank in ranks.items()}


if __name__ == "__main__":
    sys.exit(main())
