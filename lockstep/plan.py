"""A plan: a finite graph of steps that somebody proposes, and nothing runs yet.

A step's edges are the references that it holds and what it names in `after`. The order in the file
means nothing: whoever wants an order draws an edge. The two kinds of edges differ where a step is
left out: who draws its output is left out with it, who only comes after it is not.
"""

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, Literal, Protocol, SupportsIndex, TypeVar, overload

from pydantic import Field, GetCoreSchemaHandler, JsonValue
from pydantic_core import CoreSchema, core_schema

from lockstep.canonical import Digest, ExactObject, digest
from lockstep.duration import Duration
from lockstep.fallback import MAX_FALLBACKS, Fallback
from lockstep.guard import MAX_GUARDS, Guard, drawn
from lockstep.loop import ForEach
from lockstep.names import ErrorName, Sentence, StepId, ToolName
from lockstep.record import Record
from lockstep.reference import Malformed, Reference, references


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


def is_empty(value: object) -> bool:
    """Whether a field says nothing: such fields of a step are not written down, so that a plan
    that does without them has the digest it always had.
    """
    return not value


class Flow:
    """How a step depends on what comes before it; the same of a proposed and of a locked step.

    A step never changes, and every check asks for its edges: they are found once.
    """

    if TYPE_CHECKING:
        args: dict[str, JsonValue]
        when: tuple[Guard, ...]
        for_each: ForEach | None

    @cached_property
    def draws(self) -> tuple[str, ...]:
        """The ids of the steps whose outputs this step cannot do without, sorted."""
        return tuple(sorted({*self.fed_by, *self.guarded_by}))

    @cached_property
    def fed_by(self) -> tuple[str, ...]:
        """The ids of the steps whose outputs its arguments are made of, sorted."""
        source = self.for_each.source if self.for_each else None
        return tuple(sorted({*sources(self.args), *named([source] if source else [])}))

    @cached_property
    def guarded_by(self) -> tuple[str, ...]:
        """The ids of the steps whose outputs its guards look at, sorted."""
        return named(drawn(self.when))


class ToolStep(Record, Flow):
    """A call of one tool; `after` names steps that must be done first though nothing flows.

    `when` are comparisons, all of which must hold for the step to run; `on_error` says what takes
    its place when it signals an error that its tool declares; with `for_each` it is done for each
    item of a list. `timeout` and `attempts` may
    only be tighter than the tool's own.
    """

    kind: Literal["tool"] = "tool"
    id: StepId
    tool: ToolName
    args: ExactObject = {}
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
    def name(self) -> str:
        return self.tool

    @cached_property
    def needs(self) -> tuple[str, ...]:
        """The ids of all steps that must be done first, sorted."""
        return tuple(sorted({*self.after, *self.draws}))

    @cached_property
    def size(self) -> int:
        """Bytes that it takes to write the step down."""
        return len(self.model_dump_json().encode())


Step = ToolStep
"""Every kind of step; a second kind makes this a union told apart by `kind`."""


class Plan(Record):
    """What is proposed: steps toward a goal."""

    lockstep: Literal["plan/1"]
    goal: Sentence = ""
    steps: Steps[Step]

    @property
    def digest(self) -> Digest:
        return digest(self.model_dump(mode="json"))
