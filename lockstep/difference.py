"""What is different between two JSON values, place by place.

For people who review: a lock against the one it replaces, one environment against another. A place
is a JSON pointer (RFC 6901), so that it can be looked up in the file; what only one of the two has
is told once, as a whole, and not leaf by leaf.
"""

from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import Literal

from pydantic import JsonValue

from lockstep.canonical import canonical
from lockstep.environment import Environment
from lockstep.lock import Body, LockedStep
from lockstep.pointer import pointer
from lockstep.record import Record
from lockstep.shown import shown

_MOST_ALIGNED = 500
"""Elements; of longer lists those that stand at one index are compared, which takes no longer."""

_TITLE = {"lockstep", "name", "description", "extends", "without"}
"""What a manifest says of itself and of how it was put together, and not of its world."""

Kind = Literal["added", "removed", "changed"]


class Change(Record):
    """One difference; `old` or `new` is null where there is none."""

    at: str
    kind: Kind
    old: JsonValue = None
    new: JsonValue = None

    @property
    def parts(self) -> tuple[str, ...]:
        """The pointer's keys and indexes, as they are called."""
        return tuple(part.replace("~1", "/").replace("~0", "~") for part in self.at.split("/")[1:])


At = tuple[int | str, ...]


def changes(old: JsonValue, new: JsonValue) -> Iterator[Change]:
    """In the order of keys and indexes; nothing for two values that are one by RFC 8785. What was
    removed is told by its place in the old value, everything else by its place in the new one.
    """
    yield from _changes(old, new, (), ())


def _changes(old: JsonValue, new: JsonValue, was: At, at: At) -> Iterator[Change]:
    if canonical(old) == canonical(new):
        return
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted({*old, *new}):
            if key not in old:
                yield _added(new[key], (*at, key))
            elif key not in new:
                yield _removed(old[key], (*was, key))
            else:
                yield from _changes(old[key], new[key], (*was, key), (*at, key))
    elif isinstance(old, list) and isinstance(new, list):
        yield from _listed(old, new, was, at)
    else:
        yield Change(at=pointer(at), kind="changed", old=old, new=new)


def _added(value: JsonValue, at: At) -> Change:
    return Change(at=pointer(at), kind="added", new=value)


def _removed(value: JsonValue, was: At) -> Change:
    return Change(at=pointer(was), kind="removed", old=value)


def lock_changes(old: Body, new: Body, *, spoken: bool = False) -> tuple[Change, ...]:
    """What is different between two locks; a step is found by its id, wherever it stands. `spoken`
    has guards, loops and fallbacks in words.
    """
    return tuple(changes(_by_step(old, spoken), _by_step(new, spoken)))


def environment_changes(old: Environment, new: Environment) -> tuple[Change, ...]:
    """What is different between two environments as they count, catalogues included, but for what
    they are called.
    """
    return tuple(changes(_nameless(old), _nameless(new)))


def _listed(old: list[JsonValue], new: list[JsonValue], was: At, at: At) -> Iterator[Change]:
    """What was put into a list moves the rest along; that rest is not different."""
    for i, j, k, m in _blocks(old, new):
        pairs = min(j - i, m - k)
        for n in range(pairs):
            yield from _changes(old[i + n], new[k + n], (*was, i + n), (*at, k + n))
        for n in range(i + pairs, j):
            yield _removed(old[n], (*was, n))
        for n in range(k + pairs, m):
            yield _added(new[n], (*at, n))


def _blocks(old: list[JsonValue], new: list[JsonValue]) -> Iterator[tuple[int, int, int, int]]:
    """The stretches of two lists that differ."""
    if max(len(old), len(new)) > _MOST_ALIGNED:
        yield 0, len(old), 0, len(new)
        return
    before, after = [canonical(one) for one in old], [canonical(one) for one in new]
    for kind, *block in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if kind != "equal":
            i, j, k, m = block
            yield i, j, k, m


def _by_step(body: Body, spoken: bool) -> dict[str, JsonValue]:
    dumped: dict[str, JsonValue] = body.model_dump(mode="json")
    return {
        **dumped,
        "steps": {
            step.id: {
                **step.model_dump(mode="json", exclude={"id"}),
                **(_spoken(step) if spoken else {}),
            }
            for step in body.steps
        },
    }


def _spoken(step: LockedStep) -> dict[str, JsonValue]:
    """On what it depends whether and how often the step runs; nothing of what it does not have."""
    given: dict[str, JsonValue] = {
        "when": [str(guard) for guard in step.when],
        "for_each": str(step.for_each) if step.for_each else "",
        "on_error": {
            error: str(one) if one.output is None else f"{one}: {shown({'': one.output})[1:]}"
            for error, one in step.on_error.items()
        },
    }
    return {name: value for name, value in given.items() if value}


def _nameless(environment: Environment) -> dict[str, JsonValue]:
    dumped: dict[str, JsonValue] = environment.model_dump(
        mode="json", include=Environment.model_fields.keys() - _TITLE
    )
    return dumped
