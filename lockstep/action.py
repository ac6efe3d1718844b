"""What may be done about an error that a tool names; the ways out of an environment's catalogue.

Actions are tried in their order, each at most so many times, and all that they may do is written
down: nothing is made up when the error is there. What comes after the last of them is the plan's
own to say, in its step's `on_error`. Where the plan says nothing either, and the catalogue allows
it, what is left of the plan may be made anew; else the run stops.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Literal, Self

from pydantic import Field, JsonValue, model_validator

from lockstep.canonical import Exact, ExactObject
from lockstep.duration import LONGEST, Duration, write_duration
from lockstep.fallback import Fallback, is_absent
from lockstep.names import ErrorName, ResourceKind, ResourceName, ToolName
from lockstep.record import Record

MAX_DISPATCHES = 20
"""How often one step may be sent out: by actions of the catalogue, and by humans' answers."""

MAX_ACTIONS = 4
Times = Annotated[int, Field(ge=1, le=MAX_DISPATCHES - 1)]


class Retry(Record):
    """The same call again, after a pause that grows by `backoff` each time."""

    kind: Literal["retry"]
    delay: Duration
    times: Times = 1
    backoff: Annotated[int, Field(ge=1, le=10)] = 1

    def pause(self, number: int) -> timedelta:
        """Before the retry of that number, from 1."""
        pause = self.delay
        for _ in range(number - 1):
            pause = min(pause * self.backoff, LONGEST)
        return pause

    @property
    def paused(self) -> timedelta:
        """All pauses together."""
        pauses = (self.pause(number) for number in range(1, self.times + 1))
        return min(sum(pauses, timedelta()), LONGEST)

    def __str__(self) -> str:
        longer = f", each pause {self.backoff} times the last" if self.backoff > 1 else ""
        return f"called again after {write_duration(self.delay)}{_times(self.times)}{longer}"


class Wait(Record):
    """The same call again, when the signal says: its data's `field` holds seconds, or a time as
    RFC 3339 writes it. Where it says nothing that can be read, after `delay`; where it says more
    than `most`, not at all, since nobody would know what the run waits for.
    """

    kind: Literal["wait"]
    field: Annotated[str, Field(min_length=1, max_length=100)]
    delay: Duration
    most: Duration
    times: Times = 1

    @model_validator(mode="after")
    def _delay_is_allowed(self) -> Self:
        if self.delay > self.most:
            raise ValueError("`delay` is longer than `most`")
        return self

    def pause(self, data: Mapping[str, JsonValue], now: datetime) -> timedelta:
        """How long the signal asks to wait, in whole milliseconds; it may be more than `most`."""
        asked = _asked(data.get(self.field), now)
        return self.delay if asked is None else asked

    @property
    def paused(self) -> timedelta:
        return min(self.most * self.times, LONGEST)

    def __str__(self) -> str:
        return (
            f"called again when its `{self.field}` says, "
            f"in {write_duration(self.most)} at most{_times(self.times)}"
        )


class Substitute(Record):
    """The call with other arguments, once: `args` are laid over the step's own, and of `resources`
    each name of a kind is replaced by another. It is another call: it is held to the schema, to the
    catalogue and to policy like the first, and has a key of its own.
    """

    kind: Literal["substitute"]
    args: ExactObject = {}
    resources: dict[ResourceKind, dict[ResourceName, ResourceName]] = {}

    @model_validator(mode="after")
    def _replaces_something(self) -> Self:
        if not self.args and not any(self.resources.values()):
            raise ValueError("wanted something to replace, in `args` or in `resources`")
        return self

    def __str__(self) -> str:
        pairs = [pair for named in self.resources.values() for pair in named.items()]
        found = [*(f"another {name}" for name in self.args), *(f"{a} as {b}" for a, b in pairs)]
        return f"called once more with {', '.join(found)}"


class StandIn(Record):
    """What takes the place of the step's output where the plan does not say: an `output` that is
    written here, or nothing, so that the step is left out.
    """

    kind: Literal["fallback"]
    output: Exact | None = Field(default=None, exclude_if=is_absent)
    skip: Literal[True] | None = Field(default=None, exclude_if=is_absent)

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if is_absent(self.output) == is_absent(self.skip):
            raise ValueError("a fallback of a manifest is one of `output` and `skip`")
        return self

    @property
    def fallback(self) -> Fallback:
        return Fallback(output=self.output, skip=self.skip)

    def __str__(self) -> str:
        return str(self.fallback)


class Escalate(Record):
    """A human is asked, who may have it called again, change its arguments, give an output, leave
    it out or stop.
    """

    kind: Literal["escalate"]

    def __str__(self) -> str:
        return "a human is asked"


class Replan(Record):
    """What is left of the plan is made anew, as far as policy lets it be: by the model, within what
    is left of the run's budget, and approved before any of it is run. What is done stays done.
    """

    kind: Literal["replan"]

    def __str__(self) -> str:
        return "the rest is planned anew"


Action = Annotated[
    Retry | Wait | Substitute | StandIn | Escalate | Replan, Field(discriminator="kind")
]
Actions = tuple[Action, ...]

Recoveries = Mapping[ToolName, Mapping[ErrorName, Actions]]
"""What is done about each error that a tool may signal, where anything is."""


def times(action: Action) -> int:
    """How often it sends the step out again, if no human has to say so."""
    match action:
        case Retry() | Wait():
            return action.times
        case Substitute():
            return 1
        case StandIn() | Escalate() | Replan():
            return 0


def dispatches(errors: Mapping[ErrorName, Actions]) -> int:
    """How often one step may be sent out on account of these errors, the first time included."""
    if not errors:
        return 1
    return 1 + sum(times(action) for actions in errors.values() for action in actions)


def pauses(errors: Mapping[ErrorName, Actions]) -> int:
    """How many timers that may take."""
    return sum(times(one) for one in _pausing(errors))


def paused(errors: Mapping[ErrorName, Actions]) -> timedelta:
    """How long one step may be waited with."""
    return min(sum((one.paused for one in _pausing(errors)), timedelta()), LONGEST)


def _pausing(errors: Mapping[ErrorName, Actions]) -> list[Retry | Wait]:
    found = (action for actions in errors.values() for action in actions)
    return [action for action in found if isinstance(action, Retry | Wait)]


def defaults(errors: Mapping[ErrorName, Actions]) -> dict[ErrorName, Fallback]:
    """What stands in for a step's output where its plan does not say."""
    return {
        name: action.fallback
        for name, actions in errors.items()
        for action in actions
        if isinstance(action, StandIn)
    }


def substitutes(errors: Mapping[ErrorName, Actions]) -> dict[ErrorName, Substitute]:
    return {
        name: action
        for name, actions in errors.items()
        for action in actions
        if isinstance(action, Substitute)
    }


def escalates(actions: Iterable[Action]) -> bool:
    return any(isinstance(action, Escalate) for action in actions)


def replans(actions: Iterable[Action]) -> bool:
    return any(isinstance(action, Replan) for action in actions)


def following(actions: Sequence[Action], taken: Counter[str]) -> tuple[Action, int] | None:
    """The action that comes now, and for the how-manieth time; None when all are used up. `taken`
    counts by kind.
    """
    for action in actions:
        if taken[action.kind] < times(action) or isinstance(action, Escalate):
            return action, taken[action.kind] + 1
    return None


def _asked(said: JsonValue, now: datetime) -> timedelta | None:
    """None for what is neither a number of seconds nor a time with its zone. A time that is past
    asks for no wait at all.
    """
    try:
        match said:
            case bool():
                return None
            case int() | float():
                wait = timedelta(seconds=min(said, LONGEST.total_seconds()))
            case str():
                wait = datetime.fromisoformat(said) - now
            case _:
                return None
    except (ValueError, OverflowError, TypeError):
        return None
    whole = -(-wait // timedelta(milliseconds=1)) * timedelta(milliseconds=1)
    return max(whole, timedelta())


def _times(count: int) -> str:
    return f", {count} times" if count > 1 else ""
