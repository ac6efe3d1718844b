"""Marks an argument as the name of something in the environment.

A name that the manifest does not hold does not exist; the check says so before anything runs, and
policy can speak about the thing behind the name.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import GetJsonSchemaHandler, JsonValue
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from lockstep.loading import pointer
from lockstep.record import Record
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


class Touched(Record):
    """A resource that a call names, and the argument that names it (a JSON pointer)."""

    kind: str
    name: str
    at: str


def touched(schema: Mapping[str, JsonValue], args: JsonValue) -> tuple[Touched, ...]:
    """The resources that literal arguments name, in the order of the arguments."""
    return tuple(_walk(schema, schema, args, (), set()))


def _walk(
    root: Mapping[str, JsonValue],
    schema: Any,
    value: JsonValue,
    at: tuple[int | str, ...],
    seen: set[tuple[int, tuple[int | str, ...]]],
) -> Iterator[Touched]:
    # Branches of a recursive union meet again below; `root` keeps each part, and so its identity.
    if (id(schema), at) in seen:
        return
    seen.add((id(schema), at))
    for option in same_value(root, schema):
        kind = option.get(KEYWORD)
        if isinstance(kind, str) and isinstance(value, str):
            yield Touched(kind=kind, name=value, at=pointer(at))
        if not option:
            continue
        if isinstance(value, dict):
            properties = fields(option)
            for key, child in value.items():
                yield from _walk(root, option.get("propertyNames"), key, (*at, key), set())
                inner = properties.get(key, option.get("additionalProperties"))
                yield from _walk(root, inner, child, (*at, key), seen)
        if isinstance(value, list):
            first = option.get("prefixItems")
            first = first if isinstance(first, list) else []
            for index, child in enumerate(value):
                inner = first[index] if index < len(first) else option.get("items")
                yield from _walk(root, inner, child, (*at, index), seen)
