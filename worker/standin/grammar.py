"""Can an answer be held to this schema?

A provider compiles the schema of a structured output into a grammar, and takes only what its
compiler can: closed objects, no recursion, few choices. A schema that is refused there has to be
refused here too, or a test passes that production would not.
"""

from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from typing import Any

MOST_OPTIONAL = 24
MOST_UNIONS = 16
_BOUNDS = {
    *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    *("minLength", "maxLength", "maxItems", "uniqueItems"),
}
_ONE = ("items", "additionalProperties", "not")
_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
_HOMES = ("$defs", "definitions")
_MAPS = ("properties", *_HOMES)


def unfit(schema: dict[str, Any]) -> str | None:
    """Why the schema is not taken, or None."""
    nodes = list(_nodes(schema, ""))
    for place, node in nodes:
        problem = _unfit_node(node)
        if problem:
            return f"{place or '/'}: {problem}"
    optional = sum(name not in _list(node, "required") for _, node in nodes for name in _map(node))
    if optional > MOST_OPTIONAL:
        return f"{optional} optional properties; the limit is {MOST_OPTIONAL}"
    unions = sum(
        "anyOf" in node or "oneOf" in node or isinstance(node.get("type"), list)
        for _, node in nodes
    )
    if unions > MOST_UNIONS:
        return f"{unions} properties with a choice of types; the limit is {MOST_UNIONS}"
    return _misreferring(schema)


def _unfit_node(node: dict[str, Any]) -> str | None:
    is_object = "object" in (node.get("type"), *_list(node, "type")) or "properties" in node
    if is_object and node.get("additionalProperties") is not False:
        return "an object must say `additionalProperties`: false"
    bounds = sorted(_BOUNDS & node.keys())
    if bounds:
        return f"`{bounds[0]}` is not supported"
    if node.get("minItems", 0) not in (0, 1):
        return "`minItems` may be 0 or 1"
    return None


def _misreferring(schema: dict[str, Any]) -> str | None:
    """A reference that leads out of the schema, to nothing, or back to itself."""
    homes = {"#": {name: part for name, part in schema.items() if name not in _HOMES}}
    for group in _HOMES:
        for name, part in _map(schema, group).items():
            homes[f"#/{group}/{name}"] = part
    edges = {home: set(_references(part)) for home, part in homes.items()}
    for target in sorted(set().union(*edges.values())):
        if not target.startswith("#"):
            return f"`$ref` leads out of the schema: {target}"
        if target not in homes:
            return f"`$ref` leads nowhere: {target}"
    try:
        TopologicalSorter(edges).prepare()
    except CycleError:
        return "the definitions refer to themselves; recursion is not supported"
    return None


def _references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        for _, node in _nodes(part, ""):
            if isinstance(node.get("$ref"), str):
                yield node["$ref"]


def _nodes(node: dict[str, Any], place: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema within the schema, with its place; a property may be called like a keyword."""
    yield place, node
    for key in _ONE:
        if isinstance(node.get(key), dict):
            yield from _nodes(node[key], f"{place}/{key}")
    for key in _LISTS:
        for index, inner in enumerate(_list(node, key)):
            if isinstance(inner, dict):
                yield from _nodes(inner, f"{place}/{key}/{index}")
    for key in _MAPS:
        for name, inner in _map(node, key).items():
            yield from _nodes(inner, f"{place}/{key}/{name}")


def _list(node: dict[str, Any], key: str) -> list[Any]:
    found = node.get(key)
    return found if isinstance(found, list) else []


def _map(node: dict[str, Any], key: str = "properties") -> dict[str, dict[str, Any]]:
    found = node.get(key)
    if not isinstance(found, dict):
        return {}
    return {name: inner for name, inner in found.items() if isinstance(inner, dict)}
