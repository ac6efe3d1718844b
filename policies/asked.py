"""What policy says of each step of a plan.

Steps that call one tool with the same arguments, from the same sources, are one question to policy
unless some rule looks at what a step is called. It is put once, and each has a decision of its own.
"""

from collections.abc import Iterable, Iterator

from lockstep.decision import Decision
from lockstep.plan import Step
from lockstep.provenance import Provenance
from policies.request import Foreseen, planned
from policies.world import World


def decided(
    steps: Iterable[tuple[Step, Foreseen, Provenance]], world: World, started_by: str
) -> Iterator[Decision]:
    """The decisions, in the order of the steps. Whoever has foreseen two calls to be the same gives
    the same `Foreseen` for both.
    """
    # With what it was made of, whose identity is then not given to another.
    known: dict[tuple[str, int, Provenance], tuple[Foreseen, Decision]] = {}
    for step, seen, provenance in steps:
        key = (step.tool, id(seen), provenance)
        if key in known and not world.decider.names_steps:
            yield known[key][1].model_copy(update={"step": step.id})
            continue
        made = world.decider.decide(planned(step, world, started_by, provenance, seen))
        known[key] = (seen, made)
        yield made
