"""What is known of where a step's arguments come from, before anybody knows what they are.

Worked out from the plan alone, so that it is the same when the plan is checked, when it is locked
and when the call is made. What the values turn out to be changes nothing of it.
"""

from collections.abc import Iterator, Mapping, Sequence

from pydantic import Field, JsonValue

from lockstep.names import ToolName
from lockstep.record import Record
from lockstep.reference import path_parts
from lockstep.schema import is_index


class Provenance(Record):
    """Of one step. `untrusted` are JSON pointers of the arguments that hold what may not be
    believed.

    `steered`: whether the step is done, how often, or with which of several values, hangs on what
    may not be believed. `sensitive`: something private flows in, or decides over it, or is what its
    tool gives. `sources` are the tools whose outputs its arguments are made of, directly or through
    others, sorted.
    """

    untrusted: tuple[str, ...] = Field(default=(), exclude_if=lambda value: not value)
    steered: bool = Field(default=False, exclude_if=lambda value: not value)
    sensitive: bool = Field(default=False, exclude_if=lambda value: not value)
    sources: tuple[ToolName, ...] = Field(default=(), exclude_if=lambda value: not value)

    def __bool__(self) -> bool:
        return bool(self.untrusted or self.steered or self.sensitive or self.sources)

    @property
    def doubted(self) -> frozenset[str]:
        """The top-level arguments with something untrusted in them."""
        return frozenset(path_parts(at)[0] for at in self.untrusted)

    def edited(
        self, before: Mapping[str, JsonValue], after: Mapping[str, JsonValue]
    ) -> "Provenance":
        """The same once a named person has rewritten the arguments.

        What they changed is theirs. What they left is what it was, wherever in the argument it now
        stands, since nobody says that they looked at it: of a list that was shortened the rest is
        no more theirs than before. That a step is private or steered, and by what, no edit undoes.
        """
        still = tuple(at for at in self.untrusted if _left(before, after, path_parts(at)))
        return self.model_copy(update={"untrusted": still})


def _left(
    before: Mapping[str, JsonValue], after: Mapping[str, JsonValue], parts: Sequence[str]
) -> bool:
    """Whether anything of what stood at a place is still in the argument."""
    argument = parts[0]
    if argument not in before or argument not in after:
        return False
    old: JsonValue = before[argument]
    for part in parts[1:]:
        if isinstance(old, dict) and part in old:
            old = old[part]
        elif isinstance(old, list) and is_index(part) and int(part) < len(old):
            old = old[int(part)]
    now = [*_leaves(after[argument])]
    return now == [*_leaves(before[argument])] or not {*_leaves(old)}.isdisjoint(now)


def _leaves(value: JsonValue) -> Iterator[tuple[type, JsonValue]]:
    """Everything in a value that holds nothing else; `1` and `true` are two things."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from _leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner)
    else:
        yield type(value), value
