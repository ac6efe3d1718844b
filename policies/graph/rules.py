"""What must hold of a plan's graph: this before that, and never without it.

Cedar decides about one call; these rules speak about how calls stand to one another. They read the
edges of the graph and never the order of the file, because steps without an edge run at once; and
they count no step as done that may be left out. A violation carries its witness and, where an edge
would mend it, every edge that would.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Literal, Protocol, Self

from pydantic import Field, model_validator

from lockstep.finding import Edge, Finding
from lockstep.graph import path
from lockstep.names import RuleId, Sentence, ToolName
from lockstep.record import Record, is_empty
from policies.graph.certainty import Shape
from policies.graph.combinations import AtMost, NeverTogether
from policies.graph.flow import Flow

_ENOUGH = 20
"""Of one rule; where it is broken more often, it is mostly the same mistake again."""


_MOST_EDGES = 8
"""Edges that are proposed for one place."""


class Declared(Protocol):
    """Any statement about a plan's shape that can be found violated."""

    @property
    def id(self) -> str:
        """What decisions and messages call the rule."""

    def violations(self, shape: Shape) -> Iterator[Finding]:
        """One finding for each place where the plan breaks the rule."""


class Before(Record):
    """Whenever a step of `then` runs, a step of `first` that it needs has been done."""

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
        firsts, sure = shape.steps_of(self.first), shape.sure
        counted = [early for early in firsts if shape.does(early, self.first)]
        for late in shape.steps_of(self.then):
            if any(sure.before(late, early) for early in counted):
                continue
            possible = [
                early
                for early in firsts
                if early not in shape.whose and not sure.follows(early, late)
            ]
            mending = [
                early
                for early in possible
                if sure.together(late, early) and shape.does(early, self.first)
            ]
            yield Finding(
                code="LS-RULE-001",
                place=f"step `{late}`",
                problem=f"policy violation: {self.reason} ({self.id})",
                fix=self._fix(shape, firsts, possible, mending, late),
                edges=tuple(Edge(step=late, after=early) for early in mending[:_MOST_EDGES]),
            )

    def _fix(
        self, shape: Shape, firsts: list[str], possible: list[str], mending: list[str], late: str
    ) -> str:
        if not firsts:
            return f"add a `{self.first}` step that `{late}` needs"
        if mending:
            return f"add the missing edge: `{mending[0]}` to `after` of `{late}`"
        if possible:
            return (
                f"`{possible[0]}` may be left out or stood in for: let `{late}` draw from its "
                "output, or have it run in any case"
            )
        walk = " needs ".join(f"`{step}`" for step in path(shape.ends, firsts[0], late) or ())
        return f"turn the edges round: now {walk}"


class Mandatory(Record):
    """Every run of the plan does a step of this tool."""

    id: RuleId
    tool: ToolName
    reason: Sentence

    def violations(self, shape: Shape) -> Iterator[Finding]:
        found = shape.steps_of(self.tool)
        if any(shape.sure.always(step) and shape.does(step, self.tool) for step in found):
            return
        yield Finding(
            code="LS-RULE-002",
            place="plan",
            problem=f"policy violation: {self.reason} ({self.id})",
            fix=f"have `{found[0]}` run in any case" if found else f"add a `{self.tool}` step",
        )


class Rules(Record):
    """`policy/rules.toml`: the rules that need no code."""

    lockstep: Literal["rules/1"] = "rules/1"
    before: tuple[Before, ...] = ()
    mandatory: tuple[Mandatory, ...] = ()
    never_together: tuple[NeverTogether, ...] = Field(default=(), exclude_if=is_empty)
    at_most: tuple[AtMost, ...] = Field(default=(), exclude_if=is_empty)
    flow: tuple[Flow, ...] = Field(default=(), exclude_if=is_empty)

    @property
    def every(self) -> tuple[Declared, ...]:
        return (
            *self.before,
            *self.mandatory,
            *self.never_together,
            *self.at_most,
            *self.flow,
        )

    def violations(self, shape: Shape) -> Iterator[Finding]:
        for rule in self.every:
            yield from guarded(rule, shape)


def guarded(rule: Declared, shape: Shape) -> Iterator[Finding]:
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
