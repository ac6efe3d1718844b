"""Marks an argument as the name of something in the environment.

A name that the manifest does not hold does not exist; the check says so before anything runs, and
policy can speak about the thing behind the name.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import GetJsonSchemaHandler, JsonValue
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from lockstep.loading import pointer
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


@dataclass(frozen=True)
class Touched:
    """A resource that a call names, and the argument that names it (a JSON pointer)."""

    kind: str
    name: str
    at: str


def touched(schema: Mapping[str, JsonValue], args: JsonValue) -> tuple[Touched, ...]:
    """The resources that literal arguments name, in the order of the arguments, each once."""
    walk = _Walk(schema)
    walk.go(schema, args, "")
    return tuple(walk.found)


@dataclass(frozen=True)
class _Walk:
    """Through the arguments of one call; `at` is a JSON pointer."""

    root: Mapping[str, JsonValue]
    found: dict[Touched, None] = field(default_factory=dict)
    seen: set[tuple[int, str]] = field(default_factory=set)

    def go(self, schema: Any, value: JsonValue, at: str) -> None:
        if isinstance(value, str):
            self.name(schema, value, at)
            return
        # Branches of a recursive union meet again below; `root` keeps each part, and so its
        # identity.
        if not isinstance(value, dict | list) or (id(schema), at) in self.seen:
            return
        self.seen.add((id(schema), at))
        for option in same_value(self.root, schema):
            if not option:
                continue
            if isinstance(value, dict):
                properties, names = fields(option), option.get("propertyNames")
                for key, child in value.items():
                    place = at + pointer((key,))
                    if names is not None:
                        self.name(names, key, place)
                    self.go(properties.get(key, option.get("additionalProperties")), child, place)
            else:
                first = option.get("prefixItems")
                first = first if isinstance(first, list) else []
                for index, child in enumerate(value):
                    inner = first[index] if index < len(first) else option.get("items")
                    self.go(inner, child, f"{at}/{index}")

    def name(self, schema: Any, value: str, at: str) -> None:
        for option in same_value(self.root, schema):
            kind = option.get(KEYWORD)
            if isinstance(kind, str):
                self.found[Touched(kind, value, at)] = None
