"""One question to Cedar."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import cedarpy
from pydantic import JsonValue
from pydantic_core import to_json

Path = tuple[str, ...]
"""Fields, one within another."""


class Uid(NamedTuple):
    """An entity's type and name."""

    type: str
    id: str

    @property
    def form(self) -> dict[str, str]:
        """As data: any name can be written so."""
        return {"type": self.type, "id": self.id}

    @property
    def text(self) -> str | None:
        """As Cedar text, which partial evaluation asks for; None for a name it may refuse.

        Cedar accepts one spelling of each name only, and which characters it escapes is its secret.
        """
        plain = self.id.isascii() and self.id.isprintable() and "'" not in self.id
        return f"{self.type}::{json.dumps(self.id)}" if plain else None


@dataclass(frozen=True)
class Facts:
    """What a rule reads as `context`, and its type as Cedar's JSON schema writes it; the same for
    every target of a call.
    """

    values: Mapping[str, JsonValue]
    type: Mapping[str, Any]
    _told: dict[tuple[Path, ...], str] = field(default_factory=dict, compare=False)

    def told(self, paths: tuple[Path, ...]) -> str:
        """As JSON, what stands at these paths: to read more takes Cedar longer than to decide."""
        found = self._told.get(paths)
        if found is None:
            found = self._told[paths] = _written(_at(self.values, paths))
        return found

    def example(self, paths: tuple[Path, ...], tried: Mapping[Path, JsonValue]) -> str:
        """The same with a value of the right type for what is not known yet: one that is `tried`
        there, or a plain one.
        """
        text = self.told(paths)
        # Nothing that is known can be spelled like a sign: within a string its quotes are escaped.
        for place, sign in self._signs.items():
            if sign in text:
                text = text.replace(sign, _written(_filler(self.type, place, tried)))
        return text

    @cached_property
    def open(self) -> frozenset[Path]:
        """Where something is not known yet."""
        return frozenset(self._signs)

    @cached_property
    def _signs(self) -> Mapping[Path, str]:
        """What stands in the text for each of what is not known yet."""
        return {at: _written(sign) for at, sign in _placeholders(self.values, ())}


class Question(NamedTuple):
    """`resource` None: only the run will know which. `role` is the principal's and `attributes` are
    the resource's, as they stand in the `store`.
    """

    principal: Uid
    role: str
    action: Uid
    resource: Uid | None
    attributes: Mapping[str, bool | int | str]
    facts: Facts
    store: cedarpy.Entities


def _written(value: Any) -> str:
    return to_json(value).decode()


def _is_placeholder(value: Any) -> bool:
    """Whether a fact is Cedar's sign for a value that is not known yet."""
    return isinstance(value, dict) and "__extn" in value


def _filler(facts: Mapping[str, Any], place: Path, tried: Mapping[Path, JsonValue]) -> JsonValue:
    """A value of the type that stands at a place of facts of this type."""
    type_ = facts
    for part in place:
        type_ = type_.get("attributes", {}).get(part, {})
    found = _example(type_)
    for path, value in tried.items():
        if path == place:
            found = value
        elif path[: len(place)] == place:
            _put(found, path[len(place) :], value)
    return found


def _put(facts: Any, path: Path, value: JsonValue) -> None:
    """Puts a value in the place of another; where there is none nothing is asked about it."""
    for part in path[:-1]:
        facts = facts.get(part) if isinstance(facts, dict) else None
    if isinstance(facts, dict) and path[-1:] and path[-1] in facts:
        facts[path[-1]] = value


def _example(type_: Mapping[str, Any]) -> JsonValue:
    match type_.get("type"):
        case "Record":
            inner = type_["attributes"]
            return {name: _example(one) for name, one in inner.items() if one.get("required", True)}
        case "Long":
            return 0
        case "Boolean":
            return False
        case "Set":
            return []
        case _:
            return ""


def _placeholders(facts: Any, at: Path) -> Iterator[tuple[Path, Any]]:
    # What a list holds is known, or the list as a whole is not.
    if _is_placeholder(facts):
        yield at, facts
    elif isinstance(facts, dict):
        for key, value in facts.items():
            if isinstance(value, dict):
                yield from _placeholders(value, (*at, key))


def _at(values: Mapping[str, JsonValue], paths: tuple[Path, ...]) -> Mapping[str, Any]:
    """The values with nothing but these paths, of which none begins with another; where one leads
    nowhere, as far as it leads.
    """
    if () in paths:
        return values
    kept: dict[str, Any] = {}
    for path in paths:
        here: Any = values
        there = kept
        for depth, part in enumerate(path, 1):
            if part not in here:
                break
            here = here[part]
            if depth == len(path) or _is_placeholder(here) or not isinstance(here, dict):
                there[part] = here
                break
            there = there.setdefault(part, {})
    return kept
