"""A plan in the words of a model, before it is anything.

The form is flat and the same for every agent: providers hold a model to a schema only where it has
no free-form objects, and a schema that never changes is compiled and cached once. So what has a
shape of its own (arguments, sides of a comparison, the schema of an answer) travels as JSON text.

What most steps do without (guards, loops, fallbacks, bounds, what is composed) stands in lists of
its own, whose rows name their step. As fields of a step it would be written, and paid for, with
each of them; as optional fields it would be more than a grammar may have.

What a step may hold is not said here: that is for the check, which the model's proposal has to pass
like anybody's. How a draft becomes a plan is in `lockstep.unfolding`.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, get_args

from pydantic import ConfigDict, Field, JsonValue

from lockstep.compose import COMPOSE, Long
from lockstep.guard import Comparator
from lockstep.record import Record

_TEXT: dict[str, JsonValue] = {"type": "string"}
_TEXTS: dict[str, JsonValue] = {"type": "array", "items": _TEXT}
_COUNT: dict[str, JsonValue] = {"type": "integer"}


def _words(kind: Any) -> dict[str, JsonValue]:
    return {"type": "string", "enum": [*get_args(kind)]}


def _closed(**properties: JsonValue) -> dict[str, JsonValue]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _rows(**properties: JsonValue) -> dict[str, JsonValue]:
    return {"type": "array", "items": _closed(**properties)}


SCHEMA: dict[str, JsonValue] = _closed(
    steps=_rows(id=_TEXT, tool=_TEXT, args_json=_TEXT, after=_TEXTS, reason=_TEXT),
    guards=_rows(
        **{"step": _TEXT, "left_json": _TEXT, "is": _words(Comparator), "right_json": _TEXT}
    ),
    loops=_rows(step=_TEXT, in_json=_TEXT, max=_COUNT),
    fallbacks=_rows(step=_TEXT, error=_TEXT, instead_json=_TEXT),
    compose=_rows(
        step=_TEXT,
        output_json=_TEXT,
        max_tokens=_COUNT,
        max_input_tokens=_COUNT,
        long=_words(Long),
    ),
    bounds=_rows(step=_TEXT, timeout=_TEXT, attempts=_COUNT),
    gaps=_TEXTS,
)
"""JSON Schema of a draft: closed, every field required, no unions, no recursion."""


class DraftStep(Record):
    """One proposed step; `args_json` is a JSON object as text. A step of `Compose` has in it its
    `instruction` and its `inputs`.
    """

    id: str
    tool: str
    args_json: str
    after: tuple[str, ...] = ()
    reason: str = ""


class GuardRow(Record):
    """One comparison that has to hold for a step to run."""

    model_config = ConfigDict(serialize_by_alias=True)

    step: str
    left_json: str
    is_: str = Field(alias="is")
    right_json: str


class LoopRow(Record):
    """The list that a step is done for each item of."""

    step: str
    in_json: str
    max: int


class FallbackRow(Record):
    """What takes a step's place when it signals an error; `instead_json` as in a plan."""

    step: str
    error: str
    instead_json: str


class ComposeRow(Record):
    """What a step of `Compose` gives, and from how much; 0 is as much as the environment allows."""

    step: str
    output_json: str
    max_tokens: int = 0
    max_input_tokens: int = 0
    long: str = "refuse"


class BoundRow(Record):
    """How long and how often a step may be tried; `""` and 0 are as its tool says."""

    step: str
    timeout: str = ""
    attempts: int = 0


Row = GuardRow | LoopRow | FallbackRow | ComposeRow | BoundRow


class Draft(Record):
    """What a model answers. `gaps` are the parts of the goal for which it found no tool.

    The lists may be missing, though the schema wants them: not every model is held to it.
    """

    steps: tuple[DraftStep, ...]
    guards: tuple[GuardRow, ...] = ()
    loops: tuple[LoopRow, ...] = ()
    fallbacks: tuple[FallbackRow, ...] = ()
    compose: tuple[ComposeRow, ...] = ()
    bounds: tuple[BoundRow, ...] = ()
    gaps: tuple[str, ...] = ()


def folded(steps: Iterable[Mapping[str, Any]], gaps: tuple[str, ...] = ()) -> Draft:
    """The draft of a plan's steps, given as they are written down."""
    given = list(steps)
    return Draft(
        steps=tuple(map(_step, given)),
        guards=tuple(row for step in given for row in _guards(step)),
        loops=tuple(
            LoopRow(step=step["id"], in_json=compact(loop["in"]), max=loop["max"])
            for step in given
            if (loop := step.get("for_each"))
        ),
        fallbacks=tuple(
            FallbackRow(step=step["id"], error=error, instead_json=compact(instead))
            for step in given
            for error, instead in step.get("on_error", {}).items()
        ),
        compose=tuple(
            ComposeRow(
                step=step["id"],
                output_json=compact(step["output"]),
                max_tokens=step.get("max_tokens") or 0,
                max_input_tokens=step.get("max_input_tokens") or 0,
                long=step.get("long", "refuse"),
            )
            for step in given
            if _composes(step)
        ),
        bounds=tuple(
            BoundRow(
                step=step["id"],
                timeout=step.get("timeout") or "",
                attempts=step.get("attempts") or 0,
            )
            for step in given
            if step.get("timeout") or step.get("attempts")
        ),
        gaps=gaps,
    )


def _composes(step: Mapping[str, Any]) -> bool:
    return bool(step.get("kind") == "compose")


def _step(step: Mapping[str, Any]) -> DraftStep:
    args: JsonValue = step.get("args", {})
    if _composes(step):
        args = {"instruction": step["instruction"], "inputs": step.get("inputs", {})}
    return DraftStep(
        id=step["id"],
        tool=COMPOSE if _composes(step) else step["tool"],
        args_json=compact(args),
        after=step.get("after", ()),
        reason=step.get("reason", ""),
    )


def _guards(step: Mapping[str, Any]) -> Iterator[GuardRow]:
    for guard in step.get("when", ()):
        sides = {f"{side}_json": compact(guard[side]) for side in ("left", "right")}
        yield GuardRow.model_validate({"step": step["id"], "is": guard["is"], **sides})


def compact(value: JsonValue) -> str:
    """JSON as a model writes it that was held to a schema: no white space."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
