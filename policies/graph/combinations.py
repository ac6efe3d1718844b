"""What a plan must not have together, and what it may have only so often.

Both are of the worst run: guards are taken to hold, loops to be as long as they may, stand-ins to
be needed. Where a rule compares arguments that only the run will know, it cannot be shown to be
kept, and so it is broken.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Annotated, Self

from pydantic import Field, JsonValue, StringConstraints, model_validator

from lockstep.finding import Finding
from lockstep.names import ResourceKind, RuleId, Sentence, ToolName
from lockstep.record import Record
from policies.graph.certainty import Shape
from policies.known import same

_SHOWN = 4
_ENOUGH = 20

Place = Annotated[str, StringConstraints(pattern=r"^(/([^~/]|~[01])*)+$", max_length=200)]
"""A JSON pointer (RFC 6901) into a call's arguments."""


class NeverTogether(Record):
    """No plan calls all of `tools`; with `same` or `resource`, none calls them about one thing.

    `same` says by tool where the thing stands in its arguments; a list there counts for each of its
    elements. `resource` is a kind: whatever the calls touch of it.
    """

    id: RuleId
    tools: Annotated[tuple[ToolName, ...], Field(min_length=2, max_length=8)]
    same: dict[ToolName, Place] = {}
    resource: ResourceKind | None = None
    reason: Sentence

    @model_validator(mode="after")
    def _can_be_asked(self) -> Self:
        if len({*self.tools}) != len(self.tools):
            raise ValueError("a tool stands twice in `tools`")
        if self.same and self.resource is not None:
            raise ValueError("`same` and `resource` both say what to compare: keep one")
        if self.same and {*self.same} != {*self.tools}:
            raise ValueError("`same` says for each of `tools` where to look, and for no other")
        return self

    def violations(self, shape: Shape) -> Iterator[Finding]:
        found = {tool: shape.steps_of(tool) for tool in self.tools}
        if not all(found.values()):
            return
        if not self.same and self.resource is None:
            yield self._finding([steps[0] for steps in found.values()], shape, "")
            return
        compared = {
            tool: {step: self._things(shape, tool, step) for step in steps}
            for tool, steps in found.items()
        }
        yield from self._about_one(compared, shape)
        yield from self._undecided(compared, shape)

    def _things(self, shape: Shape, tool: str, step: str) -> tuple[dict[bytes, JsonValue], bool]:
        """What a step's calls are about, and whether they may be about more than that."""
        if self.resource is not None:
            members, more = shape.calls.touched(step, self.resource)
            return {same(name): name for name in members}, more
        values = shape.calls.values(step, self.same[tool])
        flat = [one for value in values or () for one in _elements(value)]
        return {same(one): one for one in flat}, values is None

    def _about_one(
        self, compared: dict[str, dict[str, tuple[dict[bytes, JsonValue], bool]]], shape: Shape
    ) -> Iterator[Finding]:
        by_thing = [
            {thing: step for step, (things, _) in reversed(steps.items()) for thing in things}
            for steps in compared.values()
        ]
        common = sorted(set.intersection(*({*one} for one in by_thing)))
        for thing in islice(common, _ENOUGH):
            about = f" about `{thing.decode()[:200]}`"
            yield self._finding([steps[thing] for steps in by_thing], shape, about)

    def _undecided(
        self, compared: dict[str, dict[str, tuple[dict[bytes, JsonValue], bool]]], shape: Shape
    ) -> Iterator[Finding]:
        """Where one of them is about what only the run will know, and no other about nothing."""
        witness: list[str] = []
        is_open = False
        for steps in compared.values():
            about = [step for step, (things, more) in steps.items() if things or more]
            if not about:
                return
            unsure = [step for step in about if steps[step][1]]
            is_open |= bool(unsure)
            witness.append((unsure or about)[0])
        if is_open:
            yield self._finding(
                witness,
                shape,
                " may be about the same, which only a run knows",
                "write out what they are about, or ",
            )

    def _finding(self, steps: list[str], shape: Shape, about: str, fix: str = "") -> Finding:
        calls = " and ".join(f"`{step}` ({shape.tools[step]})" for step in steps)
        return Finding(
            code="LS-RULE-004",
            place=f"step `{steps[-1]}`",
            problem=f"policy violation: {self.reason} ({self.id}): {calls}{about}",
            fix=f"{fix}leave one of them out",
        )


class AtMost(Record):
    """So many steps of a tool in a plan, or so many calls in a run of it; retries do not count."""

    id: RuleId
    tool: ToolName
    steps: Annotated[int, Field(ge=0)] | None = None
    calls: Annotated[int, Field(ge=0)] | None = None
    reason: Sentence

    @model_validator(mode="after")
    def _says_of_what(self) -> Self:
        if self.steps is None and self.calls is None:
            raise ValueError("says neither how many `steps` nor how many `calls`")
        return self

    @property
    def tools(self) -> tuple[str, ...]:
        return (self.tool,)

    def violations(self, shape: Shape) -> Iterator[Finding]:
        found = shape.steps_of(self.tool)
        calls = sum(shape.calls.times(step) for step in found)
        for what, most, there in (
            ("steps", self.steps, len(found)),
            ("calls", self.calls, calls),
        ):
            if most is not None and there > most:
                yield self._finding(what, most, there, found)

    def _finding(self, what: str, most: int, there: int, found: list[str]) -> Finding:
        shown = ", ".join(f"`{step}`" for step in found[:_SHOWN])
        more = f" and {len(found) - _SHOWN:,} more" if len(found) > _SHOWN else ""
        loops = ", or lower `max` of their loops" if there > len(found) else ""
        return Finding(
            code="LS-RULE-005",
            place="plan",
            problem=f"policy violation: {self.reason} ({self.id}): {there:,} {what} of "
            f"`{self.tool}` in {shown}{more}, and {most:,} are allowed",
            fix=f"take out steps{loops}",
        )


def _elements(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else [value]
