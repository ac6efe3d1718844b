"""What a tool will see where a plan says nothing.

A tool's model fills in defaults, and policy must judge the call that will be made, not the one that
was written. A default that the schema states is put in; one that it does not state (pydantic's
`default_factory`) is a value that only the run will know.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from pydantic import JsonValue

from lockstep.part import Part
from lockstep.pointer import pointer
from lockstep.schema import Schema, fields, options, required, types

At = tuple[int | str, ...]


def defaulted(
    schema: Schema, args: Mapping[str, JsonValue], unknown: tuple[str, ...]
) -> tuple[dict[str, JsonValue], tuple[str, ...]]:
    """The arguments with the schema's defaults, and all pointers to what is not known yet.

    `unknown` are the places of references, where no default will be used.
    """
    found = list(unknown)
    filled = _object(schema, schema, args, (), found)
    return filled, tuple(dict.fromkeys(found))


@dataclass(frozen=True)
class _Shape:
    """What an object schema says of its fields, read once; `left` are those that may be left out,
    with their default if they have one.
    """

    declared: Mapping[str, Any]
    others: object
    left: tuple[tuple[str, tuple[JsonValue, ...]], ...]


@lru_cache(maxsize=1024)
def _shape(part: Part) -> _Shape | None:
    """None where there is not one shape: of several the value chooses one as it is, and only the
    tool's model can say which.
    """
    found = options(part.root, part.schema)
    shapes = [one for one in found if types(one) in ({"object"}, frozenset())]
    if len(shapes) != 1:
        return None
    declared, must = fields(shapes[0]), required(shapes[0])
    left = tuple(
        (name, (inner["default"],) if isinstance(inner, dict) and "default" in inner else ())
        for name, inner in declared.items()
        if name not in must
    )
    return _Shape(declared, shapes[0].get("additionalProperties"), left)


def _object(
    root: Schema, schema: object, value: Mapping[str, JsonValue], at: At, unknown: list[str]
) -> dict[str, JsonValue]:
    shape = _shape(Part(root, schema))
    if shape is None:
        return dict(value)
    filled = dict(value)
    for name, child in value.items():
        if isinstance(child, dict | list):
            inner = shape.declared.get(name, shape.others)
            filled[name] = _value(root, inner, child, (*at, name), unknown)
    for name, default in shape.left:
        if name in value or (unknown and _covered(pointer((*at, name)), unknown)):
            continue
        if default:
            (filled[name],) = default
        else:
            unknown.append(pointer((*at, name)))
    return filled


def _value(root: Schema, schema: object, value: JsonValue, at: At, unknown: list[str]) -> JsonValue:
    if isinstance(value, dict):
        return _object(root, schema, value, at, unknown)
    if isinstance(value, list) and any(isinstance(child, dict | list) for child in value):
        items = [one["items"] for one in options(root, schema) if "items" in one]
        if len(items) == 1:
            return [
                _value(root, items[0], child, (*at, index), unknown)
                for index, child in enumerate(value)
            ]
    return value


def _covered(place: str, unknown: list[str]) -> bool:
    """Whether a reference stands at the place or below it."""
    return any(one == place or one.startswith(f"{place}/") for one in unknown)
