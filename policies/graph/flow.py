"""What one tool gave must not reach another, unless it has passed through a third.

Labels say whom to believe and what is private, everywhere alike. Some bans are about two tools
only: what the salary records gave is not put into a chat message, whoever may read either. The
rule follows data alone, through every step that it may have gone into, and stops where a step of
an `unless` tool has had it in its hands. Who ordered what makes no difference here, and neither
does a guard.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Protocol, Self

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from lockstep.finding import Finding
from lockstep.graph import order
from lockstep.names import RuleId, Sentence, ToolName
from lockstep.record import Record
from policies.graph.certainty import Shape


def _listed(value: object) -> object:
    return (value,) if isinstance(value, str) else value


Tools = Annotated[tuple[ToolName, ...], BeforeValidator(_listed)]
"""One name, or a list of them."""


class Flow(Record):
    """Nothing that a `from` tool gave stands in an argument of a `to` tool."""

    model_config = ConfigDict(serialize_by_alias=True)

    id: RuleId
    from_: Tools = Field(alias="from", min_length=1)
    to: Tools = Field(min_length=1)
    argument: str | None = Field(default=None, min_length=1, max_length=200)
    unless: Tools = ()
    reason: Sentence

    @model_validator(mode="after")
    def _can_be_broken(self) -> Self:
        if set(self.unless) & {*self.from_, *self.to}:
            raise ValueError("a tool in `unless` stands between the others, and is none of them")
        return self

    @property
    def tools(self) -> tuple[str, ...]:
        """Every tool that the rule names."""
        return (*self.from_, *self.to, *self.unless)

    def violations(self, shape: Shape) -> Iterator[Finding]:
        carried = self._carried(shape)
        for step, tool in shape.tools.items():
            if tool not in self.to:
                continue
            for argument, sources in sorted(shape.feeds.get(step, {}).items()):
                if self.argument not in (None, argument):
                    continue
                reached = next((one for one in sources if one in carried), None)
                if reached is not None:
                    yield self._finding(shape, step, argument, _walk(carried, reached))
                    break

    def _carried(self, shape: Shape) -> dict[str, str | None]:
        """The steps whose output may hold it, each with the step that it has it from; None for one
        that is a source.
        """
        carried: dict[str, str | None] = {}
        for step in order(shape.ends):
            tool = shape.tools[step]
            behind = [one for some in shape.feeds.get(step, {}).values() for one in some]
            if tool in self.from_:
                carried[step] = None
                continue
            # What stands in for a step is what its output may be.
            held = [] if tool in self.unless else behind
            source = next(
                (one for one in (*held, *shape.stand_ins.get(step, ())) if one in carried), None
            )
            if source is not None:
                carried[step] = source
        return carried

    def _finding(self, shape: Shape, step: str, argument: str, walk: tuple[str, ...]) -> Finding:
        *between, source = walk
        way = f", by way of {', '.join(f'`{one}`' for one in between)}" if between else ""
        through = " or ".join(f"`{name}`" for name in self.unless)
        return Finding(
            code="LS-RULE-010",
            place=f"step `{step}` /{argument}",
            problem=(
                f"policy violation: {self.reason} ({self.id}): it holds what `{source}` "
                f"({shape.tools[source]}) gave{way}"
            ),
            fix=f"pass it through {through} first" if through else "take it out",
        )


def _walk(carried: Mapping[str, str | None], step: str) -> tuple[str, ...]:
    """From a step back to the source."""
    walk = [step]
    while (behind := carried[walk[-1]]) is not None:
        walk.append(behind)
    return tuple(walk)


class Naming(Protocol):
    """A rule that names tools."""

    @property
    def id(self) -> str: ...
    @property
    def tools(self) -> tuple[str, ...]: ...


def unknown(rules: Iterable[Naming], tools: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The rules that name a tool which the agent does not have, each with the name: a ban on
    something that is misspelt bans nothing.
    """
    known = set(tools)
    for rule in rules:
        for name in rule.tools:
            if name not in known:
                yield rule.id, name
