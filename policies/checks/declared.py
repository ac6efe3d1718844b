"""Tools that are declared by schema alone: can their schemas be decided, and can they be called?

A validator decides all of JSON Schema of a value that is there. Of a value that only the run will
know, a reference, we follow what `lockstep.schema` follows and no more. A keyword that it does not
follow would be a condition that nobody holds a plan to; so it is refused when the tool is declared,
with its place, and never read over.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import jsonschema_rs
from pydantic import JsonValue

from lockstep.finding import Finding, Severity
from lockstep.lock import LockedStep
from lockstep.plan import Step
from lockstep.pointer import pointer
from lockstep.resource import KEYWORD
from lockstep.schema import Schema, followed, required
from lockstep.tool import ToolSpec
from policies.checks.arguments import check_value, unusable
from policies.checks.misfit import did_you_mean
from policies.world import World

DRAFT = "https://json-schema.org/draft/2020-12/schema"

_SAID = frozenset(
    {"title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly"}
    | {"$comment", "$schema", "$defs", "definitions", KEYWORD}
)
"""Keywords that hold no value to anything."""
_HELD = frozenset(
    {"type", "enum", "const", "format", "pattern", "minLength", "maxLength"}
    | {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}
    | {"items", "minItems", "maxItems", "uniqueItems"}
    | {"properties", "required", "additionalProperties", "propertyNames"}
    | {"minProperties", "maxProperties", "anyOf", "oneOf", "$ref"}
)
_FORMATS = frozenset(
    {"date-time", "date", "time", "duration", "email", "idn-email", "hostname", "idn-hostname"}
    | {"ipv4", "ipv6", "uri", "uri-reference", "iri", "iri-reference", "uuid", "uri-template"}
    | {"json-pointer", "relative-json-pointer", "regex"}
)
_SHAPES = ("properties", "required", "additionalProperties", "items")
_MOST_BRANCHES = 64
_MOST_HOPS = 16

At = tuple[int | str, ...]


def undecided(spec: ToolSpec, place: str) -> Iterator[Finding]:
    """Everything in a declared tool's schemas that plans could not be held to."""
    for name, schema in (("input", spec.input), ("output", spec.output)):
        here = f"{place}/{name}"
        try:
            jsonschema_rs.meta.validate({"$schema": DRAFT, **schema})
        except jsonschema_rs.ValidationError as error:
            said = str(error).splitlines()[0][:200]
            at = pointer(tuple(error.instance_path))
            yield _finding(f"{here}{at}", f"is no JSON Schema: {said}", "correct it")
            continue
        if schema.get("type") != "object":
            problem = f"a tool's {name} is an object, and this is `{schema.get('type')}`"
            yield _finding(f"{here}/type", problem, 'write `type = "object"`')
        found = list(_Reader(schema, here).all())
        yield from found
        reason = "" if found else unusable(schema)
        if reason:
            yield _finding(here, f"cannot be used: {reason}", "correct it")


def _finding(place: str, problem: str, fix: str) -> Finding:
    return Finding(code="LS-AGENT-004", place=place, problem=problem, fix=fix)


class _Reader:
    """Of one schema, each part once."""

    def __init__(self, root: Schema, place: str) -> None:
        self._root = root
        self._place = place

    def all(self) -> Iterator[Finding]:
        waiting: list[tuple[At, Any]] = [((), self._root)]
        while waiting:
            at, schema = waiting.pop(0)
            if not isinstance(schema, dict):
                if schema is False and at[-1] != "additionalProperties":
                    yield self._said(at, "nothing fits `false`", "take it out")
                continue
            yield from self._one(at, schema)
            waiting += _inner(at, schema)

    def _one(self, at: At, schema: dict[str, Any]) -> Iterator[Finding]:
        for word in schema:
            if word not in _SAID | _HELD and not _is_note(word):
                close = did_you_mean(word, sorted(_SAID | _HELD))
                yield self._said(
                    (*at, word),
                    f"plans could not be held to `{word}`",
                    close or "say it with keywords that are followed, or take it out",
                )
        if schema.get("$schema", DRAFT).rstrip("#") != DRAFT:
            problem = f"is written in `{str(schema['$schema'])[:60]}`"
            yield self._said(
                (*at, "$schema"), problem, f"write it in {DRAFT}, and say so or nothing"
            )
        if schema.get("format", "date") not in _FORMATS:
            problem = f"format `{str(schema['format'])[:40]}` is not known"
            close = did_you_mean(schema["format"], sorted(_FORMATS))
            yield self._said((*at, "format"), problem, close or "use `pattern`")
        yield from self._union(at, schema)
        yield from self._reference(at, schema)
        if KEYWORD in schema:
            yield from self._mark(at, schema)
        if "default" in schema:
            for found in check_value("", {**self._definitions, **schema}, schema["default"], ""):
                yield self._said(
                    (*at, "default"), f"does not fit: {found.problem}", "correct the default"
                )
        yield from (
            self._said((*at, "required"), f"`{name}` is required and is no property", "describe it")
            for name in required(schema)
            if name not in schema.get("properties", {})
        )

    @property
    def _definitions(self) -> dict[str, JsonValue]:
        return {word: self._root[word] for word in ("$defs", "definitions") if word in self._root}

    def _union(self, at: At, schema: dict[str, Any]) -> Iterator[Finding]:
        for word in ("anyOf", "oneOf"):
            if len(schema.get(word, ())) > _MOST_BRANCHES:
                problem = f"has more than {_MOST_BRANCHES} branches"
                yield self._said((*at, word), problem, "name fewer")
            if word in schema and any(one in schema for one in _SHAPES):
                problem = f"`{word}` stands beside the shape of an object or a list"
                yield self._said((*at, word), problem, "write the shape into each branch")
        if "anyOf" in schema and "oneOf" in schema:
            yield self._said((*at, "oneOf"), "stands beside `anyOf`", "use one of them")

    def _reference(self, at: At, schema: dict[str, Any]) -> Iterator[Finding]:
        """A `$ref` leads, within few steps, to a schema in this document."""
        here, hops = schema, 0
        while "$ref" in here and hops <= _MOST_HOPS:
            target = here["$ref"]
            if not target.startswith(("#/$defs/", "#/definitions/")):
                problem = f"leads to `{target[:80]}`, where it is not followed"
                yield self._said((*at, "$ref"), problem, "let it lead to a schema under `$defs`")
                return
            found = _at(self._root, target)
            if found is None:
                yield self._said((*at, "$ref"), f"there is no `{target[:80]}`", "correct the name")
                return
            here, hops = found, hops + 1
        if hops > _MOST_HOPS:
            yield self._said((*at, "$ref"), "leads nowhere", "let it lead to a schema")

    def _mark(self, at: At, schema: dict[str, Any]) -> Iterator[Finding]:
        kind = schema[KEYWORD]
        if not isinstance(kind, str) or not kind.isidentifier() or kind != kind.lower():
            yield self._said(
                (*at, KEYWORD), "wanted a kind of resource", "name one of the manifest"
            )
        elif followed(self._root, schema).get("type") != "string":
            problem = f"marks what is no string as the name of a `{kind}`"
            yield self._said((*at, KEYWORD), problem, "mark a string")

    def _said(self, at: At, problem: str, fix: str) -> Finding:
        return _finding(f"{self._place}{pointer(at)}", problem, fix)


def _is_note(word: str) -> bool:
    """Whether a keyword is somebody's own remark; ours are known, and a slip in one is none."""
    return word.startswith("x-") and not word.startswith("x-lockstep")


def _inner(at: At, schema: Mapping[str, Any]) -> Iterator[tuple[At, Any]]:
    for word in ("properties", "$defs", "definitions"):
        for name, inner in schema.get(word, {}).items():
            yield (*at, word, name), inner
    for word in ("items", "additionalProperties", "propertyNames"):
        if word in schema:
            yield (*at, word), schema[word]
    for word in ("anyOf", "oneOf"):
        for index, inner in enumerate(schema.get(word, ())):
            yield (*at, word, index), inner


def _at(root: Schema, target: str) -> dict[str, Any] | None:
    found: Any = root
    for part in target[2:].split("/"):
        name = part.replace("~1", "/").replace("~0", "~")
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else None


def uncallable(
    steps: Iterable[Step] | Iterable[LockedStep], world: World, severity: Severity
) -> Iterator[Finding]:
    """The steps of a plan or a lock whose tools nobody here could call."""
    found = list(steps)
    lost = {tool for tool in {step.tool for step in found} if not world.is_callable(tool)}
    for step in found if lost else ():
        if step.tool in lost:
            yield Finding(
                code="LS-ENV-009",
                place=f"step `{step.id}`",
                problem=f"tool `{step.tool}` is declared by schema alone, and has no code here",
                fix="run it where a mock answers for the tool, or where its code is",
                severity=severity,
            )
