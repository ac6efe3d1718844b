"""What must hold of a plan's graph: this before that, and never without it.

Cedar decides about one call; these rules speak about how calls stand to one another. They read the
edges of the graph and never the order of the file, because steps without an edge run at once. A
violation carries its witness and, where one edge would mend it, that edge.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Literal, Protocol, Self

from pydantic import model_validator

from lockstep.finding import Finding
from lockstep.graph import Graph, dependents, path
from lockstep.names import RuleId, Sentence, ToolName
from lockstep.record import Record

_ENOUGH = 20
"""Of one rule; where it is broken more often, it is mostly the same mistake again."""


@dataclass(frozen=True)
class Shape:
    """A plan as rules see it: each step's tool, and its needs."""

    tools: dict[str, str]
    needs: Graph

    def steps_of(self, tool: str) -> list[str]:
        return sorted(step for step, name in self.tools.items() if name == tool)


class PlanRule(Protocol):
    """Any statement about a plan's shape that can be found violated."""

    @property
    def id(self) -> str:
        """What decisions and messages call the rule."""

    def violations(self, shape: Shape) -> Iterator[Finding]:
        """One finding for each place where the plan breaks the rule."""


class Before(Record):
    """Every step of `then` needs a step of `first`, directly or through others."""

    id: RuleId
    first: ToolName
    then: ToolName
    reason: Sentence

    @model_validator(mode="after")
    def _can_be_kept(self) -> Self:
        if self.first == self.then:
            raise ValueError("no step can come before itself")
        return self

    def violations(self, shape: Shape) -> Iterator[Finding]:
        firsts = shape.steps_of(self.first)
        kept = dependents(shape.needs, set(firsts))
        for late in shape.steps_of(self.then):
            if late in kept:
                continue
            yield Finding(
                code="LS-RULE-001",
                place=f"step `{late}`",
                problem=f"policy violation: {self.reason} ({self.id})",
                fix=self._fix(shape, firsts, late),
            )

    def _fix(self, shape: Shape, firsts: list[str], late: str) -> str:
        if not firsts:
            return f"add a `{self.first}` step that `{late}` needs"
        behind = dependents(shape.needs, {late})
        for early in firsts:
            if early not in behind:
                return f"add the missing edge: `{early}` to `after` of `{late}`"
        walk = " needs ".join(f"`{step}`" for step in path(shape.needs, firsts[0], late) or ())
        return f"turn the edges round: now {walk}"


class Mandatory(Record):
    """The plan has a step of this tool."""

    id: RuleId
    tool: ToolName
    reason: Sentence

    def violations(self, shape: Shape) -> Iterator[Finding]:
        if not shape.steps_of(self.tool):
            yield Finding(
                code="LS-RULE-002",
                place="plan",
                problem=f"policy violation: {self.reason} ({self.id})",
                fix=f"add a `{self.tool}` step",
            )


class Rules(Record):
    """`policy/rules.toml`: the rules that need no code."""

    lockstep: Literal["rules/1"] = "rules/1"
    before: tuple[Before, ...] = ()
    mandatory: tuple[Mandatory, ...] = ()

    def violations(self, shape: Shape) -> Iterator[Finding]:
        rules: tuple[PlanRule, ...] = (*self.before, *self.mandatory)
        for rule in rules:
            yield from _guarded(rule, shape)


def _guarded(rule: PlanRule, shape: Shape) -> Iterator[Finding]:
    """A rule that breaks has not been kept: what cannot be decided is denied."""
    try:
        yield from list(islice(rule.violations(shape), _ENOUGH))
    except Exception as error:
        yield Finding(
            code="LS-RULE-003",
            place=f"rule `{rule.id}`",
            problem=f"could not be evaluated: {type(error).__name__}",
            fix="correct the rule",
        )
