"""What is known of a step's call before it is made."""

from dataclasses import dataclass

from pydantic import JsonValue

from lockstep.defaults import defaulted
from lockstep.plan import Step
from lockstep.reference import Reference, references
from lockstep.resource import Touched, touched
from lockstep.tool import ToolSpec
from policies.known import blanked, literal


@dataclass(frozen=True)
class Foreseen:
    """A step's arguments as far as the plan fixes them, defaults included; pointers to the rest;
    and the resources that the plan names in so many words.
    """

    args: dict[str, JsonValue]
    unknown: tuple[str, ...]
    touched: tuple[Touched, ...]
    named: tuple[Touched, ...]


def foreseen(step: Step, spec: ToolSpec) -> Foreseen:
    """What the plan and the tool's schema say of it, and nothing else."""
    given = dict(step.args)
    found = list(references(given)) if "$" in step.spelled else []
    places = tuple(at for at, one in found if isinstance(one, Reference))
    args, unknown = defaulted(spec.input, literal(given) if found else given, places)
    certain = touched(spec.input, args)
    if not found:
        return Foreseen(args, unknown, certain, certain)
    # Names that stand beside a reference in one list, too.
    beside = touched(spec.input, blanked(given))
    return Foreseen(args, unknown, certain, tuple(dict.fromkeys((*certain, *beside))))
