"""Which JSON Schemas of a stranger can be taken: those of which all that they say can be decided.

A tool's schema is what a plan is checked against and what policy can see of a call. A keyword that
nobody here reads would be a condition that nobody keeps, a meaning of its own for a reader who does
know it, or a mark of ours that a stranger set; so what is not known is refused, and named with its
place. Written schemas of today's servers say less than this allows.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from lockstep.pointer import pointer

DIALECTS = frozenset(
    {
        "https://json-schema.org/draft/2020-12/schema",
        "http://json-schema.org/draft-07/schema",
    }
)
"""Between these two nothing that is allowed here means different things."""

MAX_DEPTH = 16
MAX_NODES = 2000
MAX_TEXT = 16 * 1024
"""Characters of one string in a schema, descriptions among them."""
MAX_BRANCHES = 64
"""Of a union; the checker of plans reads no more."""

_TYPES = frozenset({"array", "boolean", "integer", "null", "number", "object", "string"})
_TEXTS = ("title", "description", "$comment", "format", "pattern")
_NUMBERS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")
_COUNTS = ("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties")
_FLAGS = ("uniqueItems", "deprecated", "readOnly", "writeOnly")
_VALUES = ("default", "const", "enum", "examples")
_INNER = ("items", "additionalProperties", "propertyNames")
_UNIONS = ("anyOf", "oneOf")
_DEFINITIONS = ("$defs", "definitions")
_REF = re.compile(r"#/(\$defs|definitions)/([^/]+)")

At = tuple[int | str, ...]


@dataclass(frozen=True)
class Inadmissible:
    """What cannot be taken, at a JSON pointer into the schema."""

    at: str
    problem: str


def inadmissible(schema: Any) -> Iterator[Inadmissible]:
    """Everything in a schema that cannot be decided; the schema is one of an object."""
    if not isinstance(schema, dict) or schema.get("type") != "object":
        yield Inadmissible("", 'wanted a schema with `"type": "object"`')
        return
    yield from _Walk(schema).schema(schema, ())


@dataclass
class _Walk:
    root: Mapping[str, Any]
    nodes: int = field(default=0)

    def schema(self, given: Any, at: At) -> Iterator[Inadmissible]:
        self.nodes += 1
        if self.nodes > MAX_NODES or len(at) > 2 * MAX_DEPTH:
            yield _no(at, "the schema is larger or deeper than a tool's may be")
            return
        if given is True:
            return
        if not isinstance(given, dict):
            yield _no(at, "wanted an object that is a schema")
            return
        for word, said in given.items():
            yield from self._word(word, said, at)

    def _word(self, word: str, said: Any, at: At) -> Iterator[Inadmissible]:
        here = (*at, word)
        problem = ""
        if word == "$schema":
            known = isinstance(said, str) and said.rstrip("#") in DIALECTS
            problem = "" if known and not at else "wanted draft 2020-12 or draft 7, at the top"
        elif word == "type":
            problem = _of_type(said)
        elif word == "$ref":
            problem = self._reference(said)
        elif word == "required":
            problem = "" if _is_list(said, str) else "wanted a list of names"
        elif word in _TEXTS:
            short = isinstance(said, str) and len(said) <= MAX_TEXT
            problem = "" if short else f"wanted a text of at most {MAX_TEXT:,} characters"
        elif word in _NUMBERS:
            problem = "" if _is_number(said) else "wanted a number"
        elif word in _COUNTS:
            count = isinstance(said, int) and not isinstance(said, bool) and said >= 0
            problem = "" if count else "wanted a count"
        elif word in _FLAGS:
            problem = "" if isinstance(said, bool) else "wanted true or false"
        elif word in _VALUES:
            listed = word in ("const", "default") or _is_list(said, object)
            problem = "" if listed else "wanted a list"
        elif word in _DEFINITIONS:
            if at:
                problem = "definitions are read at the top only"
            else:
                yield from self._named(said, here)
        elif word == "properties":
            yield from self._named(said, here)
        elif word in _UNIONS:
            yield from self._union(said, here)
        elif word in _INNER:
            # To close an object or a list with `false` says all that it seems to.
            if said is not False or word == "propertyNames":
                yield from self.schema(said, here)
        else:
            problem = "this keyword is none that can be decided here"
        if problem:
            yield _no(here, problem)

    def _named(self, said: Any, at: At) -> Iterator[Inadmissible]:
        if not isinstance(said, dict):
            yield _no(at, "wanted an object of schemas")
            return
        for name, inner in said.items():
            yield from self.schema(inner, (*at, name))

    def _union(self, said: Any, at: At) -> Iterator[Inadmissible]:
        if not isinstance(said, list) or not 1 <= len(said) <= MAX_BRANCHES:
            yield _no(at, f"wanted a list of 1 to {MAX_BRANCHES} schemas")
            return
        for index, inner in enumerate(said):
            yield from self.schema(inner, (*at, index))

    def _reference(self, said: Any) -> str:
        """A chain of references that ends in a schema of the same document."""
        for _ in range(MAX_DEPTH):
            match = _REF.fullmatch(said) if isinstance(said, str) else None
            if match is None:
                return "wanted a reference to a definition at the top of the same schema"
            definitions = self.root.get(match[1])
            name = match[2].replace("~1", "/").replace("~0", "~")
            found = definitions.get(name) if isinstance(definitions, dict) else None
            if not isinstance(found, dict):
                return "refers to a definition that is not there"
            if "$ref" not in found:
                return ""
            said = found["$ref"]
        return "refers to itself and nothing else"


def _of_type(said: Any) -> str:
    named = [said] if isinstance(said, str) else said
    fits = _is_list(named, str) and named and _TYPES.issuperset(named)
    return "" if fits else f"wanted one or more of {', '.join(sorted(_TYPES))}"


def _is_list(value: Any, kind: type) -> bool:
    return isinstance(value, list) and all(isinstance(one, kind) for one in value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _no(at: At, problem: str) -> Inadmissible:
    return Inadmissible(pointer(at), problem)
