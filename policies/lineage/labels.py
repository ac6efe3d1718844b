"""What may be believed before any step has run: the inputs, and what a plan writes down itself.

A literal is the word of whoever wrote the plan. A person is trusted. A model is as trusted as
everything it read, since it may repeat whatever stands there; so what a planner reads that somebody
else can write makes the literals of its plans untrusted.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass

from lockstep.action import Recoveries, substitutes
from lockstep.tool import ToolSpec
from lockstep.trust import Trust, worst
from policies.checks.handling import recoveries
from policies.world import World


@dataclass(frozen=True)
class Labels:
    """All labels that do not come from a step's place in the plan; `inputs` are by name.
    `substituted` are the tools whose errors may have them called with other arguments.
    """

    tools: Mapping[str, ToolSpec]
    inputs: Mapping[str, Trust]
    literals: Trust
    substituted: Set[str] = frozenset()


def labels(world: World, literals: Trust, known: Recoveries | None = None) -> Labels:
    """The labels of one world, for a plan whose literals are these. `known` is what is done here
    about the errors of that plan's tools, from whoever has found that out already.
    """
    if known is None:
        known = recoveries(world.environment, world.tools, world.tools)
    return Labels(
        tools=world.tools,
        inputs={name: given.trust for name, given in world.agent.inputs.items()},
        literals=literals,
        substituted={tool for tool, errors in known.items() if substitutes(errors)},
    )


def planner_reads(world: World) -> Trust:
    """How far to believe a plan that this world's model wrote: as far as the worst it was told.

    The one place where that is said. Of what a model is told (`activities/models/prompt.py`), these
    parts are not written by the agent's own people.
    """
    environment = world.environment
    used = {tool.mcp.server for tool in environment.tools.values() if tool.mcp is not None}
    return worst(
        [
            *(table.trust for table in environment.catalogues.values()),
            *(environment.mcp[name].trust for name in sorted(used)),
        ]
    )
