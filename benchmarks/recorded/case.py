"""A recorded plan, before anybody has judged it: what the script and each form of file share.

A form is read twice, by two pieces of code that know nothing of one another. `scan` looks for
defects in the data as it stands, in plain Python; `document` and `specs` write the same plan and
the same tools in our words, and what our checker finds there is put beside it.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

UNKNOWN_TOOL = "unknown_tool"
MISSING = "missing_argument"
UNKNOWN = "unknown_argument"
MISTYPED = "mistyped_argument"
SELF = "self_reference"
FORWARD = "forward_reference"
DANGLING = "dangling_reference"
CLASSES = (UNKNOWN_TOOL, MISSING, UNKNOWN, MISTYPED, SELF, FORWARD, DANGLING)

ANYTHING: Json = {}


@dataclass(frozen=True)
class Tool:
    """As JSON Schema; `name` is the one in the data, whatever characters it has."""

    name: str
    input: Json
    output: Json = field(default_factory=dict)


@dataclass(frozen=True)
class Call:
    """`args` in our words: a reference is `{"$from": STEP, "path": POINTER}`."""

    tool: str
    args: Json
    after: tuple[str, ...] = ()


@dataclass(frozen=True)
class Case:
    """`toolbox` names what `tools` are, so that cases with the same tools share a world.

    `verdict` is what the data's own judge said, empty where it found the plan right; `notes` are
    counted.
    """

    id: str
    toolbox: str
    tools: tuple[Tool, ...]
    calls: tuple[Call, ...]
    scanned: frozenset[str]
    verdict: str | None = None
    notes: frozenset[str] = frozenset()


def step(number: int) -> str:
    """The id of a plan's step, counted from 0."""
    return f"s{number}"


def reference(number: int, path: Iterable[str | int] = ()) -> Json:
    parts = (str(part).replace("~", "~0").replace("/", "~1") for part in path)
    return {"$from": step(number), "path": "".join(f"/{part}" for part in parts)}


class Names:
    """Tool names of any characters as names of ours: equal where they are equal, and only there."""

    def __init__(self) -> None:
        self._ours: dict[str, str] = {}
        self._taken: set[str] = set()

    def __getitem__(self, name: str) -> str:
        if name not in self._ours:
            plain = "T" + re.sub(r"[^A-Za-z0-9]", "_", name)[:50]
            ours, number = plain, 1
            while ours in self._taken:
                number += 1
                ours = f"{plain}_{number}"
            self._taken.add(ours)
            self._ours[name] = ours
        return self._ours[name]


def document(case: Case, names: Names) -> Json:
    return {
        "lockstep": "plan/1",
        "steps": [
            {
                "id": step(number),
                "tool": names[call.tool],
                "args": call.args,
                "after": list(call.after),
            }
            for number, call in enumerate(case.calls)
        ],
    }


def spec(tool: Tool, names: Names) -> Json:
    return {
        "name": names[tool.name],
        "description": tool.name,
        "effect": "read",
        "idempotency": "natural",
        "input": tool.input,
        "output": tool.output,
        "timeout": "1m",
        "heartbeat": "10s",
        "attempts": 1,
    }


def json_type(value: Any) -> str:
    """The JSON type of a value; a whole number is an integer however it is written."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int) or (isinstance(value, float) and value.is_integer()):
        return "integer"
    if isinstance(value, float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


def takes(wanted: str, given: str) -> bool:
    """Whether a value of one JSON type may stand where another is wanted; `any` takes all."""
    return wanted in {"any", given} or (wanted, given) == ("number", "integer")


def lines(text: str) -> Iterator[tuple[int, str]]:
    """The lines that hold something, numbered from 1 as an editor does."""
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            yield number, line


def object_of(fields: Mapping[str, Json], required: Iterable[str], *, closed: bool) -> Json:
    return {
        "type": "object",
        "properties": dict(fields),
        "required": sorted(required),
        **({"additionalProperties": False} if closed else {}),
    }
