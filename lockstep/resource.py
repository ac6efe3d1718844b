"""Marks an argument as the name of something in the environment.

A name that the manifest does not hold does not exist; the check says so before anything runs, and
policy can speak about the thing behind the name.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

from pydantic import GetJsonSchemaHandler, JsonValue
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from lockstep.part import Part
from lockstep.pointer import pointer
from lockstep.schema import fields, same_value

KEYWORD = "x-lockstep-resource"


@dataclass(frozen=True)
class Resource:
    """`Annotated[str, Resource("metric")]`: this string names a `metric` of the environment."""

    kind: str

    def __get_pydantic_json_schema__(
        self, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {**handler(core), KEYWORD: self.kind}


class Touched(NamedTuple):
    """A resource that a call names, and the argument that names it (a JSON pointer)."""

    kind: str
    name: str
    at: str


def touched(schema: Mapping[str, JsonValue], args: JsonValue) -> tuple[Touched, ...]:
    """The resources that literal arguments name, in the order of the arguments, each once."""
    known = _known(Part(schema, schema))
    if not known.marked:
        return ()
    walk = _Walk(known)
    walk.go(schema, args, "")
    return tuple(walk.found)


class _Known:
    """What has been asked of one schema before: the schemas that speak of one value, and the kinds
    that they mark. By identity, since the root keeps each part.
    """

    def __init__(self, root: Mapping[str, JsonValue]) -> None:
        self._root = root
        self._options: dict[int, tuple[dict[str, Any], ...]] = {}
        self._kinds: dict[int, tuple[str, ...]] = {}
        self._parts: list[Any] = []
        # Where the word stands nowhere nothing is marked; elsewhere it may be, and is looked for.
        self.marked = KEYWORD in json.dumps(dict(root), default=str)

    def options(self, schema: Any) -> tuple[dict[str, Any], ...]:
        found = self._options.get(id(schema))
        if found is None:
            found = self._options[id(schema)] = tuple(same_value(self._root, schema))
            self._parts.append(schema)
        return found

    def kinds(self, schema: Any) -> tuple[str, ...]:
        found = self._kinds.get(id(schema))
        if found is None:
            marks = (option.get(KEYWORD) for option in self.options(schema))
            found = self._kinds[id(schema)] = tuple(one for one in marks if isinstance(one, str))
        return found


@lru_cache(maxsize=1024)
def _known(part: Part) -> _Known:
    return _Known(part.root)


@dataclass(frozen=True)
class _Walk:
    """Through the arguments of one call; `at` is a JSON pointer."""

    known: _Known
    found: dict[Touched, None] = field(default_factory=dict)
    seen: set[tuple[int, str]] = field(default_factory=set)

    def go(self, schema: Any, value: JsonValue, at: str) -> None:
        if isinstance(value, str):
            self.name(self.known.kinds(schema), value, at)
            return
        # Branches of a recursive union meet again below; `root` keeps each part, and so its
        # identity.
        if not isinstance(value, dict | list) or (id(schema), at) in self.seen:
            return
        self.seen.add((id(schema), at))
        for option in self.known.options(schema):
            if not option:
                continue
            if isinstance(value, dict):
                self.into_object(option, value, at)
            else:
                self.into_list(option, value, at)

    def into_object(self, schema: Mapping[str, Any], value: dict[str, JsonValue], at: str) -> None:
        properties, others = fields(schema), schema.get("additionalProperties")
        names = schema.get("propertyNames")
        marks = self.known.kinds(names) if names is not None else ()
        for key, child in value.items():
            # Most values are no names: their places need not be written.
            if marks or isinstance(child, str | dict | list):
                place = at + pointer((key,))
                self.name(marks, key, place)
                self.go(properties.get(key, others), child, place)

    def into_list(self, schema: Mapping[str, Any], value: list[JsonValue], at: str) -> None:
        first = schema.get("prefixItems")
        first = first if isinstance(first, list) else []
        others = schema.get("items")
        marks = self.known.kinds(others)
        for index, child in enumerate(value):
            if index < len(first):
                self.go(first[index], child, f"{at}/{index}")
            elif not isinstance(child, str):
                self.go(others, child, f"{at}/{index}")
            elif marks:
                self.name(marks, child, f"{at}/{index}")

    def name(self, kinds: tuple[str, ...], value: str, at: str) -> None:
        for kind in kinds:
            self.found[Touched(kind, value, at)] = None
