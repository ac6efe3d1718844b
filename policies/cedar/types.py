"""What Cedar can see of a tool's arguments.

Cedar knows strings, 64-bit integers, booleans, sets and records. A JSON Schema is read once into
that vocabulary, and the result is used twice: as the type that policies are validated against, and
as the sieve that real arguments pass. One reading, so that schema and data cannot disagree.

What Cedar cannot speak about safely is opaque and left out of both: floats, unions, tuples, lists
with nulls, recursion, free-form maps, and names that Cedar's JSON keeps for itself. A null is an
absence.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from pydantic import JsonValue

from lockstep.pointer import pointer
from lockstep.schema import Schema, followed, options, types

_MAX_DEPTH = 16
_MAX_NODES = 2000
"""A schema may come from a stranger, and `$ref`s can make a small one read as an endless one."""
_MAX_LONG = 2**63 - 1
NONE: frozenset[str] = frozenset()


class Misfit(ValueError):
    """A value that its own schema rules out; `at` is where, the value itself is never told."""

    def __init__(self, at: str) -> None:
        super().__init__(f"the value at `{at}` does not fit")
        self.at = at


@dataclass(frozen=True)
class Scalar:
    cedar: Literal["String", "Long", "Boolean"]


@dataclass(frozen=True)
class Many:
    """A list, of which Cedar sees the set."""

    item: "CedarType"


@dataclass(frozen=True)
class Field:
    """`type` None is opaque. A field that may be null is not required: null reads as absent."""

    type: "CedarType | None"
    required: bool
    nullable: bool


@dataclass(frozen=True)
class Fields:
    """An object; `closed` if its schema refuses names that it does not declare."""

    fields: Mapping[str, Field]
    closed: bool

    @cached_property
    def placed(self) -> tuple[tuple[str, str, "CedarType", Field], ...]:
        """Of each field that Cedar sees: its name, its pointer from here, its type."""
        return tuple(
            (name, pointer((name,)), field.type, field)
            for name, field in self.fields.items()
            if field.type is not None
        )

    @property
    def visible(self) -> dict[str, "CedarType"]:
        return {name: field.type for name, field in self.fields.items() if field.type is not None}


CedarType = Scalar | Many | Fields
_STRING = Scalar("String")


def read(schema: Schema) -> Fields:
    """The arguments' type; a tool whose whole input is opaque shows Cedar an empty record."""
    seen = _Reader(schema).type_of(schema, ())
    return seen if isinstance(seen, Fields) else Fields({}, closed=False)


def declared(seen: CedarType) -> dict[str, Any]:
    """The type as Cedar's JSON schema writes it."""
    match seen:
        case Scalar(cedar):
            return {"type": cedar}
        case Many(item):
            return {"type": "Set", "element": declared(item)}
        case Fields(fields):
            return {
                "type": "Record",
                "attributes": {
                    name: {**declared(inner), "required": fields[name].required}
                    for name, inner in seen.visible.items()
                },
            }


def project(
    seen: CedarType, value: JsonValue, unknown: frozenset[str] = NONE, at: str = ""
) -> JsonValue:
    """The part of a value that Cedar sees; Misfit where the value is not of its type.

    `unknown` holds the pointers of what only the run will know; Cedar's placeholder stands there.
    A list with an unknown inside is unknown as a whole. So is an object whose unknown field may
    turn out to be absent: of a placeholder, `has` would be true already.
    """
    match seen:
        case Scalar(cedar):
            return _scalar(cedar, value, at)
        case Many(item):
            if _below(unknown, at):
                return _placeholder(at)
            if not isinstance(value, list):
                raise Misfit(at)
            if item == _STRING and all(type(child) is str for child in value):
                return value
            return [project(item, child, NONE, f"{at}/{n}") for n, child in enumerate(value)]
        case Fields():
            return _record(seen, value, unknown, at)


def _record(seen: Fields, value: JsonValue, unknown: frozenset[str], at: str) -> JsonValue:
    if at in unknown:
        return _placeholder(at)
    if not isinstance(value, dict):
        raise Misfit(at)
    names = value.keys() | _named(unknown, at) if unknown else value.keys()
    if seen.closed and not names <= seen.fields.keys():
        raise Misfit(at)
    record: dict[str, JsonValue] = {}
    may_be_absent = False
    for name, place, type_, field in seen.placed:
        given, here = value.get(name), at + place
        if unknown and here in unknown:
            may_be_absent |= not field.required
            record[name] = _placeholder(here)
        elif unknown and _below(unknown, here):
            record[name] = project(type_, value.get(name, {}), unknown, here)
        elif type_ is _STRING and type(given) is str:
            record[name] = given
        elif given is not None:
            record[name] = project(type_, given, NONE, here)
        elif field.required or (name in value and not field.nullable):
            raise Misfit(here)
    # The siblings were still looked at: a misfit among them is certain whatever the unknown is.
    return _placeholder(at) if may_be_absent else record


def _scalar(cedar: str, value: JsonValue, at: str) -> JsonValue:
    if cedar == "String" and type(value) is str:
        return value
    match cedar, value:
        case "Boolean", bool():
            return value
        case "Long", float() if value.is_integer():
            # To JSON, 5.0 is an integer; to a canonical document it is the same one.
            value = int(value)
        case ("String", str()) | ("Long", int()) if not isinstance(value, bool):
            pass
        case _:
            raise Misfit(at)
    if isinstance(value, int) and abs(value) > _MAX_LONG:
        raise Misfit(at)
    return value


def _named(unknown: frozenset[str], at: str) -> set[str]:
    """The fields of an object that unknowns stand in."""
    parts = (path[len(at) + 1 :].split("/")[0] for path in unknown if path.startswith(f"{at}/"))
    return {part.replace("~1", "/").replace("~0", "~") for part in parts}


def _below(unknown: frozenset[str], at: str) -> bool:
    return any(path == at or path.startswith(f"{at}/") for path in unknown)


def _placeholder(at: str) -> JsonValue:
    return {"__extn": {"fn": "unknown", "arg": f"args{at}"}}


@dataclass
class _Reader:
    root: Schema
    nodes: int = 0

    def type_of(self, schema: Any, above: tuple[str, ...], depth: int = 0) -> CedarType | None:
        """None for what is opaque; `above` are the `$ref`s we are inside of."""
        self.nodes += 1
        target = schema.get("$ref") if isinstance(schema, dict) else None
        if target in above or depth > _MAX_DEPTH or self.nodes > _MAX_NODES:
            return None
        if isinstance(target, str):
            above = (*above, target)
        given = followed(self.root, schema)
        match sorted(types(given) - {"null"}):
            case ["string"]:
                return _STRING
            case ["integer"]:
                return Scalar("Long")
            case ["boolean"]:
                return Scalar("Boolean")
            case ["array"]:
                return self._list(given, above, depth + 1)
            case ["object"] if isinstance(given.get("properties"), dict):
                return self._object(given, above, depth + 1)
            case []:
                return self._unless_null(given, above, depth + 1)
            case _:
                return None

    def _unless_null(
        self, given: Mapping[str, Any], above: tuple[str, ...], depth: int
    ) -> CedarType | None:
        """A union of one thing with null is that thing; any other union is opaque."""
        branches = given.get("anyOf") or given.get("oneOf")
        if not isinstance(branches, list):
            return None
        things = [one for one in branches if types(followed(self.root, one)) != {"null"}]
        return self.type_of(things[0], above, depth) if len(things) == 1 else None

    def _list(self, given: Mapping[str, Any], above: tuple[str, ...], depth: int) -> Many | None:
        item = given.get("items")
        if "prefixItems" in given or self._nullable(item):
            return None
        inner = self.type_of(item, above, depth)
        return Many(inner) if inner is not None else None

    def _object(self, given: Mapping[str, Any], above: tuple[str, ...], depth: int) -> Fields:
        required = given.get("required", ())
        fields: dict[str, Field] = {}
        for name, inner in given["properties"].items():
            nullable = self._nullable(inner)
            kept_back = name.startswith("__")
            fields[name] = Field(
                type=None if kept_back else self.type_of(inner, above, depth),
                required=name in required and not nullable,
                nullable=nullable,
            )
        open_ended = "patternProperties" in given
        return Fields(fields, given.get("additionalProperties") is False and not open_ended)

    def _nullable(self, schema: Any) -> bool:
        admitted = [types(option) for option in options(self.root, schema)]
        return any(not names or "null" in names for names in admitted)
