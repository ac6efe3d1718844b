"""A plan's broken ordering rules, mended by the edges that the rules themselves propose.

Only what leaves no choice is done: an edge that is the only one that would mend its place, and
edges that together still leave a graph that ends. Of two that exclude one another neither is drawn,
because which of them was meant is not ours to say.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from lockstep.checked import Checked
from lockstep.fallback import waits
from lockstep.finding import Edge, Finding
from lockstep.graph import cycle
from lockstep.plan import Plan, Steps
from policies.check import check
from policies.checks.structure import structure
from policies.world import World

_ROUNDS = 50
"""An edge may bring a step under another rule; more often than this it is no mending."""


@dataclass(frozen=True)
class Mended:
    """The plan with `edges` drawn, and the verdict on it; `undecided` are the findings that more
    than one edge, or none without a cycle, would mend.
    """

    plan: Plan
    edges: tuple[Edge, ...]
    checked: Checked
    undecided: tuple[Finding, ...]


def mend(plan: Plan, world: World, by: str) -> Mended:
    """Never a plan that has more wrong with it than the given one had, but for what an edge brings
    to light.
    """
    drawn: list[Edge] = []
    refused: set[Edge] = set()
    checked = check(plan, world, by)
    for _ in range(_ROUNDS):
        proposed = {found.edges[0] for found in checked.findings if len(found.edges) == 1}
        fresh = _acyclic(plan, sorted(proposed - refused, key=_named))
        refused |= proposed - {*fresh}
        if not fresh:
            break
        candidate = with_edges(plan, fresh)
        if any(True for _ in structure(candidate.steps)):
            break
        plan, drawn = candidate, [*drawn, *fresh]
        checked = check(plan, world, by)
    undecided = tuple(found for found in checked.findings if found.edges)
    return Mended(plan, tuple(drawn), checked, undecided)


def with_edges(plan: Plan, edges: Iterable[Edge]) -> Plan:
    """The plan with more of `after`."""
    more: dict[str, list[str]] = {}
    for edge in edges:
        more.setdefault(edge.step, []).append(edge.after)
    return plan.model_copy(
        update={
            "steps": Steps(
                step.model_copy(update={"after": (*step.after, *more.get(step.id, ()))})
                for step in plan.steps
            )
        }
    )


def _acyclic(plan: Plan, edges: list[Edge]) -> list[Edge]:
    """Those that can be drawn together: of every circle that they close, none of them."""
    while edges:
        circle = cycle(waits(with_edges(plan, edges).steps))
        if circle is None:
            return edges
        around = set(pairwise(circle))
        kept = [edge for edge in edges if (edge.step, edge.after) not in around]
        if len(kept) == len(edges):
            # It goes round without any of them: nothing here can be mended by an edge.
            return []
        edges = kept
    return edges


def _named(edge: Edge) -> tuple[str, str]:
    return edge.step, edge.after
