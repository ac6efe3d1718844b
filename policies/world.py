"""Everything a plan is held against: the agent, its environment, its tools, its policy.

One value, put together once at the edge; all the checks are functions of a plan and a world.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from lockstep.agent import Agent
from lockstep.canonical import Digest, digest
from lockstep.compose import COMPOSE
from lockstep.decision import Principal
from lockstep.environment import Environment
from lockstep.lock import Pins
from lockstep.mcp import ServerName
from lockstep.mock import Mock
from lockstep.pinned_tools import PinnedTools
from lockstep.tool import Tool, ToolSpec
from policies.decider import Decider, PolicyTexts
from policies.rules import Rules


@dataclass(frozen=True)
class World:
    """`code` holds the tools themselves, where their code is installed: their models say what a
    tool will really be given. `tools` are all that the agent's code offers or a manifest declares,
    and `Compose` where the manifest or a policy speaks of it; those usable here are named by
    `environment`, and those that are not called here answered for by `mocks`. `servers` are the MCP
    servers of the environment, with all that was pinned of each.
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

    @cached_property
    def pins(self) -> Pins:
        """Digests of all of this, under the names a person would use for the parts."""
        agent: dict[str, Digest] = {
            f"agent.{part}": digest(value)
            for part, value in self.agent.model_dump(mode="json").items()
            if part in ("role", "inputs", "approvers", "asking")
        }
        return Pins(
            policy={
                **self.texts.digests(),
                "rules.toml": digest(self.rules.model_dump(mode="json")),
            },
            environment={
                **agent,
                **self.environment.sections(),
                **{f"mocks.{name}": mock.digest for name, mock in sorted(self.mocks.items())},
                **{
                    f"mcp.{name}.tools": pinned.digest
                    for name, pinned in sorted(self.servers.items())
                },
            },
            tools={
                name: spec.digest for name, spec in sorted(self.tools.items()) if self.offers(name)
            },
        )

    def offers(self, tool: str) -> bool:
        """Whether a plan for this environment may call the tool, as far as the manifest goes."""
        if tool == COMPOSE:
            return self.environment.compose is not None
        return tool in self.environment.tools

    def is_callable(self, tool: str) -> bool:
        """Whether a run could call it: its code is here, or a mock answers for it."""
        binding = self.environment.tools.get(tool)
        return binding is None or not binding.is_declared or binding.mock is not None

    def principal_of(self, started_by: str, trigger: str) -> Principal:
        return Principal.model_validate(
            {
                "agent": self.agent.name,
                "role": self.agent.role,
                "started_by": started_by,
                "trigger": trigger,
            }
        )
