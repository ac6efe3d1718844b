"""What a plan means, apart from how it happens to be written down.

Two proposals mean the same if one becomes the other by giving its steps other ids, standing them
in another order, giving other reasons, or naming in `after` a step whose output is drawn anyway.
Tools, arguments, edges, guards, loops, fallbacks and times are the meaning.

Steps are told apart by colour refinement: the colour of a step is what it does, then also the
colours of all that it is joined to, until nothing new is told apart. That takes no search, and
finds all but what is built to escape it: of plans in which many equal steps are joined as regularly
as in a ring, two that differ may count as one.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from pydantic import JsonValue

from lockstep.canonical import Digest, canonical, digest, digest_bytes
from lockstep.plan import Plan, Step

_SAYS_NOTHING = {"id", "reason", "after"}
"""Of a step; its silent edges are told beside it."""
_EMPTY: tuple[JsonValue, ...] = (None, {}, [])


def meaning(plan: Plan) -> Digest:
    """One for all plans that mean the same."""
    return digest({"steps": sorted(_colours(_joined(plan)))})


def normal(plan: Plan) -> dict[str, JsonValue]:
    """The plan with ids that say what a step does (`Fetch`, `Fetch-2`), by id: to hold one plan
    against another.
    """
    nodes = _joined(plan)
    names = _names(nodes, _colours(nodes))
    ids = {node.step.id: name for node, name in zip(nodes, names, strict=True)}
    steps: dict[str, JsonValue] = {}
    for node, name in sorted(zip(nodes, names, strict=True), key=lambda pair: pair[1]):
        needs = {names[position] for _, position in node.links}
        steps[name] = {**node.renamed(lambda id: ids.get(id, id)), "needs": [*sorted(needs)]}
    return {"steps": steps}


@dataclass(frozen=True)
class _Node:
    """A step, and where in it which others are named: by their positions in the plan."""

    step: Step
    links: tuple[tuple[str, int], ...]

    def renamed(self, name: Callable[[str], str]) -> dict[str, JsonValue]:
        """What the step is, with other ids in its references."""
        said = self.step.model_dump(mode="json", exclude=_SAYS_NOTHING)
        return {
            field: _fallen_back(value, name) if field == "on_error" else _renamed(value, name)
            for field, value in said.items()
            if field == "args" or value not in _EMPTY
        }


def _joined(plan: Plan) -> list[_Node]:
    """Every step with its links. Ids that stand twice, or nowhere, are for the check to find: a
    link leads to all that have the id, and one that leads nowhere stays a text.
    """
    where: dict[str, list[int]] = defaultdict(list)
    for position, step in enumerate(plan.steps):
        where[step.id].append(position)
    return [
        _Node(step, tuple((at, one) for at, id in _named(step) for one in where.get(id, ())))
        for step in plan.steps
    ]


def _named(step: Step) -> Iterator[tuple[str, str]]:
    """Each id that a step names, with the place where it does."""
    said = step.model_dump(mode="json", exclude=_SAYS_NOTHING)
    found: list[tuple[str, str]] = []
    for field, value in said.items():
        if field == "on_error":
            for error, fallback in value.items():
                if fallback.get("step") is not None:
                    found.append((f"/on_error/{error}", fallback["step"]))
        else:
            found += _sources(value, f"/{field}")
    yield from found
    drawn = {id for _, id in found}
    for id in step.after:
        if id not in drawn:
            yield "after", id


def _sources(value: JsonValue, at: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        target = value.get("$from")
        if isinstance(target, str):
            yield at, target
        for key, child in value.items():
            yield from _sources(child, f"{at}/{key}")
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from _sources(child, f"{at}/{index}")


def _renamed(value: JsonValue, name: Callable[[str], str]) -> JsonValue:
    if isinstance(value, dict):
        return {
            key: name(child) if key == "$from" and isinstance(child, str) else _renamed(child, name)
            for key, child in value.items()
        }
    if isinstance(value, list):
        return [_renamed(child, name) for child in value]
    return value


def _fallen_back(value: JsonValue, name: Callable[[str], str]) -> JsonValue:
    """Fallbacks: a step by its id, or an output, which is a literal and never a reference."""
    assert isinstance(value, dict)
    return {
        error: {"step": name(str(given["step"]))}
        if isinstance(given, dict) and given.get("step") is not None
        else given
        for error, given in value.items()
    }


def _colours(nodes: Sequence[_Node]) -> list[Digest]:
    """The finest that can be told of each step from what it does and what it is joined to."""
    known = {node.step.id for node in nodes}
    colours = [digest(node.renamed(lambda id: "" if id in known else id)) for node in nodes]
    users: list[list[tuple[str, int]]] = [[] for _ in nodes]
    for position, node in enumerate(nodes):
        for at, target in node.links:
            users[target].append((at, position))
    for layer in _layers(nodes):
        # Along the edges in one go: in a chain of equal steps each round would tell one more apart.
        for position, finer in [(one, _finer(colours, one, nodes[one].links)) for one in layer]:
            colours[position] = finer
    while True:
        told = [
            _finer(colours, position, node.links, users[position])
            for position, node in enumerate(nodes)
        ]
        # The last round stays in: it says how the colours are joined.
        if len({*told}) == len({*colours}):
            return told
        colours = told


def _finer(colours: Sequence[Digest], position: int, *joined: Sequence[tuple[str, int]]) -> Digest:
    """The colour of a step and of those it is joined to, as one. A place has no tabs and no line
    breaks as JSON, so nothing in it can look like another.
    """
    lines: list[str] = [colours[position]]
    for links in joined:
        lines.append("-")
        lines += sorted(f"{json.dumps(at)}\t{colours[other]}" for at, other in links)
    return digest_bytes("\n".join(lines).encode())


def _names(nodes: Sequence[_Node], colours: Sequence[Digest]) -> list[str]:
    """A name for each step. Of one tool the first is who comes first in the graph; of those, who
    differs least in words; equal ones are told apart by whom they draw from.
    """
    names: dict[int, str] = {}
    counted: Counter[str] = Counter()
    tools = {node.step.id: node.step.name for node in nodes}
    words = [canonical(node.renamed(lambda id: tools.get(id, id))) for node in nodes]
    for layer in _layers(nodes):

        def rank(position: int) -> tuple[str, bytes, Digest, list[str]]:
            drawn = sorted(names.get(target, "") for _, target in nodes[position].links)
            return nodes[position].step.name, words[position], colours[position], drawn

        for position in sorted(layer, key=rank):
            tool = nodes[position].step.name
            counted[tool] += 1
            names[position] = tool if counted[tool] == 1 else f"{tool}-{counted[tool]}"
    return [names[position] for position in range(len(nodes))]


def _layers(nodes: Sequence[_Node]) -> Iterator[Sequence[int]]:
    """The steps in the order of the graph, together what may start together; all at once where it
    has a cycle.
    """
    sorter = TopologicalSorter(
        {position: [one for _, one in node.links] for position, node in enumerate(nodes)}
    )
    try:
        sorter.prepare()
    except CycleError:
        yield range(len(nodes))
        return
    while sorter.is_active():
        ready = sorter.get_ready()
        yield ready
        sorter.done(*ready)
