"""A part of a schema, told from others by identity.

A schema never changes once it is read, and what is found out about it is asked of every step: so it
is found once and kept. To tell schemas apart by what they say would cost more than most questions
about them; whoever keeps something keeps the schema with it, so that its identity is not given to
another.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import JsonValue


class Part:
    """A schema, and the root whose definitions it may name."""

    __slots__ = ("_hash", "root", "schema")

    def __init__(self, root: Mapping[str, JsonValue], schema: Any) -> None:
        self.root = root
        self.schema = schema
        self._hash = hash((id(root), id(schema)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Part) and self.root is other.root and self.schema is other.schema

    def __hash__(self) -> int:
        return self._hash
