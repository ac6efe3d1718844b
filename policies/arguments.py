"""Do these arguments fit that tool, field by field?

Literals are held against the tool's JSON Schema; references against the schema of what their
producer gives. The walk descends only where a reference stands inside, or where a misfit lies deep:
everything else is one call of the validator. A schema is a stranger's input, so the validator may
fetch nothing, and no pair of a schema and a place is looked at twice: a value of recursive unions
would otherwise take time exponential in its depth.
"""

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NoReturn

import jsonschema_rs
from pydantic import JsonValue

from lockstep.canonical import canonical
from lockstep.finding import Finding
from lockstep.loading import pointer
from lockstep.reference import RUN_SCHEMA, Malformed, Reference, as_reference, references
from lockstep.schema import Schema, can_feed, options, step_into
from lockstep.tool import ToolSpec

_SHOWN = 60
_SHALLOW = 4
"""Of a misfit this many levels deep the validator itself can say quickly where it lies."""
_ANYTHING: dict[str, Any] = {}


@dataclass(frozen=True)
class Sources:
    """The schemas that references may draw from: the steps' outputs and the run's inputs."""

    outputs: Mapping[str, Schema]
    inputs: Schema


def check_arguments(
    step: str, spec: ToolSpec, args: Mapping[str, JsonValue], sources: Sources
) -> Iterator[Finding]:
    """Every misfit between a step's arguments and its tool's input schema."""
    yield from _check(_Place(step, spec.input, sources), spec.input, dict(args), ())


def check_value(place: str, schema: Schema, value: JsonValue, code: str) -> Iterator[Finding]:
    """Every misfit between a literal value and a schema, under one code."""
    for found in _literal(_Place(place, schema, None), schema, value, ()):
        yield found.model_copy(update={"code": code})


@dataclass(frozen=True)
class _Place:
    """Where we are: the step, and the schema whose `$defs` its parts may name."""

    step: str
    root: Schema
    sources: Sources | None
    known: dict[tuple[int, tuple[int | str, ...]], list[Finding]] = field(default_factory=dict)
    """What was found, by the identity of a schema (`root` keeps them all) and the place."""
    validators: dict[int, Any] = field(default_factory=dict)

    def finding(self, code: str, at: tuple[int | str, ...], problem: str, fix: str) -> Finding:
        where = pointer(at)
        place = f"step `{self.step}`" if self.sources else self.step
        return Finding(
            code=code, place=f"{place} {where}" if where else place, problem=problem, fix=fix
        )


def _check(
    place: _Place, schema: Any, value: JsonValue, at: tuple[int | str, ...]
) -> list[Finding]:
    key = (id(schema), at)
    if key not in place.known:
        place.known[key] = list(_found(place, schema, value, at))
    return place.known[key]


def _found(
    place: _Place, schema: Any, value: JsonValue, at: tuple[int | str, ...]
) -> Iterator[Finding]:
    if place.sources is None:
        # A real value may look like a reference and is none.
        yield from _literal(place, schema, value, at)
        return
    try:
        reference = as_reference(value)
    except Malformed as problem:
        yield place.finding("LS-PLAN-011", at, str(problem), "correct the reference")
        return
    if reference is not None:
        yield from _reference(place, schema, reference, at)
    elif not any(True for _ in references(value)):
        yield from _literal(place, schema, value, at)
    else:
        yield from _best(place, schema, value, at)


def _best(
    place: _Place, schema: Any, value: JsonValue, at: tuple[int | str, ...]
) -> list[Finding]:
    """Of several alternatives the one that fits best speaks."""
    return min(
        (list(_inside(place, option, value, at)) for option in options(place.root, schema)),
        key=len,
    )


def _inside(
    place: _Place, schema: Mapping[str, Any], value: JsonValue, at: tuple[int | str, ...]
) -> Iterator[Finding]:
    """An object or a list, part by part."""
    declared = schema.get("type")
    if isinstance(value, list):
        if declared not in (None, "array"):
            yield from _mistyped(place, at, value, declared)
            return
        for index, child in enumerate(value):
            yield from _check(place, schema.get("items", _ANYTHING), child, (*at, index))
        return
    assert isinstance(value, dict)
    if declared not in (None, "object"):
        yield from _mistyped(place, at, value, declared)
        return
    properties = schema.get("properties", {})
    others = schema.get("additionalProperties", True)
    for name in schema.get("required", ()):
        if name not in value:
            yield _missing(place, at, name)
    for key, child in value.items():
        if key in properties:
            yield from _check(place, properties[key], child, (*at, key))
        elif others is False:
            yield _unknown(place, at, key, list(properties))
        else:
            inner = others if isinstance(others, dict) else _ANYTHING
            yield from _check(place, inner, child, (*at, key))


def _reference(
    place: _Place, schema: Any, reference: Reference, at: tuple[int | str, ...]
) -> Iterator[Finding]:
    sources = place.sources
    assert sources is not None
    root, owner = _producer(reference, sources)
    if root is None:
        # A step that does not exist, or whose tool does not, is found elsewhere and named once.
        return
    reached: list[dict[str, Any]] = [dict(root)]
    for part in reference.parts:
        here: list[dict[str, Any]] = []
        names: list[str] = []
        for candidate in reached:
            found, known = step_into(root, candidate, part)
            here += found
            names += known
        if not here:
            fields = ", ".join(f"`{name}`" for name in names[:8]) or "no fields"
            yield place.finding(
                "LS-PLAN-009",
                at,
                f"`{reference}` names `{part}`, which {owner} does not have (it has {fields})",
                _did_you_mean(part, names) or "name a field that exists",
            )
            return
        # The branches of a recursive union meet again: each schema is followed once.
        reached = [one for place_, one in enumerate(here) if one not in here[:place_]]
    clauses = [can_feed(root, source, place.root, schema) for source in reached]
    if clauses and None not in clauses:
        yield place.finding(
            "LS-PLAN-010",
            at,
            f"`{reference}` brings {clauses[0]}",
            "refer to a field of the right type",
        )


def _producer(reference: Reference, sources: Sources) -> tuple[Schema | None, str]:
    match reference.source:
        case "$from":
            return sources.outputs.get(reference.step), f"the output of step `{reference.step}`"
        case "$input":
            return sources.inputs, "the agent's inputs"
        case "$run":
            return RUN_SCHEMA, "what a plan may know of its run"


@lru_cache(maxsize=1024)
def _validator(schema: bytes) -> Any:
    def deny(uri: str) -> NoReturn:
        raise ValueError(f"a schema may not refer to `{uri[:80]}`")

    return jsonschema_rs.validator_for(schema.decode(), retriever=deny, validate_formats=True)


def _literal(
    place: _Place, schema: Any, value: JsonValue, at: tuple[int | str, ...]
) -> Iterator[Finding]:
    try:
        validator = _validator_of(place, schema)
        if validator.is_valid(value):
            return
        if _is_shallow(value):
            for error in validator.iter_errors(value):
                yield from _spoken(place, schema, error, at)
            return
    except (ValueError, jsonschema_rs.ReferencingError) as unusable:
        # A schema that cannot be used decides nothing, and so the argument is refused.
        reason = str(unusable).splitlines()[0][:200]
        yield place.finding(
            "LS-PLAN-008", at, f"the tool's schema cannot be used: {reason}", "correct the tool"
        )
        return
    yield from _best(place, schema, value, at) or _mistyped(place, at, value, "another value")


def _validator_of(place: _Place, schema: Any) -> Any:
    if id(schema) not in place.validators:
        whole = dict(schema) if isinstance(schema, dict) else {}
        if "$defs" in place.root:
            whole["$defs"] = place.root["$defs"]
        place.validators[id(schema)] = _validator(canonical(whole))
    return place.validators[id(schema)]


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


def _spoken(
    place: _Place, schema: Any, error: Any, base: tuple[int | str, ...]
) -> Iterator[Finding]:
    """A validator's error in our words; `schema` is what the value at `base` was held to."""
    at = (*base, *error.instance_path)
    match error.kind.name:
        case "required":
            yield _missing(place, at, error.kind.property)
        case "additionalProperties":
            known = _names(place, schema, error.instance_path)
            for name in error.kind.unexpected:
                yield _unknown(place, at, name, known)
        case "type":
            yield from _mistyped(place, at, error.instance, error.kind.types)
        case "enum":
            choices = ", ".join(map(_show, error.kind.options[:8]))
            yield place.finding(
                "LS-PLAN-008",
                at,
                f"{_show(error.instance)} is not one of {choices}",
                _did_you_mean(error.instance, error.kind.options) or "choose one of them",
            )
        case "anyOf" | "oneOf":
            branches = [branch for branch in getattr(error.kind, "context", []) if branch]
            deepest = max(
                (inner for branch in branches for inner in branch),
                key=lambda inner: len(inner.instance_path),
                default=None,
            )
            if deepest is not None and len(deepest.instance_path) > len(error.instance_path):
                yield from _spoken(place, schema, deepest, base)
            else:
                kinds = [
                    name
                    for branch in branches
                    for inner in branch
                    if inner.kind.name == "type"
                    for name in inner.kind.types
                ]
                yield from _mistyped(place, at, error.instance, kinds or "another value")
        case _:
            problem = error.message if len(error.message) <= 200 else error.message[:199] + "…"
            yield place.finding("LS-PLAN-008", at, problem, "correct the value")


def _names(place: _Place, schema: Any, path: list[int | str]) -> list[str]:
    """The fields that the schema knows where the path leads."""
    reached = options(place.root, schema)
    for part in path:
        reached = [
            found for one in reached for found in step_into(place.root, one, str(part))[0]
        ]
    found = [option for one in reached for option in options(place.root, one)]
    return list(dict.fromkeys(name for option in found for name in option.get("properties", ())))


def _missing(place: _Place, at: tuple[int | str, ...], name: str) -> Finding:
    return place.finding("LS-PLAN-006", at, f"argument `{name}` is missing", f"add `{name}`")


def _unknown(place: _Place, at: tuple[int | str, ...], name: str, known: list[str]) -> Finding:
    return place.finding(
        "LS-PLAN-007",
        at,
        f"argument `{name}` is not known",
        _did_you_mean(name, known) or "remove it",
    )


def _mistyped(
    place: _Place, at: tuple[int | str, ...], value: JsonValue, wanted: Any
) -> Iterator[Finding]:
    names = [wanted] if isinstance(wanted, str) else list(dict.fromkeys(wanted))
    spoken = " or ".join(f"`{name}`" for name in names)
    yield place.finding(
        "LS-PLAN-008", at, f"wanted {spoken}, found {_show(value)}", "give a value of that type"
    )


def _did_you_mean(given: Any, known: Any) -> str:
    names = [name for name in known if isinstance(name, str)]
    close = difflib.get_close_matches(given, names, 1) if isinstance(given, str) else []
    return f"did you mean `{close[0]}`?" if close else ""


def _show(value: Any) -> str:
    try:
        text = canonical(value).decode()
    except ValueError:
        text = repr(value)
    return f"`{text if len(text) <= _SHOWN else text[: _SHOWN - 1] + '…'}`"
