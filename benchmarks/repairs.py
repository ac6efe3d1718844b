"""Is the text of the findings enough to repair a plan?

    repairs.py FILE…              recorded plans of TaskBench, with the file of their tools

Twenty of the plans that the checker rejects, drawn by a fixed seed, are repaired by a hand that
knows nothing but the plan and the lines of findings that a re-plan's prompt shows: no schema, no
catalogue, no code. It does what each line says would help, and the plan is checked again, until
nothing is found or it no longer knows what to do. A person does the same with judgement; what is
repaired here is right by the check, not by what the plan was for.

With `--show` the findings and each repair are printed as they are made.
"""

import argparse
import copy
import json
import random
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from activities.contract.planner import Rejected
from activities.models.prompt import Prompting
from benchmarks.real_plans import world
from benchmarks.recorded import taskbench
from benchmarks.recorded.case import Case, Json, Names, document
from benchmarks.recorded.given import USAGE, UnusableError, cases
from lockstep.errors import LockstepError
from lockstep.finding import Finding
from lockstep.loading import shaped
from lockstep.plan import Plan
from policies.check import check
from policies.world import World

SEED = 20
SAMPLED = 20
ROUNDS = 8
"""A repair may show what could not be seen before: of a tool that was not there, its arguments."""

_STEP = re.compile(r"step `([^`]+)`(?: (/\S*))?: ")
_QUOTED = re.compile(r"`([^`]*)`")
_OF_TYPE: Json = {"string": "…", "integer": 1, "number": 1.5, "boolean": True, "array": []}


@dataclass
class Repaired:
    """One plan's way: what was found in each round, and what was done about it."""

    id: str
    rounds: list[list[str]] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    passes: bool = False


def told(found: tuple[Finding, ...], here: World) -> list[str]:
    """The findings exactly as the prompt of a re-plan has them, a line each."""
    prompt = Prompting(here).about("g", Rejected(text="{}", findings=found)).turns[-1].text
    return [json.loads(line) for line in prompt.splitlines() if line.startswith('"')]


def judged(plan: Json, here: World) -> tuple[Finding, ...]:
    try:
        return check(shaped(Plan, plan, "plan"), here, "bench").errors
    except LockstepError as error:
        return error.findings


def repaired(case: Case, here: World, names: Names) -> Repaired:
    made = Repaired(case.id)
    plan = copy.deepcopy(document(case, names))
    for _ in range(ROUNDS):
        found = judged(plan, here)
        if not found:
            made.passes = True
            break
        lines = told(found, here)
        made.rounds.append(lines)
        done = [what for line in lines for what in repair(plan, line)]
        made.done += done
        if not done:
            break
    return made


def repair(plan: Json, line: str) -> Iterator[str]:
    """Does to the plan what one line says would help; yields in words what was done."""
    code, _, rest = line.partition(" ")
    match = _STEP.match(rest)
    if match is None:
        return
    id, at = match[1], (match[2] or "").split("/")[1:]
    step = next(one for one in plan["steps"] if one["id"] == id)
    problem, _, fix = rest[match.end() :].rpartition("; ")
    named = _QUOTED.findall(fix)
    match code:
        case "LS-PLAN-004":
            if named:
                step["tool"] = named[0]
                yield f"{id}: calls {named[0]}"
        case "LS-PLAN-006":
            name, *wanted = named
            _put(step["args"], [*at, name], _value(wanted[0] if wanted else "string"))
            yield f"{id}: gives {name}"
        case "LS-PLAN-007":
            extra = _QUOTED.findall(problem)[0]
            given = _take(step["args"], [*at, extra])
            if named:
                _put(step["args"], [*at, named[0]], given)
            yield f"{id}: {f'calls {extra} {named[0]}' if named else f'drops {extra}'}"
        case "LS-PLAN-003" | "LS-PLAN-005":
            if at:
                _take(step["args"], at)
            else:
                step["after"] = [
                    one for one in step["after"] if one not in _QUOTED.findall(problem)
                ]
            yield f"{id}: no longer needs what {'/'.join(at) or 'after'} names"
        case "LS-PLAN-009":
            there = _QUOTED.findall(problem.partition("(it has ")[2])
            path = f"/{(named or there)[0]}" if named or there else ""
            _put(step["args"], [*at, "path"], path)
            yield f"{id}: takes {path or 'the whole output'}"
        case "LS-PLAN-008" | "LS-PLAN-010":
            type_ = re.search(r"wanted `([^`]+)`|where `([^`]+)` is wanted", problem)
            choices = _QUOTED.findall(problem.partition("is not one of ")[2])
            if fix.startswith("write `"):
                choices = named
            said = (type_[1] or type_[2]) if type_ else ""
            _put(step["args"], at, _value(choices[0] if choices else said))
            yield f"{id}: writes down {'/'.join(at)}"
        case _:
            return


def _value(said: str) -> Any:
    """A value of a type, or the very value that a finding says."""
    if said == "object":
        return {}
    if said in _OF_TYPE:
        return _OF_TYPE[said]
    try:
        return json.loads(said)
    except ValueError:
        return said


def _put(args: Any, at: list[str], value: Any) -> None:
    for part in at[:-1]:
        args = args[int(part)] if isinstance(args, list) else args.setdefault(part, {})
    if isinstance(args, list):
        args[int(at[-1])] = value
    else:
        args[at[-1]] = value


def _take(args: Any, at: list[str]) -> Any:
    """What stood there, which is gone then; None where another repair was quicker."""
    for part in at[:-1]:
        args = args[int(part)] if isinstance(args, list) else args.get(part, {})
    return args.pop(at[-1], None) if isinstance(args, dict) else args.pop(int(at[-1]))


def sampled(files: list[Path]) -> Iterator[tuple[Case, World, Names]]:
    plans = list(cases(taskbench.read, "taskbench", files))
    names = Names()
    here = world(plans[0], names)
    rejected = [case for case in plans if judged(document(case, names), here)]
    if not rejected:
        raise UnusableError(f"none of the {len(plans):,} plans is rejected: nothing to repair")
    # The same ones each time.
    for case in random.Random(SEED).sample(rejected, min(SAMPLED, len(rejected))):
        yield case, here, names


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Repairs rejected plans by their findings alone.")
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--show", action="store_true", help="print each finding and each repair")
    given = parser.parse_args(arguments)
    try:
        made = [repaired(*one) for one in sampled(given.files)]
    except UnusableError as error:
        sys.stderr.write(f"{error}\n")
        return USAGE
    for one in made if given.show else ():
        print(one.id)
        for number, lines in enumerate(one.rounds, 1):
            print("".join(f"  {number}  {line}\n" for line in lines), end="")
        print("".join(f"  -> {what}\n" for what in one.done), end="")
        print(f"  {'passes' if one.passes else 'STILL REJECTED'}")
    rows = [
        {
            "plan": one.id,
            "codes": sorted({line.partition(" ")[0] for lines in one.rounds for line in lines}),
            "findings": sum(map(len, one.rounds)),
            "rounds": len(one.rounds),
            "passes": one.passes,
        }
        for one in made
    ]
    passing = sum(one.passes for one in made)
    print(json.dumps({"benchmark": "repairs", "seed": SEED, "passing": passing, "rows": rows}))
    return 0 if passing == len(made) else 1


if __name__ == "__main__":
    sys.exit(main())
