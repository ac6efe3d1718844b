"""Can this loop go round: is there a list, and what is one item of it?"""

from collections.abc import Iterator

from lockstep.finding import Finding
from lockstep.plan import Step
from lockstep.reference import Malformed, as_reference
from lockstep.schema import followed, options, types
from policies.checks.arguments import Reached, Sources, reach
from policies.checks.misfit import Place

_CODE = "LS-PLAN-017"
_ANYTHING = Reached({}, ({},))


def check_loop(step: Step, sources: Sources) -> Iterator[Finding]:
    """Everything that is wrong with the list that a step goes through."""
    found = _list(step, sources)
    if isinstance(found, Finding):
        yield found
    for error, fallback in step.on_error.items() if step.for_each else ():
        if fallback.step is not None:
            yield Finding(
                code="LS-PLAN-016",
                place=f"step `{step.id}` /on_error/{error}",
                problem="a step stands in once, and a loop may need it for each item",
                fix="give an `output` for the item, or `skip` the step",
            )


def item_of(step: Step, sources: Sources) -> Reached | None:
    """What one item may be; None outside a loop, anything where its list is not known."""
    found = _list(step, sources)
    return _ANYTHING if isinstance(found, Finding) else found


def _list(step: Step, sources: Sources) -> Reached | Finding | None:
    if step.for_each is None:
        return None
    place, at = Place(f"step `{step.id}`", {}), ("for_each", "in")
    try:
        reference = as_reference(step.for_each.in_)
    except Malformed as malformed:
        return place.finding("LS-PLAN-011", at, str(malformed), "correct the reference")
    if reference is None:
        return place.finding(_CODE, at, "is no reference", "refer to a list of a step or an input")
    reached = reach(reference, sources, place, at)
    if reached is None or isinstance(reached, Finding):
        return reached or _ANYTHING
    root = reached.root
    branches = [one for schema in reached.schemas for one in options(root, schema)]
    lists = [one for one in branches if "array" in types(one) or not types(one)]
    if not lists:
        kinds = " or ".join(f"`{name}`" for name in sorted({n for b in branches for n in types(b)}))
        problem = f"`{reference}` brings {kinds} where a list is wanted"
        return place.finding(_CODE, at, problem, "refer to a list")
    return Reached(root, tuple(followed(root, one.get("items", {})) for one in lists))
