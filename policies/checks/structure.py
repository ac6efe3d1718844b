"""Is this a graph at all: are its steps told apart, do they name what exists, does it end?

The same is asked of a plan that is proposed and of a lock that somebody wants to run: a digest says
that a lock is whole, not that it can be gone through.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from lockstep.fallback import Provided, owners, stand_ins, waits
from lockstep.finding import Finding
from lockstep.graph import cycle
from lockstep.reference import Reference, references
from policies.checks.misfit import nearest


def structure(steps: Sequence[Provided]) -> Iterator[Finding]:
    """Everything that keeps the steps from being a graph that can be gone through, and that rules
    could speak about.
    """
    if not steps:
        yield _of_plan("LS-PLAN-001", "there are no steps", "add one")
        return
    seen = {step.id for step in steps}
    if len(seen) < len(steps):
        yield from _doubled(steps)
    whose = owners(steps)
    for step in steps:
        if not (step.needs or step.draws or step.on_error):
            continue
        owner = whose.get(step.id)
        if owner in step.draws:
            yield _of_step(
                step,
                f"draws from `{owner}`, for which it stands in and which then has no output",
                "draw from something else",
            )
        for need in sorted({*step.needs} - {owner}):
            if need not in seen:
                yield _unknown(step, f"needs step `{need}`", need, seen)
            elif need in whose and need != step.id:
                yield _of_step(
                    step,
                    f"needs step `{need}`, which only stands in for `{whose[need]}`",
                    f"need `{whose[need]}`: it gives what its stand-in gave",
                )
        for name in stand_ins(step):
            if name not in seen:
                yield _unknown(step, f"falls back on step `{name}`", name, seen)
            elif whose[name] != step.id:
                yield _of_step(
                    step,
                    f"falls back on step `{name}`, which stands in for `{whose[name]}`",
                    "give each its own",
                )
    needs = waits(steps)
    for step in steps:
        if step.id in needs[step.id]:
            yield Finding(
                code="LS-PLAN-003",
                place=_place(step, step.id),
                problem=f"`{step.id}` needs `{step.id}`: a cycle never ends",
                fix="remove one of the edges",
            )
    circle = cycle(
        {
            id: [one for one in found if one in seen and one != id] if found else found
            for id, found in needs.items()
        }
    )
    if circle:
        walk = " needs ".join(f"`{step}`" for step in circle)
        known = {step.id: step for step in steps}
        edges = [(known[late], early) for late, early in pairwise(circle)]
        # Where it was made with a reference it can be mended there.
        places = [_place(late, early) for late, early in edges if _refers(late, early)]
        yield Finding(
            code="LS-PLAN-003",
            place=next(iter(places), f"step `{circle[0]}`"),
            problem=f"{walk}: a cycle never ends",
            fix="remove one of the edges",
        )


def _doubled(steps: Sequence[Provided]) -> Iterator[Finding]:
    """Steps that are called as one before them is."""
    seen: set[str] = set()
    for step in steps:
        if step.id in seen:
            yield _of_plan("LS-PLAN-002", f"two steps are called `{step.id}`", "rename one")
        seen.add(step.id)


def _place(step: Provided, need: str) -> str:
    """The step, and the first of its arguments that refers to what it needs."""
    at = _refers(step, need)
    return f"step `{step.id}` {at}" if at else f"step `{step.id}`"


def _refers(step: Provided, need: str) -> str:
    return next(
        (
            at
            for at, found in references(dict(step.args))
            if isinstance(found, Reference) and found.step == need
        ),
        "",
    )


def _unknown(step: Provided, problem: str, name: str, seen: set[str]) -> Finding:
    close = nearest(name, seen)
    if close == step.id:
        close = nearest(name, seen - {step.id})
    return Finding(
        code="LS-PLAN-005",
        place=_place(step, name),
        problem=f"{problem}, which the plan does not have",
        fix=f"did you mean `{close}`?" if close is not None else "name a step of this plan",
    )


def _of_step(step: Provided, problem: str, fix: str) -> Finding:
    return Finding(code="LS-PLAN-016", place=f"step `{step.id}`", problem=problem, fix=fix)


def _of_plan(code: str, problem: str, fix: str) -> Finding:
    return Finding(code=code, place="plan", problem=problem, fix=fix)
