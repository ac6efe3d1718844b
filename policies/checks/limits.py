"""Does a run of this plan keep within its environment's limits, and its history within a server's?

What is counted is the worst that the plan leaves open; `bounds` says what that is.
"""

from collections.abc import Iterator, Sequence

from lockstep.action import Recoveries
from lockstep.amount import Amount
from lockstep.bounds import Bounds
from lockstep.finding import Finding
from lockstep.plan import Step
from policies.checks.bounds import MAX_BYTES, MAX_COMMANDS, MAX_EVENTS, at_once
from policies.world import World


def check_limits(
    steps: Sequence[Step], known: Recoveries, world: World, most: Amount
) -> Iterator[Finding]:
    """Where the plan may be more than its environment allows a run."""
    limits = world.environment.limits
    if len(steps) > limits.steps:
        yield too_long(len(steps), limits.steps, f"`{world.environment.name}` allows")
    together = at_once(steps, known, limits.parallel)
    if together > MAX_COMMANDS:
        yield of_plan(
            "LS-PLAN-012",
            f"up to {together:,} bytes would be dispatched at once, more than {MAX_COMMANDS:,}",
            "lower `limits.parallel` in the manifest, or let a step gather what many steps need",
        )
    for part in most.over(limits.amount):
        yield of_plan(
            "LS-PLAN-012",
            f"may spend {getattr(most, part):,} {part}, and `{world.environment.name}` allows "
            f"{getattr(limits.amount, part):,} a run",
            f"lower `attempts`, take out steps, or raise `limits.{part}` in the manifest",
        )


def check_history(reach: Bounds) -> Iterator[Finding]:
    """Where a run would write a history that the server ends it for."""
    for found, most, what in (
        (reach.events, MAX_EVENTS, "events"),
        (reach.bytes, MAX_BYTES, "bytes"),
    ):
        if found > most:
            yield of_plan(
                "LS-PLAN-012",
                f"a run may write a history of about {found:,} {what}, and {most:,} are safe",
                "lower `max` of its loops, or split the plan",
            )


def too_long(steps: int, most: int, allowed: str) -> Finding:
    problem = f"{steps:,} steps, and {allowed} {most:,}"
    return of_plan("LS-PLAN-012", problem, "split the plan")


def of_plan(code: str, problem: str, fix: str) -> Finding:
    return Finding(code=code, place="plan", problem=problem, fix=fix)
