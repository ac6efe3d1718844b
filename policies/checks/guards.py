"""Can these guards be weighed, and is there anything to weigh?

Each side is held against the schema of what it comes from, so that a comparison which could only
ever come out one way is found before anything runs: of a number with a string, of two literals, of
a word with an enumeration that does not have it.
"""

from collections.abc import Iterator
from typing import Any

from pydantic import JsonValue

from lockstep.canonical import canonical
from lockstep.finding import Finding
from lockstep.guard import Guard, Kinds, incomparable, kinds_of
from lockstep.reference import Malformed, Reference, as_reference, references
from lockstep.schema import options, types
from policies.checks.arguments import Reached, Sources, reach
from policies.checks.misfit import Place, did_you_mean

_CODE = "LS-PLAN-015"


def check_guards(step: str, guards: tuple[Guard, ...], sources: Sources) -> Iterator[Finding]:
    """Everything that is wrong with a step's guards."""
    place = Place(f"step `{step}`", {})
    for index, guard in enumerate(guards):
        yield from _guard(guard, sources, place, index)


def _guard(guard: Guard, sources: Sources, place: Place, index: int) -> Iterator[Finding]:
    sides: list[Reached | None] = []
    for name, operand in (("left", guard.left), ("right", guard.right)):
        try:
            side = _side(operand, sources, place, ("when", index, name))
        except _Wrong as wrong:
            yield wrong.finding
            return
        sides.append(side)
    at = ("when", index)
    if all(_is_literal(operand) for operand in guard.operands):
        yield place.finding(
            _CODE, at, f"`{guard}` compares two literals", "compare with what a step or input gives"
        )
        return
    if canonical(guard.left) == canonical(guard.right):
        yield place.finding(
            _CODE, at, f"`{guard}` compares a value with itself", "compare with another value"
        )
        return
    left, right = (
        kinds_of(operand) if _is_literal(operand) else _of_schemas(side)
        for operand, side in zip(guard.operands, sides, strict=True)
    )
    problem = incomparable(guard.is_, left, right)
    if problem:
        yield place.finding(
            _CODE, at, f"`{guard}`: {problem}", "compare values of one kind, or take the guard out"
        )
    elif guard.is_ in ("in", "not in") and guard.right == []:
        yield place.finding(_CODE, at, f"`{guard}`: the list is empty", "name what it may hold")
    else:
        yield from _outside(guard, sides, place, index)


def _outside(
    guard: Guard, sides: list[Reached | None], place: Place, index: int
) -> Iterator[Finding]:
    """Words that an enumeration does not have."""
    pairs = ((guard.left, sides[1], "left"), (guard.right, sides[0], "right"))
    for literal, reached, name in pairs:
        if reached is None or not _is_literal(literal):
            continue
        words: list[JsonValue] = []
        match guard.is_, name:
            case (("==" | "!="), _):
                words = [literal]
            case (("in" | "not in"), "right") if isinstance(literal, list):
                words = literal
        known = _enumerated(reached)
        for word in words if known is not None else ():
            # Not `in`: to Python, `1` and `true` are equal.
            if canonical(word) not in map(canonical, known or []):
                yield place.finding(
                    _CODE,
                    ("when", index, name),
                    f"`{guard}`: {canonical(word).decode()} is nothing that it can be",
                    did_you_mean(word, known) or "compare with one of its values",
                )


class _Wrong(Exception):
    def __init__(self, finding: Finding) -> None:
        self.finding = finding


def _side(
    operand: JsonValue, sources: Sources, place: Place, at: tuple[int | str, ...]
) -> Reached | None:
    """What a reference brings; None for a literal, and where the producer is not known."""
    try:
        reference = as_reference(operand)
    except Malformed as problem:
        raise _Wrong(
            place.finding("LS-PLAN-011", at, str(problem), "correct the reference")
        ) from None
    if reference is None:
        if any(True for _ in references(operand)):
            raise _Wrong(
                place.finding(
                    "LS-PLAN-011", at, "a reference stands inside a literal", "refer to the whole"
                )
            )
        return None
    reached = reach(reference, sources, place, at)
    if isinstance(reached, Finding):
        raise _Wrong(reached)
    return reached


def _is_literal(operand: JsonValue) -> bool:
    return not isinstance(as_reference(operand), Reference)


def _of_schemas(reached: Reached | None) -> tuple[Kinds, Kinds]:
    """What a value may be, and its members; that it may be null is met when the run is there."""
    if reached is None:
        return frozenset(), frozenset()
    branches = [one for schema in reached.schemas for one in options(reached.root, schema)]
    lists = [one for one in branches if "array" in types(one) and one.get("items")]
    inner = [one for listed in lists for one in options(reached.root, listed["items"])]
    return _kinds(branches), _kinds(inner)


def _kinds(branches: list[dict[str, Any]]) -> Kinds:
    found = [types(one) for one in branches]
    if not all(found):
        return frozenset()
    named = {("number" if name == "integer" else name) for each in found for name in each}
    return frozenset(named - {"null"}) or frozenset(named)


def _enumerated(reached: Reached) -> list[JsonValue] | None:
    """All that a value can be, where its schema lists that."""
    known: list[JsonValue] = []
    for branch in (one for schema in reached.schemas for one in options(reached.root, schema)):
        match branch:
            case {"const": value}:
                known.append(value)
            case {"enum": [*values]}:
                known += values
            case {"type": "boolean"}:
                known += [True, False]
            case {"type": "null"}:
                continue
            case _:
                return None
    return known or None
