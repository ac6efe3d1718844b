"""Which steps have surely been done when another one runs?

A step with a guard may be left out. Who draws its output is then left out with it, who only comes
after it runs all the same. So of two steps that stand in the right order the first may be missing
when the second runs, and a rule that counted it would promise what nobody keeps.

The answer is of the worst run: everything that may be left out without leaving out the step that is
asked about is taken to be. Sets of steps are whole numbers, a bit for each step, since rules ask
about every pair.
"""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

from lockstep.graph import Graph, order
from lockstep.guard import Guard


class Shaped(Protocol):
    """What proposed and locked steps have in common."""

    @property
    def id(self) -> str: ...
    @property
    def tool(self) -> str: ...
    @property
    def needs(self) -> tuple[str, ...]: ...
    @property
    def draws(self) -> tuple[str, ...]: ...
    @property
    def when(self) -> tuple[Guard, ...]: ...


@dataclass(frozen=True)
class Shape:
    """A plan as rules see it: each step's tool, what it needs, and what of that it draws from;
    `optional` are the steps that may be left out by themselves.
    """

    tools: Mapping[str, str]
    needs: Graph
    draws: Mapping[str, Sequence[str]] = field(default_factory=dict)
    optional: frozenset[str] = frozenset()

    @classmethod
    def of(cls, steps: Iterable[Shaped]) -> "Shape":
        found = list(steps)
        return cls(
            tools={step.id: step.tool for step in found},
            needs={step.id: step.needs for step in found},
            draws={step.id: step.draws for step in found},
            optional=frozenset(step.id for step in found if step.when),
        )

    def without(self, gone: Set[str]) -> "Shape":
        """What remains when some steps will not run. Who needed one of them comes after all that
        it needed, as before.
        """
        needs: dict[str, list[str]] = {}
        for step in order(self.needs):
            near = self.needs[step]
            inherited = {far for need in near if need in gone for far in needs[need]}
            needs[step] = sorted({need for need in near if need not in gone} | inherited)
        kept = {step: None for step in needs if step not in gone}
        return Shape(
            tools={step: self.tools[step] for step in kept},
            needs={step: needs[step] for step in kept},
            draws={step: [one for one in self.draws.get(step, ()) if one in kept] for step in kept},
            optional=self.optional - gone,
        )

    def steps_of(self, tool: str) -> list[str]:
        return sorted(step for step, name in self.tools.items() if name == tool)

    @cached_property
    def sure(self) -> "Certainty":
        return Certainty(self)


class Certainty:
    """The closures of one shape; ValueError for one with a cycle."""

    def __init__(self, shape: Shape) -> None:
        self._bit: dict[str, int] = {}
        self._behind: dict[str, int] = {}
        self._drawn: dict[str, int] = {}
        self._conditions: dict[str, int] = {}
        for number, step in enumerate(order(shape.needs)):
            bit = self._bit[step] = 1 << number
            behind, drawn = 0, bit
            conditions = bit if step in shape.optional else 0
            for need in shape.needs[step]:
                behind |= self._behind[need] | self._bit[need]
            for need in shape.draws.get(step, ()):
                drawn |= self._drawn[need]
                conditions |= self._conditions[need]
            self._behind[step], self._drawn[step] = behind, drawn
            self._conditions[step] = conditions

    def always(self, step: str) -> bool:
        """Whether the step is done in every run that completes."""
        return not self._conditions[step]

    def together(self, late: str, early: str) -> bool:
        """Whether `early` is done in every run in which `late` is, in whatever order."""
        return not self._conditions[early] & ~self._drawn[late]

    def before(self, late: str, early: str) -> bool:
        """Whether `early` is done whenever `late` begins."""
        return bool(self._behind[late] & self._bit[early]) and self.together(late, early)

    def follows(self, late: str, early: str) -> bool:
        """Whether `late` needs `early`, directly or through others."""
        return bool(self._behind[late] & self._bit[early])
