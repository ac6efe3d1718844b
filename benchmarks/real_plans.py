"""Does the checker see in real plans what is wrong with them, and nothing else?

    real_plans.py KIND FILE…      KIND is taskbench, nestful or bfcl

Each recorded plan is written in our words and given to the checker that guards every lock, under a
policy that permits every call. Beside it stands a scan of the same data that shares no code with
it. A class of defects counts once a plan. What only one of the two has seen is named, so that it
can be looked at: one of the two is then wrong.
"""

import argparse
import json
import re
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks.recorded import bfcl, nestful, taskbench
from benchmarks.recorded.case import (
    CLASSES,
    DANGLING,
    FORWARD,
    MISSING,
    MISTYPED,
    SELF,
    UNKNOWN,
    UNKNOWN_TOOL,
    Case,
    Json,
    Names,
    document,
    spec,
)
from benchmarks.recorded.given import USAGE, UnusableError, cases, count
from lockstep.agent import Agent
from lockstep.environment import Environment
from lockstep.errors import LockstepError
from lockstep.finding import Finding
from lockstep.loading import shaped
from lockstep.plan import Plan
from lockstep.tool import ToolSpec
from policies.cedar.decider import CedarDecider
from policies.check import check
from policies.decider import PolicyTexts
from policies.graph.rules import Rules
from policies.world import World

KINDS: dict[str, Callable[[list[Path]], Iterator[Case]]] = {
    "taskbench": taskbench.read,
    "nestful": nestful.read,
    "bfcl": bfcl.read,
}
CODES = {
    "LS-PLAN-004": UNKNOWN_TOOL,
    "LS-PLAN-005": DANGLING,
    "LS-PLAN-006": MISSING,
    "LS-PLAN-007": UNKNOWN,
    "LS-PLAN-008": MISTYPED,
    "LS-PLAN-009": DANGLING,
    "LS-PLAN-010": MISTYPED,
}
PERMIT = '@id("recorded") @reason("recorded calls") permit (principal, action, resource);'
EXAMPLES = 5
_NAMED = re.compile(r"step `[^`]+`")


def world(case: Case, names: Names) -> World:
    """The case's tools, all of which may be called."""
    specs = {one.name: one for one in (ToolSpec.model_validate(spec(t, names)) for t in case.tools)}
    environment = Environment.model_validate(
        {
            "lockstep": "environment/1",
            "name": "recorded",
            "stage": "sandbox",
            "tools": {name: {} for name in specs},
            "limits": {"steps": 1000, "calls": 1_000_000},
        }
    )
    texts = PolicyTexts(authorize=PERMIT)
    return World(
        agent=Agent.model_validate({"lockstep": "agent/1", "name": "recorded", "role": "reader"}),
        environment=environment,
        tools=specs,
        texts=texts,
        rules=Rules(),
        decider=CedarDecider.load(texts, specs, environment),
    )


def classed(found: Finding) -> str:
    """The class of defects that a finding is of; its code where it is of none of them."""
    if found.code == "LS-PLAN-003":
        # A cycle of one step is a step that refers to itself; a longer one closes where a step
        # refers to one that comes after it.
        return SELF if len(_steps(found.problem)) == 2 else FORWARD
    return CODES.get(found.code, found.code)


def _steps(walk: str) -> list[str]:
    return re.findall(r"`(s\d+)`", walk)


def names_its_place(found: Finding) -> bool:
    """Whether a finding names a step, and what of it: an argument, or the tool."""
    step = _NAMED.search(found.place)
    return step is not None and (found.place[step.end() :].startswith(" /") or "`" in found.problem)


def judged(case: Case, here: World, names: Names) -> tuple[Finding, ...]:
    try:
        plan = shaped(Plan, document(case, names), "plan")
    except LockstepError as error:
        return error.findings
    return check(plan, here, "bench").findings


def compared(plans: Iterable[Case]) -> Json:
    worlds: dict[str, tuple[World, Names]] = {}
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    examples: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    total: Counter[str] = Counter()
    exceptions: list[str] = []
    nameless: list[str] = []
    notes: Counter[str] = Counter()
    verdicts: dict[str, Counter[str]] = defaultdict(Counter)
    valid_rejected: list[str] = []
    for case in plans:
        total["plans"] += 1
        total["steps"] += len(case.calls)
        try:
            if case.toolbox not in worlds:
                # One at a time: cases with the same tools come together.
                worlds = {case.toolbox: _founded(case)}
            findings = judged(case, *worlds[case.toolbox])
        except Exception as error:  # what must not happen is counted, and told
            exceptions.append(f"{case.id}: {type(error).__name__}")
            continue
        ours = {classed(found) for found in findings}
        total["rejected"] += bool(findings)
        total["findings"] += len(findings)
        nameless += [f"{case.id}: {found}" for found in findings if not names_its_place(found)]
        notes.update(case.notes)
        if case.verdict is not None:
            verdicts[case.verdict or "valid"].update(n=1, rejected=int(bool(findings)))
            if findings and not case.verdict:
                valid_rejected.append(case.id)
        for name in ours | case.scanned:
            sides = [
                side for side, has in (("ours", ours), ("independent", case.scanned)) if name in has
            ]
            counts[name].update(sides)
            where = "both" if len(sides) == 2 else f"only_{sides[0]}"
            counts[name][where] += 1
            if where != "both":
                examples[name][where].append(case.id)
    return {
        **{name: total[name] for name in ("plans", "steps", "rejected", "findings")},
        "classes": {
            name: {
                **{
                    side: counts[name][side]
                    for side in ("independent", "ours", "both", "only_ours", "only_independent")
                },
                **{side: ids[:EXAMPLES] for side, ids in _told(examples[name])},
            }
            for name in (*CLASSES, *sorted(counts.keys() - {*CLASSES}))
        },
        "exceptions": len(exceptions),
        "exception_examples": exceptions[:EXAMPLES],
        "findings_that_name_step_and_field": total["findings"] - len(nameless),
        "nameless_examples": nameless[:EXAMPLES],
        **({"notes": dict(notes)} if notes else {}),
        **(_against(verdicts, valid_rejected) if verdicts else {}),
    }


def _against(verdicts: dict[str, Counter[str]], valid_rejected: list[str]) -> Json:
    """What we reject of what the data's own judge found right, and of each kind of wrong."""
    valid = verdicts["valid"]
    return {
        "verdicts": {name: dict(found) for name, found in sorted(verdicts.items())},
        "valid_rejected_percent": round(100 * valid["rejected"] / max(valid["n"], 1), 3),
        "valid_rejected_examples": valid_rejected[:EXAMPLES],
    }


def _told(examples: dict[str, list[str]]) -> Iterator[tuple[str, list[str]]]:
    for side, ids in sorted(examples.items()):
        yield f"{side}_examples", ids


def _founded(case: Case) -> tuple[World, Names]:
    names = Names()
    return world(case, names), names


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Compares the checker with a scan of real plans.")
    parser.add_argument("kind", choices=sorted(KINDS))
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--limit", type=count, default=None, help="look at the first N plans only")
    given = parser.parse_args(arguments)
    began = time.process_time()
    try:
        found = compared(islice(cases(KINDS[given.kind], given.kind, given.files), given.limit))
    except UnusableError as error:
        sys.stderr.write(f"{error}\n")
        return USAGE
    line: dict[str, Any] = {"benchmark": "real_plans", "kind": given.kind, **found}
    line["cpu_seconds"] = round(time.process_time() - began, 1)
    print(json.dumps(line))
    return 1 if found["exceptions"] else 0


if __name__ == "__main__":
    sys.exit(main())
