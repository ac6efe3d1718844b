"""Whose words does a call hold that a human has rewritten?

What they changed is theirs. What they left is what it was, wherever in the argument it now stands,
since nobody says that they looked at it: of a list that was shortened the rest is no more theirs
than before. That a step is private or steered, and by what, no edit undoes.

A tool's model may write a value otherwise than it came: `500.0` for `500`, in other order, in lower
case. It counts as left in either spelling, and which of the two a human was shown makes no
difference: a stranger can have the model refuse the one. The keys of a map are words as its values
are; the names of fields are the tool's own.
"""

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue

from lockstep.canonical import canonical
from lockstep.provenance import Provenance
from lockstep.reference import path_parts
from lockstep.schema import Schema, fields, is_index, same_value

Args = Mapping[str, JsonValue]


def rewritten(
    told: Provenance, was: Sequence[Args], now: Sequence[Args], schema: Schema
) -> Provenance:
    """The same of a call whose arguments a named person has rewritten.

    `was` are the arguments before, in one or more spellings, the first as the plan brings them;
    `now` the same of those that were given. `schema` is of the tool's input.
    """
    root = _Spot(schema, (schema,), None)
    words: dict[str, Set[bytes]] = {}

    def is_left(at: str) -> bool:
        name, *parts = path_parts(at)
        if name not in words:
            spelt = (root.into(name, one[name]) for one in now if name in one)
            words[name] = {word for spot in spelt for word in spot.words()}
        whole = {canonical(one[name]) for one in now if name in one}
        first = was[0].get(name) if was else None
        for one in was:
            if name not in one or not whole:
                continue
            here = root.into(name, one[name]).at(parts, first)
            if canonical(one[name]) in whole or not words[name].isdisjoint(here.words()):
                return True
        return False

    return told.model_copy(update={"untrusted": tuple(filter(is_left, told.untrusted))})


@dataclass(frozen=True)
class _Spot:
    """A value, and what its tool's schema says of what may stand there."""

    root: Schema
    schemas: tuple[Any, ...]
    value: JsonValue

    def into(self, part: str, value: JsonValue) -> "_Spot":
        """One step down, to a value that stands there."""
        found = [inner for one in self._options() for inner in _inner(one, part)]
        return _Spot(self.root, tuple(found), value)

    def at(self, parts: Sequence[str], first: JsonValue) -> "_Spot":
        """As far down as the same thing stands there as in the first spelling: of a list that is
        another one, nobody knows which of its items is which.
        """
        here = self
        for part in parts:
            if isinstance(here.value, dict) and part in here.value:
                first = first.get(part) if isinstance(first, dict) else None
                here = here.into(part, here.value[part])
            elif isinstance(here.value, list) and is_index(part) and int(part) < len(here.value):
                if not isinstance(first, list) or not _holds(here.value, first):
                    break
                first = first[int(part)]
                here = here.into(part, here.value[int(part)])
            else:
                break
        return here

    def words(self) -> Iterator[bytes]:
        """Everything in the value that holds nothing else; `1` and `true` are two things, `1` and
        `1.0` are one.
        """
        if isinstance(self.value, dict):
            declared = {name for one in self._options() for name in fields(one)}
            for key, child in self.value.items():
                if key not in declared:
                    yield canonical(key)
                yield from self.into(key, child).words()
        elif isinstance(self.value, list):
            for index, child in enumerate(self.value):
                yield from self.into(str(index), child).words()
        else:
            yield canonical(self.value)

    def _options(self) -> Iterator[dict[str, Any]]:
        for schema in self.schemas:
            yield from same_value(self.root, schema)


def _holds(value: JsonValue, first: JsonValue) -> bool:
    """Whether a value is the first one, but for defaults that were filled in."""
    if isinstance(value, dict) and isinstance(first, dict):
        return all(key in value and _holds(value[key], one) for key, one in first.items())
    if isinstance(value, list) and isinstance(first, list):
        return len(value) == len(first) and all(map(_holds, value, first))
    return canonical(value) == canonical(first)


def _inner(schema: Mapping[str, Any], part: str) -> Iterator[Any]:
    """The schemas that may speak of what stands at one part of a path."""
    declared = fields(schema)
    if part in declared:
        yield declared[part]
        return
    if isinstance(schema.get("additionalProperties"), dict):
        yield schema["additionalProperties"]
    if is_index(part):
        first = schema.get("prefixItems")
        if isinstance(first, list) and int(part) < len(first):
            yield first[int(part)]
        elif "items" in schema:
            yield schema["items"]
