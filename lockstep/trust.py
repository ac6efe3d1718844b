"""Whether a value may be believed, and what a tool says of the values that it returns.

Two labels and one join: of everything that goes into a value, the worst counts. A label says whose
words a value is made of, never whether it is right. That something is untrusted forbids nothing by
itself; policy says what it may not reach.
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from functools import lru_cache
from typing import Annotated

from pydantic import AfterValidator, StringConstraints

from lockstep.reference import path_parts


class Trust(StrEnum):
    """`trusted`: a named person, the agent's own files or a tool that vouches for it said so.
    `untrusted`: anybody may have.
    """

    TRUSTED = "trusted"
    UNTRUSTED = "untrusted"


def is_trusted(label: object) -> bool:
    """Whether a label says nothing that was not always so: such labels are not written down."""
    return label is Trust.TRUSTED


def is_untrusted(label: object) -> bool:
    return label is Trust.UNTRUSTED


def worst(labels: Iterable[Trust]) -> Trust:
    """The join: untrusted if any of them is; of nothing at all, trusted."""
    return Trust.UNTRUSTED if Trust.UNTRUSTED in labels else Trust.TRUSTED


class Emits(StrEnum):
    """What a tool says of what it returns.

    `untrusted`: anybody may have written it. `inherited`: the tool adds nothing of its own, so it
    is as trusted as the worst of the arguments. `trusted`: it may be believed whatever the tool was
    given; whoever declares that vouches for it.
    """

    TRUSTED = "trusted"
    INHERITED = "inherited"
    UNTRUSTED = "untrusted"


ANY = "*"
"""As a part of a field's pointer: every item of a list, every key of an object."""

FieldPointer = Annotated[
    str,
    StringConstraints(pattern=r"^(/([^~/]|~[01])*)*$", max_length=500),
]
"""A JSON pointer (RFC 6901) into a tool's output, in which a part may be `*`."""


def _bounded(fields: Mapping[str, Emits]) -> Mapping[str, Emits]:
    if len(fields) > _MOST:
        raise ValueError(f"labels {len(fields)} fields, more than {_MOST}")
    return fields


_MOST = 64
FieldLabels = Annotated[dict[FieldPointer, Emits], AfterValidator(_bounded)]
"""Labels by field; of a field, the longest pointer that leads to it or above it counts. What no
pointer covers is untrusted."""


def emitted(
    declared: Emits | Mapping[str, Emits], path: Sequence[str], *, below: bool = True
) -> frozenset[Emits]:
    """The labels of what stands at a place in a tool's output, and of all `below` it.

    A part of the path may be `*`: one that is not known yet, so that all it can be counts.
    """
    if isinstance(declared, Emits):
        return frozenset({declared})
    found, longest = {Emits.UNTRUSTED}, -1
    possible: set[Emits] = set()
    for field, label in declared.items():
        parts = _parts(field)
        fits = [_fits(part, here) for part, here in zip(parts, path, strict=False)]
        if None in fits:
            continue
        if len(parts) > len(path):
            possible |= {label} if below else set()
        elif not all(fits):
            possible.add(label)
        elif len(parts) > longest:
            found, longest = {label}, len(parts)
        elif len(parts) == longest:
            found.add(label)
    return frozenset(found | possible)


@lru_cache(maxsize=1024)
def _parts(field: str) -> tuple[str, ...]:
    """Of a pointer that a tool declares: they are few and short, and asked for with each value."""
    return path_parts(field)


def _fits(part: str, here: str) -> bool | None:
    """Whether a part of a field's pointer is a part of the path; None for surely not, and False
    where that depends on what is not known yet.
    """
    if part in (ANY, here):
        return True
    return False if here == ANY else None
