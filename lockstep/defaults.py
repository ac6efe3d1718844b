"""What a tool will see where a plan says nothing.

A tool's model fills in defaults, and policy must judge the call that will be made, not the one that
was written. A default that the schema states is put in; one that it does not state (pydantic's
`default_factory`) is a value that only the run will know.
"""

from collections.abc import Mapping

from pydantic import JsonValue

from lockstep.loading import pointer
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


def _object(
    root: Schema, schema: object, value: Mapping[str, JsonValue], at: At, unknown: list[str]
) -> dict[str, JsonValue]:
    shapes = [one for one in options(root, schema) if types(one) in ({"object"}, frozenset())]
    if len(shapes) != 1:
        # Of several shapes the value chooses one as it is: only the tool's model can say which.
        return dict(value)
    declared, must = fields(shapes[0]), required(shapes[0])
    others = shapes[0].get("additionalProperties")
    filled: dict[str, JsonValue] = {}
    for name, child in value.items():
        inner = declared.get(name, others)
        filled[name] = _value(root, inner, child, (*at, name), unknown)
    for name, inner in declared.items():
        place = pointer((*at, name))
        if name in value or name in must or _covered(place, unknown):
            continue
        if isinstance(inner, dict) and "default" in inner:
            filled[name] = inner["default"]
        else:
            unknown.append(place)
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
