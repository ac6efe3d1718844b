"""What a step says of where its values come from, read once.

What that makes of them is for `provenance`: here nothing is believed or doubted.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from pydantic import JsonValue

from lockstep.fallback import Provided
from lockstep.guard import Guard
from lockstep.loop import ForEach
from lockstep.pointer import pointer
from lockstep.reference import Malformed
from policies.lineage.origin import Found, positions


class Traced(Provided, Protocol):
    """What proposed and locked steps have in common."""

    @property
    def spelled(self) -> str: ...
    @property
    def fed_by(self) -> tuple[str, ...]: ...
    @property
    def tool(self) -> str: ...
    @property
    def args(self) -> dict[str, JsonValue]: ...
    @property
    def when(self) -> tuple[Guard, ...]: ...
    @property
    def for_each(self) -> ForEach | None: ...


@dataclass(frozen=True)
class Parts:
    """What a step says, read once: what stands where in its arguments, what its guards compare,
    and where the list of its loop comes from.
    """

    args: tuple[tuple[str, Found], ...]
    guards: tuple[Found, ...]
    list: Found

    @classmethod
    def of(cls, step: Traced) -> "Parts":
        loop = step.for_each
        operands = (operand for guard in step.when for operand in guard.operands)
        return cls(
            args=tuple(positions(step.args) if "$" in step.spelled else _literals(step.args)),
            guards=tuple(one for operand in operands for _, one in positions({"": operand})),
            list=(loop.source or Malformed("no list")) if loop is not None else None,
        )


def _literals(args: dict[str, JsonValue]) -> Iterator[tuple[str, None]]:
    """The same positions of arguments that hold no reference."""
    return ((pointer((name,)), None) for name in args)
