"""A plan: a finite graph of steps that somebody proposes, and nothing runs yet.

A step's edges are the references that it holds and what it names in `after`. The order in the file
means nothing: whoever wants an order draws an edge. The two kinds of edges differ where a step is
left out: who draws its output is left out with it, who only comes after it is not.
"""

from collections.abc import Iterable, Mapping
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Generic,
    Literal,
    Protocol,
    SupportsIndex,
    TypeVar,
    overload,
)

from pydantic import ConfigDict, Discriminator, Field, GetCoreSchemaHandler, JsonValue, Tag
from pydantic_core import CoreSchema, core_schema

from lockstep.canonical import Digest, ExactObject, digest
from lockstep.compose import (
    COMPOSE,
    MAX_INPUTS,
    ComposeSpec,
    InputName,
    Instruction,
    Long,
    MaxInputTokens,
    MaxTokens,
)
from lockstep.cutting import tokens_at_most, written
from lockstep.duration import Duration
from lockstep.fallback import MAX_FALLBACKS, Fallback
from lockstep.guard import MAX_GUARDS, Guard, drawn
from lockstep.loop import ForEach
from lockstep.names import ErrorName, Sentence, StepId, ToolName
from lockstep.output import OutputSchema
from lockstep.record import Record, found_once, is_empty
from lockstep.reference import Malformed, Reference, references
from lockstep.tool import ToolSpec


class Named(Protocol):
    """Anything that stands in a plan: an id, and the name of what it does."""

    @property
    def id(self) -> str: ...

    @property
    def name(self) -> str: ...


Item = TypeVar("Item", bound=Named)


class Steps(tuple[Item, ...], Generic[Item]):
    """Steps in order, also by id (`steps["fetch"]`); `"FetchMetrics" in steps` asks by name or
    id.
    """

    def __contains__(self, wanted: object) -> bool:
        if isinstance(wanted, str):
            return any(wanted in (step.name, step.id) for step in self)
        return super().__contains__(wanted)

    @overload
    def __getitem__(self, key: SupportsIndex | str) -> Item: ...
    @overload
    def __getitem__(self, key: slice) -> tuple[Item, ...]: ...
    def __getitem__(self, key: SupportsIndex | slice | str) -> Item | tuple[Item, ...]:
        if isinstance(key, str):
            for step in self:
                if step.id == key:
                    return step
            raise KeyError(key)
        return super().__getitem__(key)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        inner = handler.generate_schema(tuple[(*source.__args__, ...)])
        return core_schema.no_info_after_validator_function(cls, inner)


def sources(args: Mapping[str, JsonValue]) -> tuple[str, ...]:
    """The ids of the steps whose outputs these arguments refer to, sorted."""
    return named(found for _, found in references(dict(args)))


def named(found: Iterable[Reference | Malformed]) -> tuple[str, ...]:
    """The ids of the steps that references name, sorted."""
    ours = (one for one in found if isinstance(one, Reference))
    return tuple(sorted({one.step for one in ours if one.source == "$from"}))


class Flow:
    """How a step depends on what comes before it; the same of a proposed and of a locked step.

    A step never changes, and every check asks for its edges: they are found once.
    """

    if TYPE_CHECKING:
        args: dict[str, JsonValue]
        when: tuple[Guard, ...]
        for_each: ForEach | None

    @found_once
    def spelled(self) -> str:
        """The arguments as Python spells them: what is spelled alike is the same, and where no `$`
        stands there is no reference.
        """
        return repr(self.args)

    @found_once
    def draws(self) -> tuple[str, ...]:
        """The ids of the steps whose outputs this step cannot do without, sorted."""
        return tuple(sorted({*self.fed_by, *self.guarded_by})) if self.when else self.fed_by

    @found_once
    def fed_by(self) -> tuple[str, ...]:
        """The ids of the steps whose outputs its arguments are made of, sorted."""
        found = sources(self.args) if "$" in self.spelled else ()
        source = self.for_each.source if self.for_each else None
        return tuple(sorted({*found, *named([source])})) if source else found

    @found_once
    def guarded_by(self) -> tuple[str, ...]:
        """The ids of the steps whose outputs its guards look at, sorted."""
        return named(drawn(self.when))


def _bytes_of(step: Record) -> int:
    """How long a step is when it is written down: every check asks, and needs no text."""
    return len(step.__pydantic_serializer__.to_json(step))


class ToolStep(Record, Flow):
    """A call of one tool; `after` names steps that must be done first though nothing flows.

    `when` are comparisons, all of which must hold for the step to run; `on_error` says what takes
    its place when it signals an error that its tool declares; with `for_each` it is done for each
    item of a list. `timeout` and `attempts` may
    only be tighter than the tool's own.
    """

    # Every plan is made of these, and there is nothing in their defaults to be corrected.
    model_config = ConfigDict(validate_default=False)

    kind: Literal["tool"] = "tool"
    id: StepId
    tool: ToolName
    args: ExactObject = {}
    when: tuple[Guard, ...] = Field(default=(), max_length=MAX_GUARDS, exclude_if=is_empty)
    on_error: dict[ErrorName, Fallback] = Field(
        # Pydantic would make a deep copy of a default.
        default_factory=dict,
        json_schema_extra={"default": {}},
        max_length=MAX_FALLBACKS,
        exclude_if=is_empty,
    )
    for_each: ForEach | None = Field(default=None, exclude_if=is_empty)
    after: tuple[StepId, ...] = ()
    reason: Sentence = ""
    timeout: Duration | None = None
    attempts: int | None = Field(default=None, ge=1, le=20)

    @property
    def name(self) -> str:
        return self.tool

    @found_once
    def needs(self) -> tuple[str, ...]:
        """The ids of all steps that must be done first, sorted, each once."""
        return tuple(sorted({*self.after, *self.draws})) if self.after else self.draws

    @found_once
    def size(self) -> int:
        """Bytes that it takes to write the step down."""
        return _bytes_of(self)

    def spec(self, tools: Mapping[str, ToolSpec]) -> ToolSpec:
        """What the step is held against; KeyError for a tool that does not exist."""
        return tools[self.tool]


class Composing(Flow):
    """What proposed and locked compose steps have in common: they are calls of `Compose`."""

    if TYPE_CHECKING:
        instruction: Instruction
        inputs: dict[InputName, JsonValue]
        output: OutputSchema
        max_tokens: Any
        max_input_tokens: Any

    @property
    def tool(self) -> ToolName:
        return COMPOSE

    @property
    def name(self) -> str:
        return COMPOSE

    @property
    def args(self) -> dict[str, JsonValue]:  # type: ignore[override]
        """What policy judges and people are shown, and no more than the model is told."""
        return {"instruction": self.instruction, "inputs": dict(self.inputs)}

    def spec(self, tools: Mapping[str, ToolSpec]) -> ToolSpec:
        """`Compose` with this step's output, and with what an attempt at it may cost."""
        known = tools[COMPOSE]
        changed: dict[str, Any] = {"output": dict(self.output)}
        if isinstance(known, ComposeSpec):
            told = tokens_at_most(written([self.instruction, dict(self.output)]))
            changed["cost"] = known.most(
                self.max_tokens or known.max_tokens,
                self.max_input_tokens or known.max_input_tokens,
                told,
            )
        return known.model_copy(update=changed)


class ComposeStep(Record, Composing):
    """A question to a model, which answers from `inputs` alone and has no tools.

    `instruction` is a sentence that stands in the plan; `output` says what the answer looks like,
    in the part of JSON Schema that `lockstep.output` knows. `max_tokens` bounds the answer and
    `max_input_tokens` the inputs; `long` says what becomes of longer ones: the step signals
    `InputTooLong`, or the longest are cut and the record says so. The rest is as in a tool's step.
    """

    kind: Literal["compose"]
    id: StepId
    instruction: Instruction
    inputs: Annotated[dict[InputName, JsonValue], Field(max_length=MAX_INPUTS)] = {}
    output: OutputSchema
    max_tokens: MaxTokens | None = None
    max_input_tokens: MaxInputTokens | None = None
    long: Long = "refuse"
    when: tuple[Guard, ...] = Field(default=(), max_length=MAX_GUARDS, exclude_if=is_empty)
    on_error: dict[ErrorName, Fallback] = Field(
        default={}, max_length=MAX_FALLBACKS, exclude_if=is_empty
    )
    for_each: ForEach | None = Field(default=None, exclude_if=is_empty)
    after: tuple[StepId, ...] = ()
    reason: Sentence = ""
    timeout: Duration | None = None
    attempts: int | None = Field(default=None, ge=1, le=20)

    @property
    def needs(self) -> tuple[str, ...]:
        """The ids of all steps that must be done first, sorted."""
        return tuple(sorted({*self.after, *self.draws}))

    @found_once
    def size(self) -> int:
        """Bytes that it takes to write the step down."""
        return _bytes_of(self)


TOOL_TAG, COMPOSE_TAG = "(tool)", "(compose)"
"""Where a misfit lies, pydantic says these as well; `lockstep.loading` leaves them out again."""


def _tag(step: Any) -> str:
    """Which kind of step something is meant to be; one that does not say calls a tool."""
    kind = step.get("kind", "tool") if isinstance(step, dict) else getattr(step, "kind", "tool")
    return TOOL_TAG if kind == "tool" else f"({kind})"


BY_KIND = Discriminator(
    _tag, custom_error_type="step_kind", custom_error_message="`kind` is `tool` or `compose`"
)


Step = ToolStep | ComposeStep
"""Every kind of step."""

AnyStep = Annotated[
    Annotated[ToolStep, Tag(TOOL_TAG)] | Annotated[ComposeStep, Tag(COMPOSE_TAG)], BY_KIND
]
"""The same, told apart by `kind`."""


class Plan(Record):
    """What is proposed: steps toward a goal."""

    lockstep: Literal["plan/1"]
    goal: Sentence = ""
    steps: Steps[AnyStep]

    @property
    def digest(self) -> Digest:
        return digest(self.model_dump(mode="json"))
