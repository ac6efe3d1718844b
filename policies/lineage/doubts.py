"""Why a call was held back, where that is because of where its arguments come from.

A rule says that a recipient may not be a stranger's word. What the author of the plan wants to know
is whose word it is: which step brought it, from which tool's field, and what made that untrusted.
"""

from collections.abc import Iterable, Iterator
from itertools import islice

from lockstep.checked import Doubt
from lockstep.decision import Decision, Outcome
from lockstep.reference import path_parts
from policies.lineage.origin import Origin
from policies.lineage.provenance import Lineage

_ENOUGH = 4
"""Of one call; more of them are mostly the same again."""


MAX_STEPS = 50
"""Of one plan; what holds back so many is mostly one rule."""


def doubts(decisions: Iterable[Decision], lineage: Lineage) -> tuple[Doubt, ...]:
    """What the deciding rules found of the calls' provenance; nothing where they did not look."""
    held = (one for one in decisions if one.outcome in (Outcome.DENY, Outcome.REQUIRE_APPROVAL))
    found = (list(_of(decision, lineage)) for decision in held)
    return tuple(doubt for some in islice(filter(None, found), MAX_STEPS) for doubt in some)


def _of(decision: Decision, lineage: Lineage) -> Iterator[Doubt]:
    deciding = decision.missing or decision.rules
    read = {fact for rule in deciding for fact in rule.reads}
    for says in islice(_said(decision, read, lineage), _ENOUGH):
        yield Doubt(step=decision.step, says=says)


def _said(decision: Decision, read: set[str], lineage: Lineage) -> Iterator[str]:
    known = decision.provenance
    for at in known.untrusted:
        if "flow.untrusted" in read or f"trusted.{path_parts(at)[0]}" in read:
            yield f"`{at[1:]}` {_told(lineage.witness(decision.step, at))}"
    if known.steered and "flow.steered" in read:
        yield "whether or how often it is done is decided by what is untrusted"
    if known.sensitive and "flow.sensitive" in read:
        yield "something private flows into it, decides over it, or is what it gives"
    if known.sources and "flow.sources" in read:
        yield f"it is made of what {', '.join(f'`{name}`' for name in known.sources)} gave"


def _told(walk: tuple[Origin, ...]) -> str:
    first, last = walk[0], walk[-1]
    end = "by a model that reads what is untrusted" if last.source == "literal" else ""
    if first is last:
        return f"{first} {end}" if end else f"{first}, which is untrusted"
    if end:
        return f"{first}, and what that is made of {last} {end}"
    return f"{first}, and so {str(last).removeprefix('comes ')}, which is untrusted"
