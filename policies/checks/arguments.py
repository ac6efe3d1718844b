"""Do these arguments fit that tool, field by field?

Literals are held against the tool's JSON Schema; references against the schema of what their
producer gives. The walk descends only where a reference stands inside, or where a misfit lies deep:
everything else is one call of the validator. A schema is a stranger's input, so the validator may
fetch nothing, and no pair of a schema and a place is looked at twice: a value of recursive unions
would otherwise take time exponential in its depth.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from typing import Any, NoReturn

import jsonschema_rs
from pydantic import JsonValue

from lockstep.canonical import canonical
from lockstep.finding import Finding
from lockstep.part import Part
from lockstep.reference import RUN_SCHEMA, Malformed, Reference, as_reference, references
from lockstep.schema import Schema, can_feed, fields, options, required, step_into
from lockstep.tool import ToolSpec
from policies.checks.misfit import At, Place, did_you_mean, spoken

_SHALLOW = 4
"""Of a misfit this many levels deep the validator itself can say quickly where it lies."""
_ENOUGH = 100
"""More misfits of one literal nobody reads."""
_ANYTHING: dict[str, Any] = {}


@dataclass(frozen=True)
class Sources:
    """The schemas that references may draw from: the steps' outputs, the run's inputs, and within
    a loop its item.
    """

    outputs: Mapping[str, Schema]
    inputs: Schema
    item: "Reached | None" = None


def check_arguments(
    step: str, spec: ToolSpec, args: Mapping[str, JsonValue], sources: Sources | None
) -> Iterator[Finding]:
    """Every misfit between a step's arguments and its tool's input schema; without `sources` they
    hold no reference.
    """
    if sources is None and _fits(spec.input, dict(args)):
        return
    walk = _Walk(Place(f"step `{step}`", spec.input), sources)
    yield from walk.check(spec.input, dict(args), ())


def check_value(place: str, schema: Schema, value: JsonValue, code: str) -> Iterator[Finding]:
    """Every misfit between a literal value and a schema, under one code."""
    for found in _Walk(Place(place, schema), None).check(schema, value, ()):
        yield found.model_copy(update={"code": code})


def _fits(schema: Schema, value: JsonValue) -> bool:
    """Whether a literal fits, as most do; what else is there to be said of it takes a walk."""
    try:
        return bool(_validator_of(Part(schema, schema)).is_valid(value))
    except (ValueError, jsonschema_rs.ReferencingError):
        return False


def unusable(schema: Schema) -> str:
    """Why no value could ever be held to this schema; empty where values can be."""
    try:
        _validator_for(canonical(dict(schema)))
    except (ValueError, jsonschema_rs.ReferencingError) as error:
        return str(error).splitlines()[0][:200]
    return ""


@dataclass(frozen=True)
class _Walk:
    """Through one step's arguments; without `sources` nothing in them is a reference.

    What was found is kept by the identity of a schema, which the root holds on to, and the place.
    """

    place: Place
    sources: Sources | None
    known: dict[tuple[int, At], list[Finding]] = field(default_factory=dict)
    validators: dict[int, Any] = field(default_factory=dict)

    def check(self, schema: Any, value: JsonValue, at: At) -> list[Finding]:
        key = (id(schema), at)
        if key not in self.known:
            self.known[key] = list(self._found(schema, value, at))
        return self.known[key]

    def _found(self, schema: Any, value: JsonValue, at: At) -> Iterator[Finding]:
        if self.sources is None or not isinstance(value, dict | list):
            # A real value may look like a reference and is none.
            yield from self._literal(schema, value, at)
            return
        try:
            reference = as_reference(value)
        except Malformed as problem:
            yield self.place.finding("LS-PLAN-011", at, str(problem), "correct the reference")
            return
        if reference is not None:
            yield from self._reference(self.sources, schema, reference, at)
        elif not any(True for _ in references(value)):
            yield from self._literal(schema, value, at)
        else:
            yield from self._best(schema, value, at)

    def _best(self, schema: Any, value: JsonValue, at: At) -> list[Finding]:
        """Of several alternatives the one that fits best speaks."""
        return min(
            (list(self._inside(option, value, at)) for option in options(self.place.root, schema)),
            key=len,
        )

    def _inside(self, schema: Mapping[str, Any], value: JsonValue, at: At) -> Iterator[Finding]:
        """An object or a list, part by part."""
        declared = schema.get("type")
        if isinstance(value, list):
            if declared not in (None, "array"):
                yield self.place.mistyped(at, value, declared)
                return
            for index, child in enumerate(value):
                yield from self.check(schema.get("items", _ANYTHING), child, (*at, index))
            return
        assert isinstance(value, dict)
        if declared not in (None, "object"):
            yield self.place.mistyped(at, value, declared)
            return
        properties = fields(schema)
        others = schema.get("additionalProperties", True)
        for name in required(schema):
            if name not in value:
                yield self.place.missing(at, name, [properties[name]] if name in properties else [])
        for key, child in value.items():
            if key in properties:
                yield from self.check(properties[key], child, (*at, key))
            elif others is False:
                yield self.place.unknown(at, key, list(properties))
            else:
                inner = others if isinstance(others, dict) else _ANYTHING
                yield from self.check(inner, child, (*at, key))

    def _reference(
        self, sources: Sources, schema: Any, reference: Reference, at: At
    ) -> Iterator[Finding]:
        reached = reach(reference, sources, self.place, at)
        if reached is None:
            return
        if isinstance(reached, Finding):
            yield reached
            return
        clauses = [
            _fed(Part(reached.root, source), Part(self.place.root, schema))
            for source in reached.schemas
        ]
        if clauses and None not in clauses:
            yield self.place.finding(
                "LS-PLAN-010",
                at,
                f"`{reference}` brings {clauses[0]}",
                "refer to a field of the right type, or write a value of it",
            )

    def _literal(self, schema: Any, value: JsonValue, at: At) -> Iterator[Finding]:
        try:
            validator = self._validator(schema)
            if validator.is_valid(value):
                return
            if _is_shallow(value):
                errors = list(islice(validator.iter_errors(value), _ENOUGH))
                mistyped = [error.instance_path for error in errors if error.kind.name == "type"]
                for error in errors:
                    # What is of the wrong type is outside every enumeration and bound as well.
                    if error.kind.name == "type" or error.instance_path not in mistyped:
                        yield from spoken(self.place, schema, error, at)
                return
        except (ValueError, jsonschema_rs.ReferencingError) as unusable:
            # A schema that cannot be used decides nothing, and so the argument is refused.
            reason = str(unusable).splitlines()[0][:200]
            yield self.place.finding(
                "LS-PLAN-008", at, f"the tool's schema cannot be used: {reason}", "correct the tool"
            )
            return
        yield from self._best(schema, value, at) or [
            self.place.mistyped(at, value, "another value")
        ]

    def _validator(self, schema: Any) -> Any:
        if id(schema) not in self.validators:
            self.validators[id(schema)] = _validator_of(Part(self.place.root, schema))
        return self.validators[id(schema)]


@dataclass(frozen=True)
class Reached:
    """What a reference brings: one of these schemas, in the words of one root."""

    root: Schema
    schemas: tuple[Schema, ...]


def reach(reference: Reference, sources: Sources, place: Place, at: At) -> Reached | Finding | None:
    """What a reference brings, or what is wrong with its path; None where its producer is not
    known, which is found elsewhere and named once.
    """
    if reference.source == "$item":
        if sources.item is None:
            return place.finding(
                "LS-PLAN-017", at, f"`{reference}` stands outside a loop", "add `for_each`"
            )
        root, owner = sources.item.root, "the item"
        reached: list[Schema] = list(sources.item.schemas)
    else:
        produced, owner = _producer(reference, sources)
        if produced is None:
            return None
        root, reached = produced, [produced]
    for part in reference.parts:
        here: list[Schema] = []
        names: list[str] = []
        for candidate in reached:
            found, known = _stepped(Part(root, candidate), part)
            here += found
            names += known
        if not here:
            there = ", ".join(f"`{name}`" for name in names[:8]) or "no fields"
            return place.finding(
                "LS-PLAN-009",
                at,
                f"`{reference}` names `{part}`, which {owner} does not have (it has {there})",
                did_you_mean(part, names)
                or ("name a field that exists" if names else "refer to the whole, without a path"),
            )
        # The branches of a recursive union meet again: each schema is followed once.
        reached = [one for n, one in enumerate(here) if one not in here[:n]]
    return Reached(root, tuple(reached))


def _producer(reference: Reference, sources: Sources) -> tuple[Schema | None, str]:
    match reference.source:
        case "$from":
            return sources.outputs.get(reference.step), f"the output of step `{reference.step}`"
        case "$input":
            return sources.inputs, "the agent's inputs"
        case _:
            return RUN_SCHEMA, "what a plan may know of its run"


@lru_cache(maxsize=1024)
def _stepped(part: Part, name: str) -> tuple[tuple[Schema, ...], tuple[str, ...]]:
    found, known = step_into(part.root, part.schema, name)
    return tuple(found), tuple(known)


@lru_cache(maxsize=1024)
def _fed(source: Part, target: Part) -> str | None:
    return can_feed(source.root, source.schema, target.root, target.schema)


@lru_cache(maxsize=1024)
def _validator_of(part: Part) -> Any:
    whole = dict(part.schema) if isinstance(part.schema, dict) else {}
    # What a local `$ref` may name; older schemas call it `definitions`.
    whole |= {word: part.root[word] for word in ("$defs", "definitions") if word in part.root}
    return _validator_for(canonical(whole))


@lru_cache(maxsize=1024)
def _validator_for(schema: bytes) -> Any:
    def deny(uri: str) -> NoReturn:
        raise ValueError(f"a schema may not refer to `{uri[:80]}`")

    return jsonschema_rs.validator_for(schema.decode(), retriever=deny, validate_formats=True)


def _is_shallow(value: JsonValue) -> bool:
    level = [value]
    for _ in range(_SHALLOW):
        level = [
            inner
            for one in level
            if isinstance(one, dict | list)
            for inner in (one.values() if isinstance(one, dict) else one)
        ]
    return not any(isinstance(one, dict | list) for one in level)
