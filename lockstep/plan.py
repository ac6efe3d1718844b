"""A plan: a finite graph of steps that somebody proposes, and nothing runs yet.

A step's edges are the references in its arguments and what it names in `after`. The order in the
file means nothing: whoever wants an order draws an edge.
"""

from collections.abc import Mapping
from typing import Any, Generic, Literal, Protocol, SupportsIndex, TypeVar, overload

from pydantic import Field, GetCoreSchemaHandler, JsonValue
from pydantic_core import CoreSchema, core_schema

from lockstep.canonical import Digest, ExactObject, digest
from lockstep.duration import Duration
from lockstep.names import Sentence, StepId, ToolName
from lockstep.record import Record
from lockstep.reference import Reference, references


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
    return tuple(
        sorted(
            {
                found.step
                for _, found in references(dict(args))
                if isinstance(found, Reference) and found.source == "$from"
            }
        )
    )


class ToolStep(Record):
    """A call of one tool; `after` names steps that must be done first though nothing flows.

    `timeout` and `attempts` may only be tighter than the tool's own.
    """

    kind: Literal["tool"] = "tool"
    id: StepId
    tool: ToolName
    args: ExactObject = {}
    after: tuple[StepId, ...] = ()
    reason: Sentence = ""
    timeout: Duration | None = None
    attempts: int | None = Field(default=None, ge=1, le=20)

    @property
    def name(self) -> str:
        return self.tool

    @property
    def needs(self) -> tuple[str, ...]:
        """The ids of all steps that must be done first, sorted."""
        return tuple(sorted({*self.after, *sources(self.args)}))


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
