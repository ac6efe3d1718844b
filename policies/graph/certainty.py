"""Which steps have surely been done when another one runs?

A step with a guard may be left out. Who draws its output is then left out with it, who only comes
after it runs all the same. So of two steps that stand in the right order the first may be missing
when the second runs, and a rule that counted it would promise what nobody keeps.

The answer is of the worst run: everything that may be left out without leaving out the step that is
asked about is taken to be. Sets of steps are whole numbers, a bit for each step, since rules ask
about every pair.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Protocol

from lockstep.fallback import Provided, owners, stand_ins
from lockstep.graph import Graph, anyhow, order
from lockstep.guard import Guard
from lockstep.reference import Reference, references
from lockstep.tool import ToolSpec
from policies.graph.calls import Args, Calling, Calls


class Shaped(Provided, Calling, Protocol):
    """What proposed and locked steps have in common."""

    @property
    def when(self) -> tuple[Guard, ...]: ...


class Feeds(Mapping[str, Mapping[str, Sequence[str]]]):
    """By step and top-level argument, the ids of the steps whose outputs it is made of, sorted.

    Read when somebody asks: most agents have no rule that does.
    """

    def __init__(self, steps: Iterable[Shaped]) -> None:
        self._steps = {step.id: step for step in steps}

    def __iter__(self) -> Iterator[str]:
        return iter(self._steps)

    def __len__(self) -> int:
        return len(self._steps)

    def __getitem__(self, step: str) -> dict[str, tuple[str, ...]]:
        loop = self._steps[step].for_each
        found: dict[str, tuple[str, ...]] = {}
        for name, value in self._steps[step].args.items():
            whole = (one for _, one in references(value) if isinstance(one, Reference))
            real = (loop.source if loop and one.source == "$item" else one for one in whole)
            steps = {one.step for one in real if one is not None and one.source == "$from"}
            if steps:
                found[name] = tuple(sorted(steps))
        return found


@dataclass(frozen=True)
class Shape:
    """A plan as rules see it: each step's tool, what it needs, and what of that it draws from.

    `optional` are the steps that may be left out by themselves; `stand_ins` name for a step those
    that may take its place, which run only then; `hollow` are steps whose output may be there
    although their tool did nothing for it. `feeds` names for each argument of a step the steps
    whose outputs it is made of; `calls` says what they are called with.
    """

    tools: Mapping[str, str]
    needs: Graph
    draws: Mapping[str, Sequence[str]] = field(default_factory=dict)
    optional: frozenset[str] = frozenset()
    stand_ins: Mapping[str, Sequence[str]] = field(default_factory=dict)
    hollow: frozenset[str] = frozenset()
    feeds: Mapping[str, Mapping[str, Sequence[str]]] = field(default_factory=dict)
    calls: Calls = field(default_factory=Calls)

    @classmethod
    def of(
        cls,
        steps: Iterable[Shaped],
        specs: Mapping[str, ToolSpec] | None = None,
        edits: Mapping[str, Sequence[Args]] | None = None,
    ) -> "Shape":
        """`specs` are of the tools, `edits` arguments that humans gave since, by step."""
        found = list(steps)
        whose = owners(found)
        return cls(
            tools={step.id: step.tool for step in found},
            needs={
                step.id: sorted({*step.needs} - {whose.get(step.id)}) if step.needs else ()
                for step in found
            },
            draws={step.id: step.draws for step in found},
            optional=frozenset(
                step.id
                for step in found
                if step.when or (step.on_error and any(one.skip for one in step.on_error.values()))
            ),
            stand_ins={
                step.id: names for step in found if step.on_error and (names := stand_ins(step))
            },
            hollow=frozenset(
                step.id
                for step in found
                # A list may be empty.
                if step.for_each
                or (step.on_error and any(one.output is not None for one in step.on_error.values()))
            ),
            feeds=Feeds(found),
            calls=Calls.of(found, specs or {}, edits or {}),
        )

    def given(self, steps: Set[str]) -> "Shape":
        """What is left to count on when a human gives the output of some steps."""
        return replace(self, hollow=self.hollow | frozenset(steps))

    def without(self, gone: Set[str]) -> "Shape":
        """What remains when some steps will not run. Who needed one of them comes after all that
        it needed, as before.
        """
        gone = set(gone)
        needs: dict[str, list[str]] = {}
        for step in order(self.begins):
            if self.whose.get(step) in gone:
                gone.add(step)
            near = self.needs[step]
            inherited = {far for need in near if need in gone for far in needs[need]}
            needs[step] = sorted({need for need in near if need not in gone} | inherited)
        kept = {step: None for step in needs if step not in gone}
        # Without its stand-in, a step that signals is left out.
        bare = {step for step, names in self.stand_ins.items() if gone.intersection(names)}
        return Shape(
            tools={step: self.tools[step] for step in kept},
            needs={step: needs[step] for step in kept},
            draws={step: [one for one in self.draws.get(step, ()) if one in kept] for step in kept},
            optional=(self.optional | bare) - gone,
            stand_ins={
                step: [name for name in names if name in kept]
                for step, names in self.stand_ins.items()
                if step in kept
            },
            hollow=self.hollow - gone,
            # Whoever is fed by a step that is gone is gone too.
            feeds=self.feeds,
            calls=self.calls,
        )

    def steps_of(self, tool: str) -> list[str]:
        return self._by_tool.get(tool, [])

    @cached_property
    def _by_tool(self) -> dict[str, list[str]]:
        """The steps of each tool, sorted."""
        found: dict[str, list[str]] = {}
        for step in sorted(self.tools):
            found.setdefault(self.tools[step], []).append(step)
        return found

    def does(self, step: str, tool: str) -> bool:
        """Whether a call of the tool has been done wherever there is an output of the step."""
        if self.tools[step] != tool or step in self.hollow:
            return False
        return all(self.does(name, tool) for name in self.stand_ins.get(step, ()))

    @cached_property
    def whose(self) -> dict[str, str]:
        """For each step that stands in for another: which one that is."""
        return {name: step for step, names in self.stand_ins.items() for name in names}

    @cached_property
    def begins(self) -> Graph:
        """What must be over before each step begins: a stand-in waits for its step to signal."""
        if not self.whose:
            return self.needs
        return {
            step: [*needs, *([self.whose[step]] if step in self.whose else [])]
            for step, needs in self.needs.items()
        }

    @cached_property
    def ends(self) -> Graph:
        """What must be over before each step is."""
        if not self.whose:
            return self.needs
        return {step: [*needs, *self.stand_ins.get(step, ())] for step, needs in self.needs.items()}

    @cached_property
    def sure(self) -> "Certainty":
        return Certainty(self)


class Certainty:
    """The closures of one shape; ValueError for one with a cycle.

    With fallbacks it errs on the safe side: a step is not counted on where that would take knowing
    which of two ways was gone.
    """

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        whose, others = shape.whose, shape.stand_ins
        self._bit: dict[str, int] = {}
        self._behind: dict[str, int] = {}
        self._drawn: dict[str, int] = {}
        self._conditions: dict[str, int] = {}
        self._waits: dict[str, int] = {}
        for number, step in enumerate(anyhow(shape.begins)):
            bit = self._bit[step] = 1 << number
            owner = whose.get(step) if whose else None
            # A stand-in begins after all that its step began after; but the step itself, which has
            # only signalled, is not done.
            behind = self._behind[owner] if owner else 0
            drawn = self._drawn[owner] & ~self._bit[owner] if owner else 0
            for need in shape.needs[step]:
                behind |= self._behind[need] | self._bit[need]
            for need in shape.draws.get(step, ()):
                drawn |= self._drawn[need]
            self._behind[step], self._drawn[step] = behind, drawn | bit
        for step in anyhow(shape.ends):
            own = step in shape.optional
            # Where a stand-in may be left out its step may be, if it signals.
            if step in others:
                own |= any(self._conditions[name] for name in others[step])
            conditions = self._bit[step] if own else 0
            for need in shape.draws.get(step, ()):
                conditions |= self._conditions[need]
            self._conditions[step] = conditions
            waits = 0
            for need in shape.ends[step]:
                waits |= self._waits[need] | self._bit[need]
            self._waits[step] = waits

    def always(self, step: str) -> bool:
        """Whether the step has an output in every run that completes."""
        return not self._conditions[step] and step not in self._shape.whose

    def together(self, late: str, early: str) -> bool:
        """Whether `early` has an output in every run in which `late` begins, in whatever order."""
        if early in self._shape.whose:
            # That its step signals is nobody's promise.
            return False
        return not self._conditions[early] & ~self._drawn[late]

    def before(self, late: str, early: str) -> bool:
        """Whether `early` has its output whenever `late` begins."""
        return bool(self._behind[late] & self._bit[early]) and self.together(late, early)

    def follows(self, late: str, early: str) -> bool:
        """Whether `late` waits for `early`, directly or through others."""
        return late == early or bool(self._waits[late] & self._bit[early])
