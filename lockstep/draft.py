"""A plan in the words of a model, before it is anything.

The form is flat and the same for every agent: providers hold a model to a schema only where it has
no free-form objects, and a schema that never changes is compiled and cached once. So the arguments
of a step travel as JSON text, which is read here by the same strict reader as every document. What
a step's arguments may be is not said here: that is for the check, which the model's proposal has to
pass like anybody's.
"""

from collections.abc import Iterator

from pydantic import JsonValue

from lockstep.canonical import MAX_DEPTH, depth
from lockstep.errors import LockstepError
from lockstep.finding import Finding
from lockstep.loading import parse_json, shaped
from lockstep.record import Record

_TEXT: dict[str, JsonValue] = {"type": "string"}
_TEXTS: dict[str, JsonValue] = {"type": "array", "items": _TEXT}


def _closed(**properties: JsonValue) -> dict[str, JsonValue]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


SCHEMA: dict[str, JsonValue] = _closed(
    steps={
        "type": "array",
        "items": _closed(id=_TEXT, tool=_TEXT, args_json=_TEXT, after=_TEXTS, reason=_TEXT),
    },
    gaps=_TEXTS,
)
"""JSON Schema of a draft: closed, every field required, no unions, no recursion."""

MAX_DRAFT_BYTES = 384 * 1024
"""As text and as a plan, both escaped once more, it has to fit one payload of 2 MiB."""
MAX_GAPS = 20
_LONGEST_GAP = 500


class DraftStep(Record):
    """One proposed step; `args_json` is a JSON object as text."""

    id: str
    tool: str
    args_json: str
    after: tuple[str, ...] = ()
    reason: str = ""


class Draft(Record):
    """What a model answers. `gaps` are the parts of the goal for which it found no tool."""

    steps: tuple[DraftStep, ...]
    gaps: tuple[str, ...] = ()


def unfold(text: str, goal: str) -> tuple[JsonValue, tuple[str, ...]]:
    """The plan document that a draft stands for, not yet checked, and its gaps.

    LockstepError with LS-MODEL-008 for every place where the text is no draft.
    """
    if not text.strip():
        raise LockstepError(_finding("answer", "the answer is empty", "answer with a draft"))
    try:
        draft = shaped(Draft, parse_json(text, "answer", limit=MAX_DRAFT_BYTES), "answer")
    except LockstepError as error:
        raise LockstepError(*map(_recoded, error.findings)) from None
    args: list[JsonValue] = []
    problems: list[Finding] = []
    for place, step in _places(draft):
        try:
            args.append(parse_json(step.args_json, place))
        except LockstepError as error:
            problems += map(_recoded, error.findings)
    if problems:
        raise LockstepError(*problems)
    steps: list[JsonValue] = [
        {
            "id": step.id,
            "kind": "tool",
            "tool": step.tool,
            "args": given,
            "after": list(step.after),
            "reason": step.reason,
        }
        for step, given in zip(draft.steps, args, strict=True)
    ]
    plan: JsonValue = {"lockstep": "plan/1", "goal": goal, "steps": steps}
    if depth(plan) > MAX_DEPTH:
        deep = f"its arguments are nested more than {MAX_DEPTH} levels deep"
        raise LockstepError(_finding("answer", deep, "nest less deeply"))
    gaps = tuple(gap[:_LONGEST_GAP] for gap in draft.gaps[:MAX_GAPS])
    return plan, gaps


def _places(draft: Draft) -> Iterator[tuple[str, DraftStep]]:
    for index, step in enumerate(draft.steps):
        yield f"/steps/{index}/args_json", step


def _recoded(found: Finding) -> Finding:
    """What a reader found wrong, as a finding about the model's answer."""
    return found.model_copy(update={"code": "LS-MODEL-008"})


def _finding(place: str, problem: str, fix: str) -> Finding:
    return Finding(code="LS-MODEL-008", place=place, problem=problem, fix=fix)
