"""A script for the stand-in model: which request gets which answer, and what goes wrong.

What a test or a demonstration plays instead of a model. A request takes the first scene whose
`when` fits, and a scene gives its answers in order. An answer has at most one content, what is
said, and at most one fault, how it is kept from arriving; a fault without a content breaks filler.

Decided against: templates and expressions. Whoever needs an answer computed writes a scene for each
case, and then the script can be read as what will happen.
"""

import json
from collections.abc import Collection
from itertools import combinations, product
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    StringConstraints,
    Tag,
    WithJsonSchema,
    model_validator,
)

from lockstep.amount import Count
from lockstep.canonical import Exact, ExactObject
from lockstep.draft import Draft, compact, folded
from lockstep.fallback import Fallback
from lockstep.guard import Guard
from lockstep.loop import ForEach
from lockstep.mishap import Cut, Failure, Hang, Position, Seconds, StreamError, Word
from lockstep.plan import BY_KIND, COMPOSE_TAG, TOOL_TAG
from lockstep.record import Record

Text = Annotated[str, StringConstraints(min_length=1)]
FileName = Annotated[str, StringConstraints(min_length=1, max_length=1000)]
ModelName = Annotated[str, StringConstraints(min_length=1, max_length=127)]
Yes = Literal[True]

Texts = Annotated[
    tuple[Text, ...],
    BeforeValidator(lambda value: (value,) if isinstance(value, str) else value),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "minLength": 1},
                {"type": "array", "items": {"type": "string", "minLength": 1}},
            ]
        }
    ),
]
"""One text, or several that must all be there."""


def _some(given: tuple[Any, ...]) -> tuple[Any, ...]:
    if not given:
        raise ValueError("there is none; there is at least one")
    return given


# As a validator, because a minimum length is also missed where the only item is wrong.
_SOME = (AfterValidator(_some), Field(json_schema_extra={"minItems": 1}))
CONTENTS = ("text", "json", "file", "proposal", "proposal_file", "truncated", "nothing", "uses")
FAULTS = ("error", "sse_error", "cut", "hang", "garbage", "half_body", "drop")
_ENDS = ("refusal", "after_tokens", "stop_reason")
_AT_ODDS = (
    *combinations(_ENDS, 2),
    *product(FAULTS, _ENDS),
    # No answer is begun in these.
    *product(("error", "garbage", "drop"), CONTENTS),
    *product(("truncated",), (*_ENDS, *FAULTS)),
    *product(("nothing",), ("after_tokens", *FAULTS)),
    *product(("uses",), (*_ENDS, *FAULTS)),
)
"""Pairs of fields that contradict each other in one answer."""


def recased(value: JsonValue, fields: Collection[str]) -> JsonValue:
    """A JSON value in which the words of these fields have their capitals and small letters
    exchanged, wherever the fields stand; also in JSON that stands in it as text.
    """
    if isinstance(value, list):
        return [recased(one, fields) for one in value]
    if isinstance(value, str):
        try:
            inner = json.loads(value)
        except ValueError:
            return value
        return compact(recased(inner, fields)) if isinstance(inner, dict | list) else value
    if not isinstance(value, dict):
        return value
    return {
        key: one.swapcase() if key in fields and isinstance(one, str) else recased(one, fields)
        for key, one in value.items()
    }


class When(Record):
    """What a request must have. `contains` looks at the first message of the user, so that all
    turns of a conversation stay in one scene; `last_contains` at the latest one.
    """

    contains: Texts = ()
    last_contains: Texts = ()
    system_contains: Texts = ()
    model: ModelName | None = None


class _Proposed(Record):
    """What steps of both kinds may have."""

    id: str
    when: tuple[Guard, ...] = ()
    for_each: ForEach | None = None
    on_error: dict[str, Fallback] = {}
    after: tuple[str, ...] = ()
    reason: str = ""
    timeout: str | None = None
    attempts: int | None = None


class ProposedToolStep(_Proposed):
    """A step as a plan has it. Little is checked of it: a model may propose anything."""

    kind: Literal["tool"] = "tool"
    tool: str
    args: ExactObject = {}


class ProposedComposeStep(_Proposed):
    """A compose step as a plan has it; its schema is the model's own affair."""

    kind: Literal["compose"]
    instruction: str
    inputs: ExactObject = {}
    output: ExactObject
    max_tokens: int | None = None
    max_input_tokens: int | None = None
    long: str = "refuse"


ProposedStep = Annotated[
    Annotated[ProposedToolStep, Tag(TOOL_TAG)] | Annotated[ProposedComposeStep, Tag(COMPOSE_TAG)],
    BY_KIND,
]


class Proposal(Record):
    """A plan document that a model is to propose, with what it found no tool for."""

    lockstep: Literal["plan/1"] = "plan/1"
    goal: str = ""
    steps: tuple[ProposedStep, ...]
    gaps: tuple[str, ...] = ()

    @property
    def draft(self) -> Draft:
        """The same in a model's own form."""
        return folded((step.model_dump(mode="json") for step in self.steps), self.gaps)


class Use(Record):
    """A tool that the model wants called, as a loop around a model knows it. No planner of ours is
    offered tools; this is for what it is compared with.
    """

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,128}$")]
    input: ExactObject = {}

    @property
    def said(self) -> str:
        """What of it is counted: its arguments as they are written."""
        return compact(self.input)


class UsageOverride(Record):
    """What is billed instead of what was counted, in the API's words."""

    input_tokens: Count | None = None
    output_tokens: Count | None = None
    cache_creation_input_tokens: Count | None = None
    cache_read_input_tokens: Count | None = None


class Answer(Record):
    """One answer; `after_tokens` ends its text early, as reaching `max_tokens` does. The words of
    the fields that `other_case` names come in another case, as those of an enum may from a model
    that is held to a schema.

    `tokens_per_second` paces a stream, and delays an answer without one as a whole.
    """

    model_config = ConfigDict(serialize_by_alias=True)

    text: Text | None = None
    # Called otherwise here, because pydantic has a method of that name.
    value: Exact | None = Field(default=None, alias="json")
    file: FileName | None = None
    proposal: Proposal | None = None
    proposal_file: FileName | None = None
    truncated: str | None = None
    nothing: Yes | None = None
    uses: Annotated[tuple[Use, ...], *_SOME] | None = None

    other_case: Annotated[tuple[Text, ...], *_SOME] | None = None

    refusal: Word | None = None
    after_tokens: Position | None = None
    stop_reason: Word | None = None

    error: Failure | None = None
    sse_error: StreamError | None = None
    cut: Cut | None = None
    hang: Hang | None = None
    garbage: str | None = None
    half_body: Yes | None = None
    drop: Yes | None = None

    times: Annotated[int, Field(ge=1, le=10_000)] = 1
    model: ModelName | None = None
    usage: UsageOverride | None = None
    delay_seconds: Seconds = 0
    tokens_per_second: Annotated[float, Field(gt=0, le=1_000_000)] | None = None

    @property
    def content(self) -> str | None:
        """The name of the field that says what is said."""
        return next(iter(self._given(CONTENTS)), None)

    @property
    def fault(self) -> str | None:
        """The name of the field that says what goes wrong."""
        return next(iter(self._given(FAULTS)), None)

    @property
    def kind(self) -> str:
        """What this answer is remembered for."""
        return self.fault or ("refusal" if self.refusal else None) or self.content or ""

    def _given(self, names: tuple[str, ...]) -> list[str]:
        return [
            name for name in names if getattr(self, "value" if name == "json" else name) is not None
        ]

    @model_validator(mode="after")
    def _is_one_answer(self) -> Self:
        contents, faults = self._given(CONTENTS), self._given(FAULTS)
        if not contents and not faults and not self.refusal:
            raise ValueError(f"an answer says one of {_or(CONTENTS)}, `refusal`, or has a fault")
        for several, one in ((contents, "content"), (faults, "fault")):
            if len(several) > 1:
                raise ValueError(f"`{several[0]}` and `{several[1]}` are two {one}s; keep one")
        given = {*contents, *faults, *self._given(_ENDS)}
        for first, second in _AT_ODDS:
            if {first, second} <= given:
                raise ValueError(f"`{first}` and `{second}` cannot both be meant; keep one")
        if self.other_case and not {*contents} & {"json", "file", "proposal", "proposal_file"}:
            raise ValueError("`other_case` changes fields of JSON, and there is none")
        if self.after_tokens is not None and not contents:
            raise ValueError("`after_tokens` ends a content early, and there is none")
        return self


class Scene(Record):
    """Answers for the requests that fit, in order. After the last, the last is repeated or all
    begin again.
    """

    when: When = When()
    answers: Annotated[tuple[Answer, ...], *_SOME]
    then: Literal["repeat", "cycle"] = "repeat"


class Script(Record):
    """Everything a stand-in plays. `model` is the name that answers carry; by default the one that
    was asked for.
    """

    lockstep: Literal["standin/1"]
    model: ModelName | None = None
    scenes: Annotated[tuple[Scene, ...], *_SOME]

    @model_validator(mode="after")
    def _every_scene_can_be_reached(self) -> Self:
        for number, scene in enumerate(self.scenes[:-1]):
            if scene.when == When():
                raise ValueError(
                    f"scene {number} has no `when`, so the scenes after it are never reached"
                )
        return self


def _or(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)
