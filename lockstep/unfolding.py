"""From a model's answer to the plan document that it stands for.

Everything in it is read by the same strict reader as every document, and what cannot be a part of a
plan is said with its place in the answer, since that is all that the model has seen. Nothing is
guessed: a row whose step is not there, or that says something twice, is refused and not dropped.
What is well formed and wrong all the same is left to the check.
"""

import difflib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from pydantic import BaseModel, Field, JsonValue

from lockstep.canonical import MAX_DEPTH, depth
from lockstep.compose import COMPOSE, Long, MaxInputTokens, MaxTokens
from lockstep.draft import BoundRow, ComposeRow, Draft, FallbackRow, GuardRow, LoopRow, Row
from lockstep.duration import Duration
from lockstep.errors import LockstepError
from lockstep.fallback import Fallback
from lockstep.finding import Finding
from lockstep.guard import Guard
from lockstep.loading import MAX_FINDINGS, parse_json, shaped
from lockstep.loop import ForEach
from lockstep.output import OutputSchema
from lockstep.record import Record

MAX_DRAFT_BYTES = 384 * 1024
"""As text and as a plan, both escaped once more, it has to fit one payload of 2 MiB."""
MAX_GAPS = 20
_LONGEST_GAP = 500
_LONGEST_ID, _MOST_COMPARED = 63, 200
"""Names that a misspelt one is compared with: what is no step's name takes long, and helps nobody.
"""

_COMPOSED = frozenset({"instruction", "inputs"})

Step = dict[str, JsonValue]


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
    reading = _Reading(draft)
    steps = reading.steps()
    if reading.problems:
        raise LockstepError(*reading.problems[:MAX_FINDINGS])
    plan: JsonValue = {"lockstep": "plan/1", "goal": goal, "steps": steps}
    if depth(plan) > MAX_DEPTH:
        deep = f"what it says is nested more than {MAX_DEPTH} levels deep"
        raise LockstepError(_finding("answer", deep, "nest less deeply"))
    gaps = tuple(gap[:_LONGEST_GAP] for gap in draft.gaps[:MAX_GAPS])
    return plan, gaps


class _Composed(Record):
    """A row of `compose`, once its schema is read."""

    output: OutputSchema = Field(alias="output_json")
    max_tokens: MaxTokens | None = None
    max_input_tokens: MaxInputTokens | None = None
    long: Long


class _Bounds(Record):
    """A row of `bounds`."""

    timeout: Duration | None = None
    attempts: int | None = Field(default=None, ge=1, le=20)


class _Wrong(Exception):
    """Raised once a problem has been written down, where nothing can be made of the rest."""


class _Reading:
    """Of one draft; `problems` are what was found wrong so far."""

    def __init__(self, draft: Draft) -> None:
        self.problems: list[Finding] = []
        self._draft = draft
        self._tools: dict[str, str] = {}
        self._steps: dict[str, Step] = {}

    def steps(self) -> list[JsonValue]:
        """The steps as a plan has them, each with what the lists say of it."""
        made: list[JsonValue] = []
        for index, step in enumerate(self._draft.steps):
            place = f"/steps/{index}/args_json"
            document: Step = {"id": step.id, "after": list(step.after), "reason": step.reason}
            with suppress(_Wrong):
                document |= self._called(step.tool, self._json(step.args_json, place), place)
            made.append(document)
            # Two steps of one name are found by the check; rows are about the first of them.
            self._tools.setdefault(step.id, step.tool)
            self._steps.setdefault(step.id, document)
        for place, row in self._rows():
            if len(self.problems) >= MAX_FINDINGS:
                break
            step_said = self._steps.get(row.step)
            if step_said is None:
                self._unknown(place, row.step)
            else:
                with suppress(_Wrong):
                    self._add(place, row, step_said)
        self._uncomposed()
        return made

    def _rows(self) -> Iterator[tuple[str, Row]]:
        draft = self._draft
        lists: tuple[tuple[str, Sequence[Row]], ...] = (
            ("guards", draft.guards),
            ("loops", draft.loops),
            ("fallbacks", draft.fallbacks),
            ("compose", draft.compose),
            ("bounds", draft.bounds),
        )
        for name, rows in lists:
            for index, row in enumerate(rows):
                yield f"/{name}/{index}", row

    def _add(self, place: str, row: Row, step: Step) -> None:
        match row:
            case GuardRow():
                self._guard(place, row, step)
            case LoopRow():
                looped = {"in": self._json(row.in_json, f"{place}/in_json"), "max": row.max}
                self._fits(ForEach, looped, place)
                self._once(place, step, "for_each", looped)
            case FallbackRow():
                self._fallback(place, row, step)
            case ComposeRow():
                self._compose(place, row, step)
            case BoundRow():
                given: Step = {}
                given |= {"timeout": row.timeout} if row.timeout else {}
                given |= {"attempts": row.attempts} if row.attempts else {}
                self._fits(_Bounds, given, place)
                for name, bound in given.items():
                    self._once(place, step, name, bound)

    def _guard(self, place: str, row: GuardRow, step: Step) -> None:
        hint = "write it as JSON: a reference, or a literal, a text in quotes of its own"
        sides = {
            name: self._json(text, f"{place}/{name}_json", hint)
            for name, text in (("left", row.left_json), ("right", row.right_json))
        }
        compared: Step = {**sides, "is": row.is_}
        self._fits(Guard, compared, place)
        guards = step.setdefault("when", [])
        assert isinstance(guards, list)
        guards.append(compared)

    def _fallback(self, place: str, row: FallbackRow, step: Step) -> None:
        instead = self._json(row.instead_json, f"{place}/instead_json")
        self._fits(Fallback, instead, f"{place}/instead_json")
        given = step.setdefault("on_error", {})
        assert isinstance(given, dict)
        if row.error in given:
            problem = f"step `{_named(row.step)}` has two fallbacks for one error"
            self._found(place, problem, "keep one")
        given[row.error] = instead

    def _compose(self, place: str, row: ComposeRow, step: Step) -> None:
        tool = self._tools[row.step]
        if tool != COMPOSE:
            self._found(
                f"{place}/step",
                f"step `{_named(row.step)}` calls `{_named(tool)}`, and only `{COMPOSE}` composes",
                f"name `{COMPOSE}` as its tool, or take the row out",
            )
            return
        said: Step = {
            "output_json": self._json(row.output_json, f"{place}/output_json"),
            "long": row.long,
        }
        said |= {"max_tokens": row.max_tokens} if row.max_tokens else {}
        said |= {"max_input_tokens": row.max_input_tokens} if row.max_input_tokens else {}
        self._fits(_Composed, said, place)
        self._once(place, step, "output", said.pop("output_json"))
        step.update(said)

    def _uncomposed(self) -> None:
        """Steps of `Compose` of whose answers nothing is said."""
        rows = {row.step for row in self._draft.compose}
        for index, step in enumerate(self._draft.steps):
            if step.tool == COMPOSE and step.id not in rows:
                self._found(
                    f"/steps/{index}",
                    f"composes, and no row of `compose` says what step `{_named(step.id)}` gives",
                    "add one, with its `output_json`",
                )

    def _called(self, tool: str, args: JsonValue, place: str) -> Step:
        if tool != COMPOSE:
            return {"kind": "tool", "tool": tool, "args": args}
        if not isinstance(args, dict) or "instruction" not in args or args.keys() - _COMPOSED:
            problem = f"what `{COMPOSE}` is given is an `instruction` and its `inputs`"
            self._found(place, problem, 'write {"instruction": TEXT, "inputs": {NAME: VALUE}}')
            raise _Wrong
        return {"kind": "compose", **args}

    def _once(self, place: str, step: Step, name: str, said: JsonValue) -> None:
        if name in step:
            self._found(place, f"the step's `{name}` is said twice", "keep one of the rows")
        step[name] = said

    def _json(self, text: str, place: str, hint: str = "") -> JsonValue:
        try:
            value: JsonValue = parse_json(text, place)
        except LockstepError as error:
            said = {"fix": hint} if hint and error.code == "LS-LOAD-002" else {}
            self.problems += (_recoded(one).model_copy(update=said) for one in error.findings)
            raise _Wrong from None
        return value

    def _fits(self, model: type[BaseModel], value: Any, place: str) -> None:
        try:
            shaped(model, value, place)
        except LockstepError as error:
            self.problems += map(_recoded, error.findings)
            raise _Wrong from None

    def _unknown(self, place: str, name: str) -> None:
        known = [one for one in self._steps if len(one) <= _LONGEST_ID][:_MOST_COMPARED]
        short = len(name) <= _LONGEST_ID
        close = difflib.get_close_matches(name, known, 1) if short else []
        self._found(
            f"{place}/step",
            f"there is no step `{_named(name)}`",
            f"did you mean `{close[0]}`?" if close else "name a step by its `id`",
        )

    def _found(self, place: str, problem: str, fix: str) -> None:
        self.problems.append(_finding(place, problem, fix))


def _named(name: str) -> str:
    """As much of a name as a finding shows: it may be of any length."""
    return name[:_LONGEST_ID]


def _recoded(found: Finding) -> Finding:
    """What a reader found wrong, as a finding about the model's answer."""
    return found.model_copy(update={"code": "LS-MODEL-008"})


def _finding(place: str, problem: str, fix: str) -> Finding:
    return Finding(code="LS-MODEL-008", place=place, problem=problem, fix=fix)
