"""Everything a plan is held against: the agent, its environment, its tools, its policy.

One value, put together once at the edge; all the checks are functions of a plan and a world.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from pydantic import JsonValue

from lockstep.agent import Agent
from lockstep.contents import Contents, lines
from lockstep.decision import Principal
from lockstep.environment import Environment
from lockstep.finding import Finding
from lockstep.lock import Pins
from lockstep.mcp import ServerName
from lockstep.mock import Mock
from lockstep.pinned_tools import PinnedTools
from lockstep.tool import Tool, ToolSpec
from policies.decider import Decider, PolicyTexts
from policies.familiar import Familiar
from policies.graph.calls import Args
from policies.graph.certainty import Shape, Shaped
from policies.graph.coded import OwnRules
from policies.graph.rules import Rules


@dataclass(frozen=True)
class World:
    """`code` holds the tools themselves, where their code is installed: their models say what a
    tool will really be given. `tools` are all that the agent's code offers or a manifest declares,
    and `Compose` where the manifest or a policy speaks of it; those usable here are named by
    `environment`, and those that are not called here answered for by `mocks`. `servers` are the MCP
    servers of the environment, with all that was pinned of each. `own` are plan rules that are
    code, `familiar` the calls that it has met.
    """

    agent: Agent
    environment: Environment
    tools: Mapping[str, ToolSpec]
    texts: PolicyTexts
    rules: Rules
    decider: Decider
    code: Mapping[str, Tool] = field(default_factory=dict)
    mocks: Mapping[str, Mock] = field(default_factory=dict)
    servers: Mapping[ServerName, PinnedTools] = field(default_factory=dict)
    own: OwnRules = field(default_factory=OwnRules)
    familiar: Familiar = field(default_factory=Familiar, init=False, compare=False, repr=False)

    @cached_property
    def contents(self) -> Contents:
        """All of this that a lock pins, under the names a person would use for the parts."""
        agent: dict[str, JsonValue] = {
            f"agent.{part}": value
            for part, value in self.agent.model_dump(mode="json").items()
            if part in ("role", "inputs", "approvers", "asking")
        }
        return Contents(
            policy={
                **{name: lines(text) for name, text in self.texts.files().items()},
                "rules.toml": self.rules.model_dump(mode="json"),
                **({"rules.py": lines(self.own.text)} if self.own.text else {}),
            },
            environment={
                **agent,
                **self.environment.parts(),
                **{
                    f"mocks.{name}": mock.model_dump(mode="json")
                    for name, mock in sorted(self.mocks.items())
                },
                **{
                    f"mcp.{name}.tools": pinned.model_dump(mode="json")
                    for name, pinned in sorted(self.servers.items())
                },
            },
            tools={
                name: spec.model_dump(mode="json")
                for name, spec in sorted(self.tools.items())
                if self.offers(name)
            },
        )

    @cached_property
    def pins(self) -> Pins:
        """The digests of its contents."""
        return self.contents.pins

    def offers(self, tool: str) -> bool:
        """Whether a plan for this environment may call the tool, as far as the manifest goes."""
        return tool in self.environment.offered

    def is_callable(self, tool: str) -> bool:
        """Whether a run could call it: its code is here, or a mock answers for it."""
        binding = self.environment.tools.get(tool)
        return binding is None or not binding.is_declared or binding.mock is not None

    def violations(
        self,
        steps: Iterable[Shaped],
        gone: Set[str] = frozenset(),
        edits: Mapping[str, Sequence[Args]] | None = None,
        hollow: Set[str] = frozenset(),
    ) -> Iterator[Finding]:
        """What the steps break of all plan rules, without those that are gone, with the arguments
        that humans gave since, and not counting as calls those whose output a human gave. They
        must form a graph.
        """
        shape = Shape.of(steps, self.tools, edits)
        shape = shape.given(hollow) if hollow else shape
        shape = shape.without(gone) if gone else shape
        yield from self.rules.violations(shape)
        yield from self.own.violations(shape)

    def principal_of(self, started_by: str, trigger: str) -> Principal:
        return _principal(self.agent.name, self.agent.role, started_by, trigger)


@lru_cache(maxsize=256)
def _principal(agent: str, role: str, started_by: str, trigger: str) -> Principal:
    return Principal.model_validate(
        {"agent": agent, "role": role, "started_by": started_by, "trigger": trigger}
    )
