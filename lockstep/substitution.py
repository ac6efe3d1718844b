"""A call with other arguments in the place of a step's own, as an environment's catalogue says.

Only what stands in the manifest is put in, and only where it belongs: a resource's other name where
an argument is marked with that kind of resource, and nowhere else that the same word may stand.
"""

from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from itertools import islice
from typing import Any

from pydantic import JsonValue

from lockstep.action import Substitute
from lockstep.canonical import canonical
from lockstep.pointer import pointer
from lockstep.record import Record
from lockstep.resource import touched
from lockstep.schema import Schema
from lockstep.shown import shown

MAX_REPLACED = 20
"""Places that are told of one substitution."""


class Replaced(Record):
    """One place of the arguments (a JSON pointer), what stood there and what stands there then, in
    a few words; nothing where there was nothing.
    """

    at: str
    was: str
    now: str

    def __str__(self) -> str:
        return f"{self.at} {self.was or 'nothing'} -> {self.now or 'nothing'}"


def substituted(
    args: Mapping[str, JsonValue], ways: Iterable[Substitute], schema: Schema
) -> dict[str, JsonValue]:
    """The arguments after all of these, one on top of the other."""
    result = dict(args)
    for way in ways:
        result = _one(result, way, schema)
    return result


def replaced(old: dict[str, JsonValue], new: dict[str, JsonValue]) -> tuple[Replaced, ...]:
    """What a substitution changed, place by place; nothing if it changed nothing."""
    return tuple(islice(_places(old, new, ()), MAX_REPLACED))


def _places(old: JsonValue, new: JsonValue, at: tuple[int | str, ...]) -> Iterator[Replaced]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted({*old, *new}):
            if key not in old or key not in new:
                there = [_word(one[key]) if key in one else "" for one in (old, new)]
                yield Replaced(at=pointer((*at, key)), was=there[0], now=there[1])
            else:
                yield from _places(old[key], new[key], (*at, key))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        # No place moves where only names are replaced.
        for index, (was, now) in enumerate(zip(old, new, strict=True)):
            yield from _places(was, now, (*at, index))
    elif canonical(old) != canonical(new):
        yield Replaced(at=pointer(at), was=_word(old), now=_word(new))


def _one(args: dict[str, JsonValue], way: Substitute, schema: Schema) -> dict[str, JsonValue]:
    result = deepcopy({**args, **way.args})
    for found in touched(schema, result):
        other = way.resources.get(found.kind, {}).get(found.name)
        if other is not None:
            _put(result, found.at, found.name, other)
    return result


def _put(args: dict[str, JsonValue], at: str, old: str, new: str) -> None:
    """A place may be a key that names a resource; only a value that does is replaced."""
    *way, last = (part.replace("~1", "/").replace("~0", "~") for part in at.split("/")[1:])
    holder: Any = args
    for part in way:
        holder = holder[int(part)] if isinstance(holder, list) else holder[part]
    key: Any = int(last) if isinstance(holder, list) else last
    if holder[key] == old:
        holder[key] = new


def _word(value: JsonValue) -> str:
    return shown({"": value}).removeprefix("=")
