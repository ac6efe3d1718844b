"""What a plan fixes of a call's arguments, and what it leaves to the run.

A list that holds a reference is unknown as a whole, since its length would be wrong. What a plan
does not say the tool's schema may: its defaults are put in, because policy and rules judge what the
tool is given.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from lockstep.canonical import canonical
from lockstep.defaults import defaulted
from lockstep.reference import Reference, references
from lockstep.resource import Touched, touched
from lockstep.schema import Schema
from policies.cedar.targets import kinds_at


@dataclass(frozen=True)
class Known:
    """One call's arguments; `unknown` are pointers to what only the run will know."""

    args: Mapping[str, JsonValue]
    unknown: tuple[str, ...]

    def at(self, pointer: str) -> tuple[JsonValue, ...] | None:
        """The value at a place, none where there is nothing; None where it is not known."""
        if any(_overlap(pointer, one) for one in self.unknown):
            return None
        value: JsonValue = dict(self.args)
        for part in pointer.split("/")[1:]:
            key = part.replace("~1", "/").replace("~0", "~")
            if isinstance(value, dict) and key in value:
                value = value[key]
            elif isinstance(value, list) and key.isdecimal() and int(key) < len(value):
                value = value[int(key)]
            else:
                return ()
        return (value,)


def known(args: Mapping[str, JsonValue], schema: Schema) -> Known:
    """The arguments as far as a plan fixes them, defaults included."""
    unknown = tuple(at for at, found in references(dict(args)) if isinstance(found, Reference))
    return Known(*defaulted(schema, literal(args), unknown))


def names(args: Mapping[str, JsonValue], schema: Schema) -> tuple[Touched, ...]:
    """The resources that arguments name in so many words, those beside a reference in one list
    included.
    """
    found = (
        *touched(schema, dict(known(args, schema).args)),
        *touched(schema, blanked(dict(args))),
    )
    return tuple(dict.fromkeys(found))


def open_kinds(args: Mapping[str, JsonValue], schema: Schema) -> frozenset[str]:
    """The kinds of resources that what is not known yet may name."""
    nothing: frozenset[str] = frozenset()
    return nothing.union(*(kinds_at(schema, at) for at in known(args, schema).unknown))


def same(value: JsonValue) -> bytes:
    """Equal for values that RFC 8785 calls equal."""
    return canonical(value)


def _overlap(one: str, other: str) -> bool:
    return one == other or one.startswith(f"{other}/") or other.startswith(f"{one}/")


def blanked(value: JsonValue) -> JsonValue:
    """The value with null for each reference, so that the rest stays in its place."""
    if isinstance(value, list):
        return [blanked(child) for child in value]
    if isinstance(value, dict):
        if any(mark.startswith("$") for mark in value):
            return None
        return {key: blanked(child) for key, child in value.items()}
    return value


def literal(args: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """The arguments without those that hold a reference."""
    found: dict[str, JsonValue] = {}
    for key, value in args.items():
        if isinstance(value, dict) and any(mark.startswith("$") for mark in value):
            continue
        if not isinstance(value, dict | list) or not any(True for _ in references(value)):
            found[key] = value
        elif isinstance(value, dict):
            found[key] = literal(value)
    return found
