"""What policy says of each step of a plan.

Steps that call one tool with the same arguments, from the same sources, are one question to policy
unless some rule looks at what a step is called. It is put once, and each has a decision of its own.
"""

from collections.abc import Iterable, Iterator
from functools import partial

from lockstep.decision import Decision
from lockstep.plan import Step
from lockstep.provenance import Provenance
from policies.foreseen import Foreseen
from policies.request import planned
from policies.world import World


def decided(
    steps: Iterable[tuple[Step, Foreseen, Provenance]], world: World, started_by: str
) -> Iterator[Decision]:
    """The decisions, in the order of the steps. Whoever has found two calls to be the same gives
    the very same `Foreseen` and `Provenance` for both.
    """
    # With what it was made of, whose identity is then not given to another.
    known: dict[tuple[str, int, int], tuple[Foreseen, Provenance, Decision]] = {}
    alike = not world.decider.names_steps
    for step, seen, provenance in steps:
        key = (step.tool, id(seen), id(provenance))
        same = known.get(key) if alike else None
        if same is not None:
            yield same[2].model_copy(update={"step": step.id})
            continue
        ask = partial(_asked, step, world, started_by, provenance, seen)
        made = world.familiar.decision(step, provenance, started_by, ask) if alike else ask()
        known[key] = (seen, provenance, made)
        yield made


def _asked(
    step: Step, world: World, started_by: str, provenance: Provenance, seen: Foreseen
) -> Decision:
    return world.decider.decide(planned(step, world, started_by, provenance, seen))
