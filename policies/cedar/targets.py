"""Which resources a call can name: what is known of its targets before its arguments are.

`lockstep.resource.touched` finds the targets that real arguments name. Here the same marks are
read from the schema alone. A mark that `touched` could not follow would let a call slip past the
policies about what it touches, so a tool that has one is refused.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from lockstep.finding import Finding
from lockstep.part import Part
from lockstep.resource import KEYWORD
from lockstep.schema import Schema, followed, same_value, types
from lockstep.tool import ToolSpec

_NOT_FOLLOWED = (
    "patternProperties",
    "if",
    "then",
    "else",
    "not",
    "contains",
    "dependentSchemas",
    "unevaluatedItems",
    "unevaluatedProperties",
)


def kinds(root: Schema, schema: Any = None) -> frozenset[str]:
    """Every kind that a schema, or a part of one, marks; too many rather than too few."""
    start = root if schema is None else schema
    return frozenset(
        node[KEYWORD] for node in _nodes(root, start) if isinstance(node.get(KEYWORD), str)
    )


def may_name(root: Schema, at: str) -> bool:
    """Whether an argument that stands at a pointer can name a resource, for some value of it."""
    return _may_name(Part(root, root), at)


@lru_cache(maxsize=1024)
def _may_name(part: Part, at: str) -> bool:
    return bool(kinds_at(part.root, at))


def kinds_at(root: Schema, at: str) -> frozenset[str]:
    """The kinds of resources that an argument at a pointer can name, for some value of it."""
    here = list(same_value(root, root))
    named: frozenset[str] = frozenset()
    for part in at.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        # An unknown value under a known key: the key itself may be the name.
        named = named.union(*(kinds(root, found.get("propertyNames", {})) for found in here))
        here = [
            found
            for given in here
            for inner in _children(given, key)
            for found in same_value(root, inner)
        ]
    return named.union(*(kinds(root, found) for found in here))


def unreachable(spec: ToolSpec) -> Iterator[Finding]:
    """Marks that stand where the targets of a call are not looked for."""
    if not kinds(spec.input):
        return
    hidden = set()
    for node in _nodes(spec.input, spec.input):
        hidden |= {word for word in _NOT_FOLLOWED if kinds(spec.input, node.get(word, {}))}
        target = node.get("$ref", "#")
        if "$dynamicRef" in node or (isinstance(target, str) and not f"{target}/".startswith("#/")):
            hidden.add("$ref")
    for keyword in sorted(hidden):
        yield Finding(
            code="LS-POLICY-001",
            place=f"tool `{spec.name}`",
            problem=f"its input may mark a resource under `{keyword}`, where none is looked for",
            fix="mark it on a property, on the items of a list or on the values of a map",
        )
    for kind in sorted(_no_text(spec.input)):
        yield Finding(
            code="LS-POLICY-001",
            place=f"tool `{spec.name}`",
            problem=f"its input marks what may be no string as the name of a `{kind}`",
            fix="mark a string; of a list its items: `list[Annotated[str, Resource(…)]]`",
        )


def _no_text(root: Schema) -> set[str]:
    """The kinds whose marks stand on what may be a number, a list or an object: only a string is a
    name, and of everything else nobody would ask whether it exists.
    """
    nodes = list(_nodes(root, root))
    names = {id(node.get("propertyNames")) for node in nodes}
    return {
        node[KEYWORD]
        for node in nodes
        if isinstance(node.get(KEYWORD), str)
        and id(node) not in names
        and not _is_text(root, node, _DEEP)
    }


_DEEP = 16
"""Unions within unions; what is deeper could not be followed by whoever reads it either."""


def _is_text(root: Schema, schema: Any, deep: int) -> bool:
    """Whether every value that a schema admits is a string, or nothing."""
    here = followed(root, schema)
    said = types(here)
    if said:
        return said <= {"string", "null"}
    either, all_ = here.get("anyOf") or here.get("oneOf"), here.get("allOf")
    if deep and isinstance(either, list):
        return all(_is_text(root, one, deep - 1) for one in either)
    if deep and isinstance(all_, list):
        return any(_is_text(root, one, deep - 1) for one in all_)
    return False


def _children(given: dict[str, Any], key: str) -> Iterator[Any]:
    properties = given.get("properties", {})
    yield properties.get(key, given.get("additionalProperties"))
    if key.isdecimal():
        # Where a list has unknown elements its indexes prove nothing.
        yield given.get("items")
        yield from given.get("prefixItems", ())


def _nodes(root: Schema, start: Any) -> Iterator[dict[str, Any]]:
    """Every object below, and behind the `$ref`s below, each once."""
    waiting: list[Any] = [start]
    # Holding the nodes keeps their ids from being given to others.
    seen: dict[int, Any] = {}
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen[id(node)] = node
        if isinstance(node, list):
            waiting += node
        elif isinstance(node, dict):
            yield node
            waiting += node.values()
            if isinstance(node.get("$ref"), str):
                waiting.append(followed(root, node))
