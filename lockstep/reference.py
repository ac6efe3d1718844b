"""References: how an argument says "what that step found" instead of a literal.

`{"$from": "fetch", "path": "/series"}`, `{"$input": "/host"}`, `{"$run": "/scheduled_at"}`, and in
a loop `{"$item": "/name"}`. An object with any other key that begins with `$` is malformed: a
literal can never be mistaken for a reference, nor the other way round.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import JsonValue

from lockstep.loading import MAX_CANONICAL_DEPTH
from lockstep.pointer import pointer
from lockstep.schema import is_index

Source = Literal["$from", "$input", "$run", "$item"]

RUN_SCHEMA: dict[str, JsonValue] = {
    "type": "object",
    "properties": {
        "scheduled_at": {"type": "string", "format": "date-time"},
        "id": {"type": "string"},
    },
    "required": ["scheduled_at", "id"],
    "additionalProperties": False,
}
"""What a plan may know about its run; `scheduled_at` is the only clock it sees."""


_KINDS = "`$from`, `$input`, `$run`, `$item`"
_BAD_ESCAPE = re.compile(r"~(?![01])")


class Malformed(ValueError):
    """An object that looks like a reference and is none; the message says why."""


class Unresolved(LookupError):
    """A reference whose path leads nowhere in the real value."""


@dataclass(frozen=True)
class Reference:
    """`step` is set for `$from` only; `path` is a JSON pointer (RFC 6901), `""` the whole value."""

    source: Source
    path: str
    step: str = ""

    @property
    def parts(self) -> tuple[str, ...]:
        return path_parts(self.path)

    def __str__(self) -> str:
        return f"{self.step or self.source}{self.path}"


def path_parts(path: str) -> tuple[str, ...]:
    """The keys and indexes of a JSON pointer (RFC 6901)."""
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:])


def as_reference(value: JsonValue) -> Reference | None:
    """The reference that a JSON value is, None for a literal; Malformed for neither."""
    if not isinstance(value, dict):
        return None
    marks = [key for key in value if key[:1] == "$"]
    if not marks:
        return None
    if len(marks) > 1:
        raise Malformed(f"`{marks[0]}` and `{marks[1]}` stand in one object")
    mark, target = marks[0], value[marks[0]]
    if not isinstance(target, str):
        raise Malformed(f"`{mark}` wants a string")
    match mark:
        case "$from":
            path = value.get("path", "")
            if len(value) > 1 + ("path" in value) or not isinstance(path, str):
                raise Malformed('`$from` is written {"$from": STEP, "path": "/FIELD"}')
            return Reference("$from", _checked(path), target)
        case "$input" | "$run" | "$item" as source:
            if len(value) > 1:
                raise Malformed(f'`{source}` is written {{"{source}": "/FIELD"}}')
            return Reference(source, _checked(target))
        case other:
            raise Malformed(f"`{other}` is not a reference; there are {_KINDS}")


def _checked(path: str) -> str:
    if path and not path.startswith("/"):
        raise Malformed(f"path `{path}` must be empty or begin with `/`")
    if "~" in path and _BAD_ESCAPE.search(path):
        raise Malformed(f"path `{path}`: a `~` in a name is written `~0`, and a `/` `~1`")
    if path.count("/") > MAX_CANONICAL_DEPTH:
        raise Malformed(f"a path of {path.count('/'):,} parts is deeper than any value")
    return path


def references(
    value: JsonValue, at: tuple[int | str, ...] = ()
) -> Iterator[tuple[str, Reference | Malformed]]:
    """Every reference in an argument, with the JSON pointer of where it stands."""
    if not isinstance(value, dict | list):
        return
    try:
        reference = as_reference(value)
    except Malformed as problem:
        yield pointer(at), problem
        return
    if reference is not None:
        yield pointer(at), reference
    elif isinstance(value, dict):
        for key, child in value.items():
            if isinstance(child, dict | list):
                yield from references(child, (*at, key))
    elif isinstance(value, list):
        for index, child in enumerate(value):
            if isinstance(child, dict | list):
                yield from references(child, (*at, index))


def resolve(
    value: JsonValue,
    *,
    outputs: Mapping[str, JsonValue],
    inputs: Mapping[str, JsonValue],
    run: Mapping[str, JsonValue],
    item: tuple[JsonValue, ...] = (),
) -> Any:
    """The argument with every reference replaced by its value; Unresolved where one leads
    nowhere. `item` is the one item of a loop, if there is a loop.
    """
    reference = as_reference(value)
    if reference is not None:
        match reference.source:
            case "$from":
                if reference.step not in outputs:
                    raise Unresolved(f"`{reference}`: step `{reference.step}` has no output")
                return _follow(outputs[reference.step], reference)
            case "$input":
                return _follow(dict(inputs), reference)
            case "$run":
                return _follow(dict(run), reference)
            case "$item":
                if not item:
                    raise Unresolved(f"`{reference}`: there is no loop")
                return _follow(item[0], reference)
    if isinstance(value, dict):
        return {
            key: resolve(child, outputs=outputs, inputs=inputs, run=run, item=item)
            for key, child in value.items()
        }
    if isinstance(value, list):
        return [
            resolve(child, outputs=outputs, inputs=inputs, run=run, item=item) for child in value
        ]
    return value


def _follow(value: JsonValue, reference: Reference) -> JsonValue:
    for part in reference.parts:
        if isinstance(value, dict) and part in value:
            value = value[part]
        elif isinstance(value, list) and is_index(part) and int(part) < len(value):
            value = value[int(part)]
        else:
            raise Unresolved(f"`{reference}`: `{part}` is not there")
    return value
