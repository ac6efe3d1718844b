"""What comes in at each place of a step's arguments, and where it comes from, in words.

A place is where one value comes in as a whole: a reference, or a literal that is as large as it can
be without holding one. What is believed of it is for `policies/lineage/provenance.py` to say.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal, NamedTuple

from pydantic import JsonValue

from lockstep.pointer import pointer
from lockstep.reference import Malformed, Reference, as_reference
from lockstep.trust import Trust

Found = Reference | Malformed | None
"""What stands at a place: a reference, something that only looks like one, or a literal."""


class Origin(NamedTuple):
    """Where what stands at `at` in a step's arguments comes from. `path` is a JSON pointer into the
    source; with `item` it is one of the list's items, and the part `*` stands for its index.
    """

    at: str
    source: Literal["literal", "input", "run", "step", "nowhere"]
    trust: Trust
    step: str = ""
    tool: str = ""
    path: str = ""
    item: bool = False

    def __str__(self) -> str:
        each = "an item of " if self.item else ""
        match self.source:
            case "literal":
                return "is written in the plan"
            case "input":
                return f"comes from {each}input `{self.path}`"
            case "run":
                return f"comes from the run's own `{self.path}`"
            case "step":
                field = f" {self.path}" if self.path else ""
                return f"comes from {each}step `{self.step}` ({self.tool}{field})"
            case "nowhere":
                return "comes from nothing that the plan has"


def positions(args: Mapping[str, JsonValue]) -> Iterator[tuple[str, Found]]:
    """Every place in a step's arguments where one value comes in: each reference, and each literal
    that is as large as it can be without holding one; with its JSON pointer.
    """
    for name, value in args.items():
        found: list[tuple[tuple[int | str, ...], Found]] = []
        _walk(value, (name,), found)
        for at, one in found:
            yield pointer(at), one


def _walk(
    value: JsonValue,
    at: tuple[int | str, ...],
    found: list[tuple[tuple[int | str, ...], Found]],
) -> bool:
    """Whether the value is literal throughout; what was found in it is then one place."""
    try:
        reference: Found = as_reference(value)
    except Malformed as problem:
        reference = problem
    if reference is not None:
        found.append((at, reference))
        return False
    inside: Iterable[tuple[int | str, JsonValue]] = ()
    if isinstance(value, dict):
        inside = value.items()
    elif isinstance(value, list):
        inside = enumerate(value)
    before, whole = len(found), True
    for key, child in inside:
        if isinstance(child, dict | list):
            whole = _walk(child, (*at, key), found) and whole
        else:
            found.append(((*at, key), None))
    if whole:
        del found[before:]
        found.append((at, None))
    return whole
