"""A guard: one comparison that must hold for a step to run.

Two operands and a comparator, and nothing more: a condition that needs more is a tool's to work
out, where it has a name and a test. What cannot be compared does not hold, whichever way round it
was asked: `!=` of a field that is not there is no yes.
"""

import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

from pydantic import ConfigDict, Field, JsonValue

from lockstep.canonical import Exact, canonical
from lockstep.record import Record
from lockstep.reference import Malformed, Reference, Unresolved, as_reference, references
from lockstep.shown import shown

Comparator = Literal["==", "!=", "<", "<=", ">", ">=", "in", "not in"]

MAX_GUARDS = 16
"""Of one step; they are weighed in one activity and told in one event."""

_SEEN_BYTES = 200
"""Of an operand that is shown beside a verdict; what is larger is left out."""

_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class Guard(Record):
    """`left` is compared with `right`; each is a reference or a literal."""

    model_config = ConfigDict(serialize_by_alias=True)

    left: Exact
    is_: Comparator = Field(alias="is")
    right: Exact

    @property
    def operands(self) -> tuple[JsonValue, JsonValue]:
        return self.left, self.right

    def __str__(self) -> str:
        return f"{_spoken(self.left)} {self.is_} {_spoken(self.right)}"


class Weighed(Record):
    """How one comparison came out: what was found on either side, where that is small, and why it
    could not be made, if it could not.
    """

    guard: str
    holds: bool
    left: JsonValue = None
    right: JsonValue = None
    problem: str = ""

    def __str__(self) -> str:
        if self.problem:
            return f"`{self.guard}` cannot be told: {self.problem}"
        found = f"{shown({'': self.left})[1:]} and {shown({'': self.right})[1:]}"
        return f"`{self.guard}` {'holds' if self.holds else 'does not hold'} ({found})"


def drawn(guards: Sequence[Guard]) -> Iterator[Reference | Malformed]:
    """The references that the guards hold."""
    for guard in guards:
        for operand in guard.operands:
            for _, found in references(operand):
                yield found


def weighed(guard: Guard, resolve: Callable[[JsonValue], JsonValue]) -> Weighed:
    """The comparison, made with what `resolve` brings for each operand."""
    seen: list[JsonValue] = []
    try:
        for operand in guard.operands:
            seen.append(resolve(operand))
        problem = incomparable(guard.is_, *map(kinds_of, seen))
    except Unresolved as lost:
        problem = str(lost.args[0])
    small = [one if len(canonical(one)) <= _SEEN_BYTES else None for one in seen]
    left, right = [*small, None, None][:2]
    return Weighed(
        guard=str(guard),
        holds=not problem and compare(guard.is_, seen[0], seen[1]),
        left=left,
        right=right,
        problem=problem,
    )


def compare(how: Comparator, left: Any, right: Any) -> bool:
    """The comparison of two values that can be compared."""
    match how:
        case "==":
            return bool(left == right)
        case "!=":
            return bool(left != right)
        case "in" | "not in":
            # `1 == True` in Python and nowhere else: only members of the same kind are looked at.
            found = any(kind(one) == kind(left) and one == left for one in right)
            return found is (how == "in")
        case _:
            return _ORDER[how](left, right)


Kinds = frozenset[str]
"""What a side may be: `number`, `string`, `boolean`, `null`, `array`, `object`; empty for
anything."""

SCALARS: Kinds = frozenset({"number", "string", "boolean"})
ORDERED: Kinds = frozenset({"number", "string"})


def kind(value: JsonValue) -> str:
    """The kind of a JSON value; whole numbers and fractions are numbers alike."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"


def incomparable(how: Comparator, left: tuple[Kinds, Kinds], right: tuple[Kinds, Kinds]) -> str:
    """Why two sides can never be compared so; empty where they may be. Each side is what it may be
    itself, and what its members may be.
    """
    allowed = ORDERED if how in _ORDER else SCALARS
    (one, _), (other, members) = left, right
    if how in ("in", "not in"):
        if other and "array" not in other:
            return f"`{how}` wants a list on its right, found {_listed(other)}"
        other = members
    for side in (one, other):
        if side and not side & allowed:
            return f"`{how}` compares {_listed(allowed)}, found {_listed(side)}"
    if one and other and not one & other & allowed:
        return f"{_listed(one)} is never {how} {_listed(other)}"
    return ""


def kinds_of(value: JsonValue) -> tuple[Kinds, Kinds]:
    """What a value is, and what its members are."""
    inner = frozenset(map(kind, value)) if isinstance(value, list) else frozenset[str]()
    # Nothing is in an empty list, and a list of mixed things is looked through for what fits.
    return frozenset({kind(value)}), inner


def _listed(kinds: Kinds) -> str:
    names = [f"`{name}`" for name in sorted(kinds)]
    return " or ".join(names)


def _spoken(operand: JsonValue) -> str:
    try:
        reference = as_reference(operand)
    except Malformed:
        reference = None
    return str(reference) if reference is not None else shown({"": operand})[1:]
