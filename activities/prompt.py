"""What the model is told: constant words, then the world as data, then the goal.

The words are files beside this one, under version control, and their digest goes on record with
every answer. What never changes comes first and what belongs to one goal last, so that providers
can cache all but the goal. Everything that is not ours is JSON in ASCII: text in it cannot end its
own quotes, whatever it says.
"""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pydantic import JsonValue

from activities.contract import Rejected
from activities.model import Turn
from lockstep.canonical import Digest, digest
from lockstep.duration import write_duration
from lockstep.finding import Finding
from lockstep.tool import ToolSpec
from policies.world import World

_WORDS = Path(__file__).with_name("prompts")
MAX_REPEATED_BYTES = 128 * 1024
"""Of a rejected answer; a longer one is not shown to the model again, only what was wrong."""
MAX_FINDINGS = 30


@dataclass(frozen=True)
class Prompting:
    """The prompt of one agent in one environment; made once for each worker."""

    world: World

    @cached_property
    def system(self) -> tuple[str, ...]:
        """The constant words, and the catalogue."""
        catalogue = json.dumps(self._catalogue(), indent=1, sort_keys=True)
        return (_words("plan"), f"# The catalogue\n\n{catalogue}")

    @cached_property
    def told(self) -> dict[str, JsonValue]:
        """All that the model may be told but the goal and the findings."""
        return {"system": [*self.system], "replan": [_words("replan"), _words("again")]}

    @cached_property
    def digest(self) -> Digest:
        """Of what it is told."""
        return digest(self.told)

    def turns(self, goal: str, rejected: Rejected | None) -> tuple[Turn, ...]:
        """The goal; after a rejection also what was answered, and what was wrong with it."""
        asked = Turn("user", f"The goal: {goal}")
        if rejected is None:
            return (asked,)
        found = "\n".join(map(_as_data, rejected.findings[:MAX_FINDINGS]))
        words = f"{_words('replan')}\n{found}\n\n{_words('again')}"
        if not rejected.text.strip() or len(rejected.text.encode()) > MAX_REPEATED_BYTES:
            return (Turn("user", f"{asked.text}\n\n{words}"),)
        return (asked, Turn("assistant", rejected.text), Turn("user", words))

    def _catalogue(self) -> dict[str, JsonValue]:
        world, environment = self.world, self.world.environment
        limits = environment.limits
        return {
            "environment": environment.name,
            "stage": environment.stage.value,
            "agent": world.agent.description,
            "inputs": world.agent.input_schema,
            "limits": {"steps": limits.steps, "calls": limits.calls},
            "resources": {
                kind: {name: dict(attributes) for name, attributes in members.items()}
                for kind, members in environment.resources.items()
            },
            "rules": world.rules.model_dump(mode="json", exclude={"lockstep"}),
            "policy": dict(world.texts.files()),
            "tools": {
                name: _told(world.tools[name])
                for name in sorted(environment.tools)
                if name in world.tools
            },
        }


def _told(tool: ToolSpec) -> JsonValue:
    return {
        "description": tool.description,
        "effect": tool.effect.value,
        "input": tool.input,
        "output": tool.output,
        "signals": list(tool.signals),
        "timeout": write_duration(tool.timeout),
    }


def _as_data(found: Finding) -> str:
    return json.dumps(str(found))


def _words(name: str) -> str:
    return (_WORDS / f"{name}.md").read_text().rstrip("\n")
