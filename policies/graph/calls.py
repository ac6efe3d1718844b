"""The calls behind a plan's steps, as far as rules may look at them: worked out when asked for."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from pydantic import JsonValue

from lockstep.loop import ForEach
from lockstep.tool import Effect, ToolSpec
from policies.known import Known, known, names, open_kinds

Args = Mapping[str, JsonValue]


class Calling(Protocol):
    """What proposed and locked steps have in common here."""

    @property
    def id(self) -> str: ...
    @property
    def tool(self) -> str: ...
    @property
    def args(self) -> Mapping[str, JsonValue]: ...
    @property
    def for_each(self) -> ForEach | None: ...


@dataclass(frozen=True)
class Calls:
    """`steps` and `edits` are by step; edits are arguments that humans gave since, all of which
    count: of a loop one item may have them, and the others the plan's own.
    """

    steps: Mapping[str, Calling] = field(default_factory=dict)
    specs: Mapping[str, ToolSpec] = field(default_factory=dict)
    edits: Mapping[str, Sequence[Args]] = field(default_factory=dict)
    _known: dict[str, tuple[Known, ...]] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        steps: Iterable[Calling],
        specs: Mapping[str, ToolSpec],
        edits: Mapping[str, Sequence[Args]],
    ) -> "Calls":
        return cls({step.id: step for step in steps}, specs, edits)

    def times(self, step: str) -> int:
        """How often a run makes the step's call at most, retries not counted."""
        found = self.steps.get(step)
        return found.for_each.max if found and found.for_each else 1

    def effect(self, step: str) -> Effect | None:
        found = self.steps.get(step)
        spec = self.specs.get(found.tool) if found else None
        return spec.effect if spec else None

    def values(self, step: str, at: str) -> tuple[JsonValue, ...] | None:
        """What stands at a place of the step's arguments in any of its calls; None where only the
        run will know.
        """
        found: list[JsonValue] = []
        for one in self._of(step):
            here = one.at(at)
            if here is None:
                return None
            found += here
        return tuple(found)

    def touched(self, step: str, kind: str) -> tuple[frozenset[str], bool]:
        """The resources of a kind that the step's calls name, and whether they may name others that
        only the run will know.
        """
        members: set[str] = set()
        more = False
        for args in self._args(step):
            schema = self._schema(step)
            members |= {one.name for one in names(args, schema) if one.kind == kind}
            more |= kind in open_kinds(args, schema)
        return frozenset(members), more

    def _of(self, step: str) -> tuple[Known, ...]:
        if step not in self._known:
            schema = self._schema(step)
            self._known[step] = tuple(known(args, schema) for args in self._args(step))
        return self._known[step]

    def _args(self, step: str) -> tuple[Args, ...]:
        found = self.steps.get(step)
        if found is None:
            return ()
        edited = tuple(self.edits.get(step, ()))
        # A step that is no loop makes one call: with the arguments that it was given last.
        return (found.args, *edited) if found.for_each or not edited else edited[-1:]

    def _schema(self, step: str) -> dict[str, JsonValue]:
        spec = self.specs.get(self.steps[step].tool) if step in self.steps else None
        return spec.input if spec else {}
