"""Plan rules that an agent writes in Python, put on a level with those that need no code.

What they are asked with is a view of the plan's shape, and what they answer becomes findings. A
rule may say anything at all, since it is somebody's code: whatever is no violation, and whatever it
raises, counts as a rule that could not be evaluated.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from pydantic import JsonValue

from lockstep.canonical import Digest, digest_bytes
from lockstep.finding import Finding
from lockstep.graph import path
from lockstep.rule import PlanRule, PlanView, StepView, Violation
from lockstep.tool import Effect
from policies.graph.certainty import Shape
from policies.graph.rules import guarded


@dataclass(frozen=True)
class Coded:
    """A rule of `policy/rules.py`, as one about shapes."""

    rule: PlanRule

    @property
    def id(self) -> str:
        return self.rule.id

    def violations(self, shape: Shape) -> Iterator[Finding]:
        for found in self.rule.violations(View(shape)):
            if not isinstance(found, Violation):
                raise TypeError("a rule yields violations")
            yield self._finding(found)

    def _finding(self, found: Violation) -> Finding:
        place = f"step `{found.steps[0]}`" if found.steps else "plan"
        others = ", ".join(f"`{step}`" for step in found.steps[1:8])
        what = f": {found.problem}" if found.problem else ""
        return Finding(
            code="LS-RULE-006",
            place=place,
            problem=f"policy violation: {self.rule.reason} ({self.id}){what}"
            + (f" (with {others})" if others else ""),
            fix=found.fix,
        )


@dataclass(frozen=True)
class OwnRules:
    """All rules of the module, and its text; none for an agent without it."""

    rules: tuple[Coded, ...] = ()
    text: str = ""

    @property
    def source(self) -> Digest | None:
        """Of the module's bytes."""
        return digest_bytes(self.text.encode()) if self.text else None

    @property
    def told(self) -> list[JsonValue]:
        """What a planner can be told of them."""
        return [{"id": one.id, "reason": one.rule.reason} for one in self.rules]

    def violations(self, shape: Shape) -> Iterator[Finding]:
        for rule in self.rules:
            yield from guarded(rule, shape)


@dataclass(frozen=True)
class _Step(StepView):
    """One step of a shape."""

    _shape: Shape
    _id: str

    @property
    def id(self) -> str:
        return self._id

    @property
    def tool(self) -> str:
        return self._shape.tools[self._id]

    @property
    def effect(self) -> Effect | None:
        return self._shape.calls.effect(self._id)

    @property
    def calls(self) -> int:
        return self._shape.calls.times(self._id)

    @property
    def optional(self) -> bool:
        return not self._shape.sure.always(self._id)

    def values(self, at: str) -> tuple[JsonValue, ...] | None:
        return self._shape.calls.values(self._id, at)


class View(PlanView):
    """A shape as rules see it."""

    def __init__(self, shape: Shape) -> None:
        self._shape = shape

    @cached_property
    def steps(self) -> tuple[StepView, ...]:
        return tuple(_Step(self._shape, id) for id in sorted(self._shape.tools))

    def always(self, step: str) -> bool:
        shape = self._shape
        return shape.sure.always(step) and shape.does(step, shape.tools[step])

    def before(self, late: str, early: str) -> bool:
        shape = self._shape
        return shape.sure.before(late, early) and shape.does(early, shape.tools[early])

    def walk(self, late: str, early: str) -> tuple[str, ...] | None:
        return path(self._shape.ends, late, early)
