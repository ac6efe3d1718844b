"""An environment: the world one agent may act in, written down.

What the manifest does not name does not exist: a tool, a metric, an endpoint. That makes a wrong
guess by a model an error with a name instead of a surprise in production.
"""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, JsonValue, StrictBool, StrictInt, StrictStr, model_validator

from lockstep.amount import Amount, Count
from lockstep.compose import COMPOSE, ComposeSettings
from lockstep.declaration import Declaration
from lockstep.duration import Duration
from lockstep.extension import Pointer
from lockstep.fallback import is_absent
from lockstep.faults import Faults
from lockstep.mcp import McpBinding, McpServer, ServerName
from lockstep.names import (
    EnvironmentName,
    ErrorName,
    ResourceKind,
    ResourceName,
    Sentence,
    ToolName,
)
from lockstep.packagefile import PackageFile
from lockstep.preflight import MAX_PREFLIGHTS, Preflight, PreflightName
from lockstep.record import Record, is_empty
from lockstep.recovery import Recovery
from lockstep.trust import Trust, is_untrusted

Attribute = StrictBool | StrictInt | StrictStr
"""What a resource may be described by: what Cedar can compare without rounding."""


class Stage(StrEnum):
    """What is at stake here. `prod` is whatever is real."""

    DEV = "dev"
    STAGING = "staging"
    PROD = "prod"
    SANDBOX = "sandbox"


class Binding(Record):
    """A tool's place in this environment.

    `endpoint` and the strings in `settings` may hold `${NAME}` or `${NAME:-default}`; the worker
    fills them in from its own environment, so that neither locks nor histories hold them. With a
    `mock` the tool is not called here: the file answers in its place, with such `faults` as there
    are. `declared`, or the file `declared_file`, is all there is of a tool whose code is not at
    hand. With `mcp` the tool is one of an MCP server, and is reached as that is.
    """

    endpoint: str = ""
    settings: dict[str, JsonValue] = {}
    mock: PackageFile | None = None
    faults: Faults | None = Field(default=None, exclude_if=is_absent)
    declared: Declaration | None = Field(default=None, exclude_if=is_absent)
    declared_file: PackageFile | None = Field(default=None, exclude_if=is_absent)
    mcp: McpBinding | None = Field(default=None, exclude_if=is_absent)

    @model_validator(mode="after")
    def _is_declared_once(self) -> Self:
        if self.declared is not None and self.declared_file is not None:
            raise ValueError("wanted one of `declared` and `declared_file`")
        return self

    @model_validator(mode="after")
    def _is_reached_one_way(self) -> Self:
        if self.mcp is not None and (self.endpoint or self.settings):
            raise ValueError("a tool of an MCP server has no `endpoint` and no `settings`")
        return self

    @property
    def is_declared(self) -> bool:
        """Whether the tool has no code here, and only what the manifest says of it."""
        return self.declared is not None or self.declared_file is not None


class Source(StrEnum):
    """Whom the members of a catalogue can be fetched from."""

    PROMETHEUS = "prometheus"


class CatalogueSource(Record):
    """Where the names of one kind of resource come from, and the file that they are pinned in.

    `endpoint` may hold placeholders as a tool's does; `file` stands beside the manifest. Every
    member has `attributes`, unless `resources` says otherwise of it.

    Whoever writes to the source chooses the names in it, and a model that plans reads them. Who
    reviews the file name by name may say that they are `trusted`.
    """

    source: Source
    endpoint: str
    file: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,120}\.json$")]
    attributes: dict[str, Attribute] = {}
    trust: Trust = Field(default=Trust.UNTRUSTED, exclude_if=is_untrusted)


MAX_STEPS = 1000
"""What a run's history has room for, and so the most that any environment allows."""


class Limits(Record):
    """What one run may use. `wall` is from start to end, without the time humans take to answer."""

    steps: Annotated[int, Field(ge=1, le=MAX_STEPS)] = 100
    parallel: Annotated[int, Field(ge=1, le=200)] = 8
    calls: Count = 300
    tokens: Count = 0
    microdollars: Count = 0
    wall: Duration = timedelta(hours=1)
    output_bytes: Annotated[int, Field(ge=1024, le=64 * 1024 * 1024)] = 8 * 1024 * 1024

    @property
    def amount(self) -> Amount:
        return Amount(calls=self.calls, tokens=self.tokens, microdollars=self.microdollars)


Catalogue = Mapping[str, Mapping[str, Mapping[str, bool | int | str]]]
"""kind -> name -> attribute -> value."""


class Environment(Record):
    """One manifest with all that it inherits; one of these per dev, staging, prod, sandbox.

    `extends` and `without` say how it was put together, and nothing of what holds.
    """

    lockstep: Literal["environment/1"]
    name: EnvironmentName
    stage: Stage
    description: Sentence = ""
    extends: EnvironmentName | None = None
    without: tuple[Pointer, ...] = ()
    tools: dict[ToolName, Binding]
    mcp: dict[ServerName, McpServer] = {}
    catalogues: dict[ResourceKind, CatalogueSource] = {}
    resources: dict[ResourceKind, dict[ResourceName, dict[str, Attribute]]] = {}
    errors: dict[ErrorName, Recovery] = {}
    preflight: dict[PreflightName, Preflight] = Field(
        default={}, max_length=MAX_PREFLIGHTS, exclude_if=is_empty
    )
    limits: Limits = Limits()
    compose: ComposeSettings | None = Field(default=None, exclude_if=is_absent)

    @model_validator(mode="after")
    def _names_the_servers_of_its_tools(self) -> Self:
        for name, tool in self.tools.items():
            if tool.mcp is not None and tool.mcp.server not in self.mcp:
                raise ValueError(
                    f"tool `{name}` is of MCP server `{tool.mcp.server}`, and there is no "
                    f"`[mcp.{tool.mcp.server}]`"
                )
        return self

    @property
    def written(self) -> Catalogue:
        """The resources that the manifest itself names."""
        return self.resources

    @property
    def offered(self) -> tuple[ToolName, ...]:
        """All that a plan for it may call, as far as the manifest goes."""
        return (*self.tools, *([COMPOSE] if self.compose is not None else []))

    def reached(self, tool: ToolName) -> Binding:
        """How a tool is reached here, placeholders and all: its own table, or its server's."""
        binding = self.tools[tool]
        if binding.mcp is None:
            return binding
        server = self.mcp[binding.mcp.server]
        return Binding(endpoint=server.url, settings=server.settings)

    def parts(self) -> dict[str, JsonValue]:
        """What a person would name of it, part by part, so that drift can be told by its place."""
        parts: dict[str, JsonValue] = {"stage": self.stage.value}
        parts |= {
            f"limits.{name}": limit for name, limit in self.limits.model_dump(mode="json").items()
        }
        parts |= {
            f"tools.{name}": tool.model_dump(mode="json") for name, tool in self.tools.items()
        }
        parts |= {
            f"mcp.{name}": server.model_dump(mode="json") for name, server in self.mcp.items()
        }
        parts |= {
            f"resources.{kind}.{name}": dict(attributes)
            for kind, members in self.written.items()
            for name, attributes in members.items()
        }
        parts |= {
            f"errors.{name}": recovery.model_dump(mode="json")
            for name, recovery in self.errors.items()
        }
        parts |= {
            f"preflight.{name}": preflight.model_dump(mode="json")
            for name, preflight in self.preflight.items()
        }
        if self.compose is not None and self.compose.written:
            parts["compose"] = self.compose.written
        return dict(sorted(parts.items()))
