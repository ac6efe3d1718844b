"""One question to Cedar."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import cedarpy
from pydantic import JsonValue

Path = tuple[str, ...]
"""Fields, one within another."""


@dataclass(frozen=True)
class Uid:
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
        """What stands at these paths, and how much of each there is."""
        found = self._told.get(paths)
        if found is None:
            found = self._told[paths] = json.dumps([_at(self.values, path) for path in paths])
        return found

    @cached_property
    def text(self) -> str:
        """As JSON."""
        return json.dumps(self.values)

    @cached_property
    def certain(self) -> str:
        """The same without what is not known yet, for rules that do not look at that."""
        return json.dumps(_without(self.values))

    @cached_property
    def example(self) -> str:
        """The same with a plain value of the right type for what is not known yet."""
        return json.dumps(_with_examples(self.values, self.type))

    @cached_property
    def open(self) -> frozenset[Path]:
        """Where something is not known yet."""
        return frozenset(_placeholders(self.values, ()))


@dataclass(frozen=True)
class Question:
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


def _is_placeholder(value: Any) -> bool:
    """Whether a fact is Cedar's sign for a value that is not known yet."""
    return isinstance(value, Mapping) and "__extn" in value


def _without(facts: Any) -> Any:
    if not isinstance(facts, Mapping):
        return facts
    return {key: _without(value) for key, value in facts.items() if not _is_placeholder(value)}


def _with_examples(facts: Any, type_: Mapping[str, Any]) -> Any:
    if _is_placeholder(facts):
        return _example(type_)
    if not isinstance(facts, Mapping):
        return facts
    inner = type_.get("attributes", {})
    return {key: _with_examples(value, inner.get(key, {})) for key, value in facts.items()}


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


def _placeholders(facts: Any, at: Path) -> Iterator[Path]:
    # What a list holds is known, or the list as a whole is not.
    if _is_placeholder(facts):
        yield at
    elif isinstance(facts, Mapping):
        for key, value in facts.items():
            yield from _placeholders(value, (*at, key))


def _at(value: Any, path: Path) -> JsonValue:
    for depth, part in enumerate(path):
        if not isinstance(value, Mapping) or part not in value:
            return [depth, None if isinstance(value, Mapping) else value]
        value = value[part]
    return [len(path), value]
