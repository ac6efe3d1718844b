"""An environment: the world one agent may act in, written down.

What the manifest does not name does not exist: a tool, a metric, an endpoint. That makes a wrong
guess by a model an error with a name instead of a surprise in production.
"""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, JsonValue, StrictBool, StrictInt, StrictStr

from lockstep.amount import Amount, Count
from lockstep.canonical import Digest, digest
from lockstep.compose import ComposeSettings
from lockstep.duration import Duration
from lockstep.mock import MockFile
from lockstep.names import (
    EnvironmentName,
    ErrorName,
    ResourceKind,
    ResourceName,
    Sentence,
    ToolName,
)
from lockstep.record import Record
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
    `mock` the tool is not called here: the file answers in its place.
    """

    endpoint: str = ""
    settings: dict[str, JsonValue] = {}
    mock: MockFile | None = None


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
    """One manifest; one of these per dev, staging, prod, sandbox."""

    lockstep: Literal["environment/1"]
    name: EnvironmentName
    stage: Stage
    description: Sentence = ""
    tools: dict[ToolName, Binding]
    catalogues: dict[ResourceKind, CatalogueSource] = {}
    resources: dict[ResourceKind, dict[ResourceName, dict[str, Attribute]]] = {}
    errors: dict[ErrorName, Recovery] = {}
    limits: Limits = Limits()
    compose: ComposeSettings | None = None

    @property
    def written(self) -> Catalogue:
        """The resources that the manifest itself names."""
        return self.resources

    def sections(self) -> dict[str, Digest]:
        """A digest for each part a person would name, so that drift can be told by its place."""
        parts: dict[str, JsonValue] = {"stage": self.stage.value}
        parts |= {
            f"limits.{name}": limit for name, limit in self.limits.model_dump(mode="json").items()
        }
        parts |= {
            f"tools.{name}": tool.model_dump(mode="json") for name, tool in self.tools.items()
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
        return {name: digest(part) for name, part in sorted(parts.items())}
