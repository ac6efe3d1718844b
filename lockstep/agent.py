"""An agent: what it is for, what it takes, who answers for it.

The package around it (tools, environments, policy, plans) lies beside its `agent.toml`.
"""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Literal, Self

from pydantic import Field, JsonValue, model_validator

from lockstep.duration import Duration
from lockstep.fallback import is_absent
from lockstep.names import AgentName, Person, Role, Sentence
from lockstep.planner import PlannerSettings
from lockstep.record import Record
from lockstep.trust import Trust, is_trusted

ANYONE = "*"
"""As an approver: whoever can reach the server. Right for one's own machine, wrong elsewhere."""


class Silence(StrEnum):
    """What it means when nobody answers in time."""

    ABORT = "abort"
    SKIP = "skip"


class Asking(Record):
    """How this agent asks humans: how long it waits, what silence means, how long a yes holds.

    `approval` is how long a yes to a whole plan holds; without it, until policy or roles change.
    `standing` is the longest that a yes may hold for all runs of a lock; without it none does.
    """

    deadline: Duration = timedelta(hours=24)
    silence: Silence = Silence.ABORT
    grant: Duration = timedelta(hours=1)
    approval: Duration | None = Field(default=None, exclude_if=is_absent)
    standing: Duration | None = Field(default=None, exclude_if=is_absent)


_TYPES: dict[str, set[type]] = {
    "string": {str},
    "integer": {int},
    "number": {int, float},
    "boolean": {bool},
}


class Input(Record):
    """One typed input of a run; `default` makes it optional.

    It is untrusted where it may hold what somebody else wrote: a webhook's text, a ticket's title.
    """

    type: Literal["string", "integer", "number", "boolean"]
    description: Sentence = ""
    default: str | int | float | bool | None = None
    enum: tuple[str, ...] | None = None
    trust: Trust = Field(default=Trust.TRUSTED, exclude_if=is_trusted)

    @model_validator(mode="after")
    def _default_can_be_used(self) -> Self:
        if self.enum is not None and self.type != "string":
            raise ValueError("only an input of type `string` has an `enum`")
        if self.default is None:
            return self
        if type(self.default) not in _TYPES[self.type]:
            raise ValueError(f"the default is not of type `{self.type}`")
        if self.enum is not None and self.default not in self.enum:
            raise ValueError("the default is not in `enum`")
        return self


class Agent(Record):
    """What `agent.toml` says; `approvers` maps each role to the people who hold it."""

    lockstep: Literal["agent/1"]
    name: AgentName
    role: Role
    description: Sentence = ""
    goal: Sentence = ""
    inputs: dict[str, Input] = {}
    approvers: dict[Role, tuple[Person, ...]] = {}
    asking: Asking = Asking()
    planner: PlannerSettings = PlannerSettings()

    @property
    def input_schema(self) -> dict[str, JsonValue]:
        """The inputs as one closed JSON Schema object."""
        properties: dict[str, JsonValue] = {}
        for name, declared in self.inputs.items():
            schema: dict[str, JsonValue] = {
                "type": declared.type,
                "description": declared.description,
            }
            if declared.enum is not None:
                schema["enum"] = list(declared.enum)
            if declared.default is not None:
                schema["default"] = declared.default
            properties[name] = schema
        return {
            "type": "object",
            "properties": properties,
            "required": [name for name, given in self.inputs.items() if given.default is None],
            "additionalProperties": False,
        }


def defaults(schema: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """What the inputs are that nobody gives, by such a schema."""
    properties = schema.get("properties")
    if not isinstance(properties, dict):
        return {}
    return {
        name: declared["default"]
        for name, declared in properties.items()
        if isinstance(declared, dict) and "default" in declared
    }
