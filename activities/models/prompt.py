"""What the model is told: constant words, then the world as data, then the goal.

The words are files beside this one, under version control, and their digest goes on record with
every answer. What never changes comes first and what belongs to one goal last, so that providers
can cache all but the goal. Everything that is not ours is JSON in ASCII: text in it cannot end its
own quotes, whatever it says.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from activities.contract.planner import Rejected
from activities.models.model import Turn
from activities.models.selection import nearest
from lockstep.canonical import Digest, digest
from lockstep.compose import COMPOSE, ComposeSpec
from lockstep.duration import write_duration
from lockstep.environment import Environment
from lockstep.finding import Finding
from lockstep.revision import Course
from lockstep.tool import ToolSpec
from policies.lineage.labels import planner_reads
from policies.world import World

_WORDS = Path(__file__).with_name("prompts")
MAX_REPEATED_BYTES = 128 * 1024
"""Of a rejected answer; a longer one is not shown to the model again, only what was wrong."""
MAX_FINDINGS = 30


@dataclass(frozen=True)
class Briefing:
    """What is told for one goal: the constant words and the catalogue, then the conversation."""

    system: tuple[str, ...]
    turns: tuple[Turn, ...]

    @cached_property
    def told(self) -> dict[str, JsonValue]:
        """All that the model may be told but the goal and the findings."""
        words: list[JsonValue] = [_words("replan"), _words("again")]
        return {"system": [*self.system], "replan": words, "tail": _words("tail")}

    @cached_property
    def digest(self) -> Digest:
        """Of what it is told."""
        return digest(self.told)


@dataclass(frozen=True)
class Prompting:
    """The prompt of one agent in one environment; made once for each worker."""

    world: World

    def about(
        self, goal: str, rejected: Rejected | None = None, course: Course | None = None
    ) -> Briefing:
        """The goal, and how far a run has come with it; after a rejection also what was answered,
        and what was wrong with it.
        """
        asked = Turn("user", "\n\n".join([f"The goal: {goal}", *_so_far(course)]))
        if rejected is None:
            return Briefing(self._system(goal), (asked,))
        found = "\n".join(map(_as_data, rejected.findings[:MAX_FINDINGS]))
        words = f"{_words('replan')}\n{found}\n\n{_words('again')}"
        # What a finding proposes by name has to be in sight.
        system = self._system(f"{goal}\n{found}")
        if not rejected.text.strip() or len(rejected.text.encode()) > MAX_REPEATED_BYTES:
            return Briefing(system, (Turn("user", f"{asked.text}\n\n{words}"),))
        return Briefing(system, (asked, Turn("assistant", rejected.text), Turn("user", words)))

    def _system(self, asked: str) -> tuple[str, ...]:
        words = _words("plan")
        if _composes(self.world):
            # Whoever could not use it need not pay for the words.
            words = f"{words}\n\n{_words('plan_compose')}"
        return (words, f"# The catalogue\n\n{_lines(self._catalogue(asked))}")

    def _catalogue(self, asked: str) -> dict[str, JsonValue]:
        world, environment = self.world, self.world.environment
        limits, most = environment.limits, world.agent.planner
        offered = {
            name: world.tools[name].description for name in environment.tools if name in world.tools
        }
        tools = nearest(asked, offered, most.tools, _required(world))
        resources = {
            kind: nearest(asked, dict.fromkeys(members, ""), most.names, ())
            for kind, members in environment.resources.items()
        }
        counts = {"tools": (len(tools), len(offered))} | {
            f"resources.{kind}": (len(shown), len(environment.resources[kind]))
            for kind, shown in resources.items()
        }
        # What composes is no tool among others that could be farther from the goal.
        specs, told = world.tools, [*tools, *([COMPOSE] if _composes(world) else [])]
        narrowed: dict[str, JsonValue] = {
            what: f"{shown} of {there}: the nearest to the goal; the others exist as well"
            for what, (shown, there) in counts.items()
            if shown < there
        }
        return {
            **({"shown": narrowed} if narrowed else {}),
            "environment": environment.name,
            "stage": environment.stage.value,
            "agent": world.agent.description,
            "inputs": world.agent.input_schema,
            "labels": {
                "literals": planner_reads(world).value,
                "inputs": {name: one.trust.value for name, one in world.agent.inputs.items()},
            },
            "limits": {
                "steps": limits.steps,
                **limits.amount.model_dump(mode="json"),
                "wall": write_duration(limits.wall),
            },
            "errors": _errors(environment, (specs[name] for name in told)),
            "resources": {
                kind: {name: dict(environment.resources[kind][name]) for name in shown}
                for kind, shown in resources.items()
            },
            "rules": {
                **world.rules.model_dump(mode="json", exclude={"lockstep"}),
                **({"others": world.own.told} if world.own.rules else {}),
            },
            "policy": dict(world.texts.files()),
            "tools": {name: _told(specs[name]) for name in told},
        }


def _composes(world: World) -> bool:
    return world.offers(COMPOSE) and COMPOSE in world.tools


def _required(world: World) -> set[str]:
    """Tools that a plan is rejected without."""
    rules = world.rules
    return {rule.tool for rule in rules.mandatory} | {rule.first for rule in rules.before}


def _lines(catalogue: dict[str, JsonValue]) -> str:
    """As JSON, each tool and each rule on a line of its own: white space is paid for."""
    parts = [f"{json.dumps(name)}: {_part(part)}" for name, part in sorted(catalogue.items())]
    return "{\n" + ",\n".join(parts) + "\n}"


def _part(part: JsonValue) -> str:
    if not isinstance(part, dict) or not part:
        return json.dumps(part, sort_keys=True)
    lines = [f" {json.dumps(n)}: {json.dumps(p, sort_keys=True)}" for n, p in sorted(part.items())]
    return "{\n" + ",\n".join(lines) + "\n}"


def _told(tool: ToolSpec) -> JsonValue:
    """What it is and does; labels where they say more than silence, which is distrust."""
    told: dict[str, JsonValue] = {
        "description": tool.description,
        "effect": tool.effect.value,
        "input": untitled(tool.input),
        "output": untitled(tool.output),
        "signals": list(tool.signals),
        "timeout": write_duration(tool.timeout),
        "attempts": tool.attempts,
    }
    said = tool.model_dump(mode="json", include={"emits", "sensitive", "declassifies"})
    told |= {**said, **({"outward": True} if tool.acts_outward else {})}
    if isinstance(tool, ComposeSpec):
        # What it gives is for each step to say.
        del told["output"]
        told |= {"max_tokens": tool.max_tokens, "max_input_tokens": tool.max_input_tokens}
    return told


def _errors(environment: Environment, tools: Iterable[ToolSpec]) -> dict[str, JsonValue]:
    """What is done here about the errors that these tools may signal."""
    known = {error for tool in tools for error in tool.signals} & environment.errors.keys()
    return {
        name: {
            "recovery": environment.errors[name].recovery,
            "actions": [str(action) for action in environment.errors[name].actions],
        }
        for name in sorted(known)
    }


def untitled(schema: Any) -> Any:
    """Without the titles that pydantic makes of names, which say nothing new."""
    if isinstance(schema, list):
        return [untitled(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: {name: untitled(inner) for name, inner in part.items()}
        if key in ("properties", "$defs") and isinstance(part, dict)
        # A literal is whatever somebody wrote.
        else part
        if key in ("default", "const", "enum", "examples")
        else untitled(part)
        for key, part in schema.items()
        if not (key == "title" and isinstance(part, str))
    }


def _so_far(course: Course | None) -> Iterator[str]:
    """What was done and what went wrong, a line each, as data."""
    if course is None:
        return
    steps = (json.dumps(one.model_dump(mode="json")) for one in course.steps)
    signals = (json.dumps(one.model_dump(mode="json")) for one in course.signals)
    yield "\n".join([_words("tail"), "", "# The steps", "", *steps])
    yield "\n".join(["# The errors", "", *signals])


def _as_data(found: Finding) -> str:
    return json.dumps(str(found))


def _words(name: str) -> str:
    return (_WORDS / f"{name}.md").read_text().rstrip("\n")
