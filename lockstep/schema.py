"""Reading JSON Schemas: follow a pointer into one, and ask whether one can feed another.

A schema may come from a stranger. Nothing here fetches a `$ref` or runs a pattern; recursion is
bounded; and where two schemas cannot be compared the answer is "perhaps", since the real value is
checked again when it is there.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue

Schema = Mapping[str, JsonValue]

_MAX_HOPS = 16
_MAX_DEPTH = 8
_MAX_EFFORT = 20_000
"""Unions within unions multiply; past this many comparisons the answer is "perhaps"."""
_INDEX = re.compile(r"0|[1-9][0-9]{0,15}", re.ASCII)
_NUMBERS = {"integer", "number"}
_ELSEWHERE = ("$ref", "anyOf", "oneOf", "allOf")
"""Words by which a schema says that others speak of the same value."""


def followed(root: Schema, schema: Any) -> dict[str, Any]:
    """The schema behind local `$ref`s; an endless or foreign chain is the empty schema.

    What stands beside a `$ref` holds too, as a resource's mark on an enumeration does.
    """
    beside: dict[str, Any] = {}
    for _ in range(_MAX_HOPS):
        if not isinstance(schema, dict):
            return {}
        target = schema.get("$ref")
        if not isinstance(target, str):
            return {**beside, **schema} if beside else schema
        if not target.startswith("#"):
            return {}
        beside = {**schema, **beside}
        del beside["$ref"]
        found: Any = root
        for part in filter(None, target[1:].split("/")):
            found = found.get(part.replace("~1", "/").replace("~0", "~"), {})
            if not isinstance(found, dict):
                return {}
        schema = found
    return {}


def same_value(root: Schema, schema: Any) -> Iterator[dict[str, Any]]:
    """The schemas that speak of one value: a schema and the branches of its unions, each once."""
    if isinstance(schema, dict) and not any(word in schema for word in _ELSEWHERE):
        yield schema
        return
    waiting, seen = [schema], set()
    while waiting:
        given = waiting.pop(0)
        if id(given) in seen:
            continue
        seen.add(id(given))
        found = followed(root, given)
        yield found
        for word in _ELSEWHERE[1:]:
            branches = found.get(word)
            if isinstance(branches, list):
                waiting += branches


def options(root: Schema, schema: Any) -> list[dict[str, Any]]:
    """The alternatives a value may follow: the branches of a union, or the schema itself."""
    schema = followed(root, schema)
    branches = schema.get("anyOf") or schema.get("oneOf")
    if not isinstance(branches, list) or not branches:
        return [schema]
    return [found for branch in branches[:64] for found in _flat(root, branch)]


def _flat(root: Schema, branch: Any) -> Iterator[dict[str, Any]]:
    inner = followed(root, branch)
    nested = inner.get("anyOf") or inner.get("oneOf")
    if isinstance(nested, list) and nested:
        for option in nested[:64]:
            yield followed(root, option)
    else:
        yield inner


def fields(schema: Mapping[str, Any]) -> dict[str, Any]:
    """What an object schema says of each property it names."""
    found = schema.get("properties")
    return found if isinstance(found, dict) else {}


def required(schema: Mapping[str, Any]) -> list[str]:
    """The names of the properties that may not be missing."""
    found = schema.get("required")
    return [name for name in found if isinstance(name, str)] if isinstance(found, list) else []


def is_index(part: str) -> bool:
    """Whether a part of a pointer can stand for a place in a list (RFC 6901)."""
    return _INDEX.fullmatch(part) is not None


def types(schema: Mapping[str, Any]) -> frozenset[str]:
    """The JSON types a schema admits; empty means any."""
    declared = schema.get("type")
    if isinstance(declared, str):
        return frozenset({declared})
    if isinstance(declared, list):
        return frozenset(name for name in declared if isinstance(name, str))
    if "const" in schema:
        return frozenset({_type_of(schema["const"])})
    values = schema.get("enum")
    if isinstance(values, list):
        return frozenset(map(_type_of, values))
    if "properties" in schema:
        return frozenset({"object"})
    return frozenset()


def values(schema: Mapping[str, Any]) -> list[JsonValue]:
    """All that a value can be, where its schema lists that; otherwise nothing."""
    if "const" in schema:
        return [schema["const"]]
    listed = schema.get("enum")
    return listed if isinstance(listed, list) else []


def step_into(root: Schema, schema: Any, part: str) -> tuple[list[dict[str, Any]], list[str]]:
    """The schemas behind one part of a pointer, and the names that could have stood there."""
    reached: list[dict[str, Any]] = []
    names: list[str] = []
    for option in options(root, schema):
        admitted = types(option)
        properties = fields(option)
        names.extend(properties)
        if part in properties:
            reached.append(followed(root, properties[part]))
            continue
        others = option.get("additionalProperties")
        if admitted <= {"object"} and isinstance(others, dict):
            reached.append(followed(root, others))
        elif not admitted and not properties:
            reached.append({})
        elif admitted == {"object"} and (others is True or (others is None and not properties)):
            # An object of which nothing is said may hold anything.
            reached.append({})
        elif "array" in admitted and is_index(part):
            reached.append(followed(root, option.get("items", {})))
    return reached, names


def leads_somewhere(root: Schema, path: Sequence[str]) -> bool:
    """Whether a value of the schema may have something at a path, in which `*` is any part."""
    reached: list[dict[str, Any]] = [dict(root)]
    for part in path:
        here = [found for one in reached for found in step_into(root, one, part)[0]]
        if part == "*":
            branches = [option for one in reached for option in options(root, one)]
            inner = [one for branch in branches for one in _members(branch)]
            here += [followed(root, one) for one in inner]
        reached = [one for n, one in enumerate(here) if one not in here[:n]]
    return bool(reached)


def _members(schema: Mapping[str, Any]) -> Iterator[Any]:
    """What may stand in a list or an object, whatever its place or name."""
    admitted = types(schema)
    if not admitted or "array" in admitted:
        yield schema.get("items", {})
    if not admitted or "object" in admitted:
        yield from fields(schema).values()
        others = schema.get("additionalProperties")
        if isinstance(others, dict):
            yield others


def can_feed(source_root: Schema, source: Any, target_root: Schema, target: Any) -> str | None:
    """None if a value of `source` may fit `target`, or what is wrong, as a short clause."""
    return _Comparison(source_root, target_root).problem(source, target, _MAX_DEPTH)


@dataclass
class _Comparison:
    """Of a schema that gives with one that takes."""

    source_root: Schema
    target_root: Schema
    effort: int = 0

    def problem(self, source: Any, target: Any, depth: int) -> str | None:
        wanted = options(self.target_root, target)
        problem: str | None = None
        sources = options(self.source_root, source)
        for given in sources:
            if given.get("type") == "null" and len(sources) > 1:
                # An optional field may be absent: that is a fact about the value, met at run time.
                continue
            clauses = [self._one(given, want, depth) for want in wanted]
            if None in clauses:
                return None
            problem = clauses[0]
        return problem

    def _one(self, given: Mapping[str, Any], want: Mapping[str, Any], depth: int) -> str | None:
        self.effort += 1
        if depth == 0 or self.effort > _MAX_EFFORT:
            return None
        has, needs = types(given), types(want)
        if has and needs and not _overlap(has, needs):
            return f"{_spoken(has)} where {_spoken(needs)} is wanted"
        gives, takes = values(given), values(want)
        if gives and takes and not any(one in takes for one in gives):
            return f"{_listed(gives)} where {_listed(takes)} is wanted"
        if has == {"array"} and "items" in want and "items" in given:
            inner = self.problem(given["items"], want["items"], depth - 1)
            return inner and f"a list of {inner}"
        if has == {"object"} and isinstance(given.get("properties"), dict):
            return self._fields(given, want, depth)
        return None

    def _fields(self, given: Mapping[str, Any], want: Mapping[str, Any], depth: int) -> str | None:
        """What is wrong with the fields: one that is needed and lacks, comes and is not known, or
        comes with the wrong value.
        """
        has, wanted = fields(given), fields(want)
        needed, sure = required(want), required(given)
        for name in needed:
            if name not in has:
                return f"an object without `{name}` where `{name}` is required"
        for name in sure:
            if name not in wanted and want.get("additionalProperties") is False:
                return f"an object with `{name}`, which is not known there"
        for name in has:
            if name in wanted and (name in needed or name in sure):
                inner = self.problem(has[name], wanted[name], depth - 1)
                if inner:
                    return f"in `{name}`, {inner}"
        return None


def _overlap(has: frozenset[str], needs: frozenset[str]) -> bool:
    # Every integer is a number; a number may be an integer only when its value says so.
    return bool(has & needs) or bool(has & _NUMBERS and "number" in needs)


def _spoken(names: frozenset[str]) -> str:
    return " or ".join(f"`{name}`" for name in sorted(names))


def _listed(values: list[JsonValue]) -> str:
    return " or ".join(f"`{json.dumps(one)[:40]}`" for one in values[:4])


def _type_of(value: JsonValue) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"
