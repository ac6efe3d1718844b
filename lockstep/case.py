"""A policy case: a call somebody thought of, and what policy is to say of it.

`tests/policy.toml` holds them. They stand outside `policy/` because they decide nothing: a case may
be added without any lock drifting.

A case is asked about as a plan is where it leaves arguments `unknown`, and as an attempt is where
it does not. What only an attempt can have, approvals and a schedule behind it, is refused of the
other kind: no plan is ever asked about that way, so the answer would prove nothing.
"""

import re
from typing import Annotated, Literal, Self

from pydantic import Field, JsonValue, StringConstraints, model_validator

from lockstep.amount import Count
from lockstep.canonical import ExactObject
from lockstep.decision import PLAN, REPLAN, Outcome, Phase
from lockstep.names import EnvironmentName, ErrorName, Person, RuleId, Sentence, ToolName
from lockstep.record import Record
from lockstep.shown import shown

Pointer = Annotated[str, StringConstraints(pattern=r"^(/([^~/]|~[01])*)+$", max_length=500)]
"""A JSON pointer (RFC 6901) to an argument or a part of one."""

_STEP = {"$from": "before", "path": ""}


class Case(Record):
    """One call and the expected answer.

    `rules` and `reason` are held against what decided only where they are given; `rules = []` says
    that no rule decides. `approved` names the approval rules that a human has said yes to.
    `shadow` says what each rule that is only tried would make of the call; `{}` that none would
    make anything of it.

    `untrusted` are JSON pointers of arguments that hold what may not be believed; `steered`,
    `sensitive` and `sources` say the rest of where a call comes from.
    """

    name: Sentence = ""
    env: EnvironmentName | tuple[EnvironmentName, ...]
    tool: ToolName
    args: ExactObject = {}
    unknown: tuple[Pointer, ...] = ()
    untrusted: tuple[Pointer, ...] = ()
    steered: bool = False
    sensitive: bool = False
    sources: tuple[ToolName, ...] = ()
    phase: Phase | None = None
    started_by: Person = "ann"
    trigger: Literal["person", "schedule"] = "person"
    approved: tuple[RuleId, ...] = ()
    expect: Outcome
    rules: tuple[RuleId, ...] | None = None
    reason: Sentence | None = None
    shadow: dict[RuleId, Outcome] | None = None

    @model_validator(mode="after")
    def _can_be_asked(self) -> Self:
        if self.phase is Phase.RUN and self.unknown:
            raise ValueError("a run knows all arguments: leave out `unknown`, or `phase`")
        if self.asked is Phase.RUN and self.expect is Outcome.UNDECIDED:
            raise ValueError("only a plan is UNDECIDED: name what is `unknown`")
        if self.asked is Phase.PLAN and (self.approved or self.trigger == "schedule"):
            raise ValueError("`approved` and `trigger` are of a run, and this case is of a plan")
        if not self.environments:
            raise ValueError("`env` names no environment")
        self.planned_args()
        return self

    @property
    def environments(self) -> tuple[str, ...]:
        return (self.env,) if isinstance(self.env, str) else self.env

    @property
    def called(self) -> str:
        """What is asked about, where the case has no name."""
        return self.name or f"{self.tool}({shown(self.args)})"

    @property
    def asked(self) -> Phase:
        """Whether policy is asked about a plan or about an attempt."""
        return self.phase or (Phase.PLAN if self.unknown else Phase.RUN)

    def planned_args(self) -> dict[str, JsonValue]:
        """The arguments as a plan would have them: with a reference where each unknown one is.
        ValueError where an unknown one can have no place.
        """
        args: JsonValue = self.args
        for at in self.unknown:
            parts = [part.replace("~1", "/").replace("~0", "~") for part in at.split("/")[1:]]
            args = _placed(args, parts, at)
        assert isinstance(args, dict)
        return args


def _placed(value: JsonValue, parts: list[str], at: str) -> JsonValue:
    if not parts:
        return dict(_STEP)
    key, rest = parts[0], parts[1:]
    if isinstance(value, dict):
        if not rest and key in value:
            raise ValueError(f"`{at}` is in `args` and `unknown`: keep one")
        return {**value, key: _placed(value.get(key, {}), rest, at)}
    if isinstance(value, list) and re.fullmatch(r"0|[1-9]\d{0,5}", key):
        index = int(key)
        if index < len(value) and rest:
            return [*value[:index], _placed(value[index], rest, at), *value[index + 1 :]]
        if index == len(value):
            return [*value, _placed({}, rest, at)]
    raise ValueError(f"`{at}` in `unknown` has no place in `args`")


class PlanCase(Record):
    """One plan as a whole, by its facts, and the expected answer.

    `steps` is the number of `tools` unless it is given; effects are those of the tools.
    """

    name: Sentence = ""
    env: EnvironmentName | tuple[EnvironmentName, ...]
    tools: Annotated[tuple[ToolName, ...], Field(min_length=1)]
    steps: Annotated[int, Field(ge=1)] | None = None
    calls: Count = 0
    tokens: Count = 0
    microdollars: Count = 0
    model: bool = False
    replans: Annotated[int, Field(ge=0)] = 0
    phase: Phase = Phase.PLAN
    started_by: Person = "ann"
    trigger: Literal["person", "schedule"] = "person"
    approved: tuple[RuleId, ...] = ()
    expect: Literal[Outcome.ALLOW, Outcome.DENY, Outcome.REQUIRE_APPROVAL]
    rules: tuple[RuleId, ...] | None = None
    reason: Sentence | None = None
    shadow: dict[RuleId, Outcome] | None = None

    @model_validator(mode="after")
    def _can_be_asked(self) -> Self:
        if self.trigger == "schedule" and self.phase is Phase.PLAN:
            raise ValueError("a schedule starts runs: say `phase` is `run`")
        if not self.environments:
            raise ValueError("`env` names no environment")
        return self

    @property
    def environments(self) -> tuple[str, ...]:
        return (self.env,) if isinstance(self.env, str) else self.env

    @property
    def tool(self) -> str:
        return PLAN

    @property
    def called(self) -> str:
        return self.name or f"a plan of {', '.join(self.tools)}"


class ReplanCase(Record):
    """A run whose rest is to be planned anew, by its facts, and the expected answer.

    `tools` have signalled `errors`; `done` have given an output; the rest is as policy is told it.
    """

    name: Sentence = ""
    env: EnvironmentName | tuple[EnvironmentName, ...]
    errors: Annotated[tuple[ErrorName, ...], Field(min_length=1)]
    tools: Annotated[tuple[ToolName, ...], Field(min_length=1)]
    done: tuple[ToolName, ...] = ()
    untrusted: bool = False
    sensitive: bool = False
    unknown: bool = False
    replans: Annotated[int, Field(ge=0)] = 0
    started_by: Person = "ann"
    trigger: Literal["person", "schedule"] = "person"
    expect: Literal[Outcome.ALLOW, Outcome.DENY, Outcome.REQUIRE_APPROVAL]
    rules: tuple[RuleId, ...] | None = None
    reason: Sentence | None = None
    shadow: dict[RuleId, Outcome] | None = None

    @model_validator(mode="after")
    def _can_be_asked(self) -> Self:
        if not self.environments:
            raise ValueError("`env` names no environment")
        return self

    @property
    def environments(self) -> tuple[str, ...]:
        return (self.env,) if isinstance(self.env, str) else self.env

    @property
    def tool(self) -> str:
        return REPLAN

    @property
    def called(self) -> str:
        return self.name or f"planning anew after {', '.join(self.errors)}"


AnyCase = Case | PlanCase | ReplanCase


class Cases(Record):
    """`tests/policy.toml`."""

    lockstep: Literal["cases/1"]
    case: Annotated[tuple[Case, ...], Field(max_length=10_000)] = ()
    plan: Annotated[tuple[PlanCase, ...], Field(max_length=10_000)] = ()
    replan: Annotated[tuple[ReplanCase, ...], Field(max_length=10_000)] = ()

    @property
    def every(self) -> tuple[tuple[str, AnyCase], ...]:
        """All of them, each with what it is called in messages, and its number from 1."""
        kinds: tuple[tuple[str, tuple[AnyCase, ...]], ...] = (
            ("case", self.case),
            ("plan case", self.plan),
            ("replan case", self.replan),
        )
        return tuple(
            (f"{kind} {number}", one)
            for kind, cases in kinds
            for number, one in enumerate(cases, start=1)
        )
