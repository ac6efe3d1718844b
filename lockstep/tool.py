"""A tool: a typed Python function that an agent may be allowed to call.

`@tool` returns a value and registers nothing; a tool exists for an agent because its `tools.py`
holds it and the environment's manifest names it. What the rest of Lockstep reads is the tool's
specification, plain data, so that a plan can be checked where the code is not installed.
"""

import inspect
import operator
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import cached_property
from typing import Any, Self

from pydantic import BaseModel, Field, JsonValue, model_validator

from lockstep.amount import Amount
from lockstep.call import Call
from lockstep.canonical import Digest, canonical, digest
from lockstep.duration import Duration
from lockstep.judgeable import judgeable
from lockstep.names import ErrorName, ToolName
from lockstep.record import Record, is_empty
from lockstep.reference import path_parts
from lockstep.schema import leads_somewhere
from lockstep.trust import Emits, FieldLabels

MAX_ATTEMPTS = 20


class Effect(StrEnum):
    """What a call does to the world."""

    READ = "read"
    WRITE = "write"
    DESTRUCTIVE = "destructive"


def _is_default(emits: object) -> bool:
    return emits is Emits.UNTRUSTED


def _is_unsaid(value: object) -> bool:
    return value is None


class Idempotency(StrEnum):
    """What a second call with the same arguments does.

    `natural`: the same as one call. `keyed`: nothing more, because the tool hands on
    `call.idempotency_key`. `none`: harm; such a tool gets one attempt, and a human where it is not
    known whether that attempt took effect.
    """

    NATURAL = "natural"
    KEYED = "keyed"
    NONE = "none"


class ToolSpec(Record):
    """All that a plan is checked against and a lock pins of a tool; schemas are JSON Schema
    2020-12.

    `timeout` bounds one attempt, `heartbeat` the silence after which a worker is taken for dead,
    `cost` is the most that one attempt may spend. `no_effect` are the signals by which the tool
    says that the call did nothing.

    `emits` says whether what it returns may be believed, as a whole or by field. What a tool
    returns is private if the tool is `sensitive` or was given something private, unless it
    `declassifies`. `outward`: the call leaves our own walls or changes the world beyond them; where
    that is not said, all but reads do.
    """

    name: ToolName
    description: str
    effect: Effect
    idempotency: Idempotency
    input: dict[str, JsonValue]
    output: dict[str, JsonValue]
    timeout: Duration
    heartbeat: Duration
    attempts: int = Field(ge=1, le=MAX_ATTEMPTS)
    signals: tuple[ErrorName, ...] = ()
    no_effect: tuple[ErrorName, ...] = Field(default=(), exclude_if=is_empty)
    cost: Amount = Amount(calls=1)
    emits: Emits | FieldLabels = Field(default=Emits.UNTRUSTED, exclude_if=_is_default)
    sensitive: bool = Field(default=False, exclude_if=operator.not_)
    declassifies: bool = Field(default=False, exclude_if=operator.not_)
    outward: bool | None = Field(default=None, exclude_if=_is_unsaid)

    @model_validator(mode="after")
    def _is_private_or_not(self) -> Self:
        if self.sensitive and self.declassifies:
            raise ValueError("a tool is `sensitive` or it `declassifies`, not both")
        return self

    @model_validator(mode="after")
    def _speaks_of_its_signals(self) -> Self:
        strange = sorted({*self.no_effect} - {*self.signals})
        if strange:
            names = ", ".join(f"`{name}`" for name in strange)
            raise ValueError(f"`no_effect` names {names}, which `signals` does not")
        return self

    @model_validator(mode="after")
    def _labels_what_it_has(self) -> Self:
        """A misspelt doubt about a field would leave the field believed."""
        for field in () if isinstance(self.emits, Emits) else self.emits:
            if not leads_somewhere(self.output, path_parts(field)):
                raise ValueError(f"`emits` labels `{field}`, which its output does not have")
        return self

    @cached_property
    def digest(self) -> Digest:
        return digest(self.model_dump(mode="json"))

    @property
    def acts_outward(self) -> bool:
        """Whether a call leaves our own walls, or changes the world beyond them."""
        return self.effect is not Effect.READ if self.outward is None else self.outward

    def may_repeat(self, signal: str) -> bool:
        """Whether a call that ended in this signal may be made again without asking anybody."""
        return not harms_twice(self.effect, self.idempotency) or signal in self.no_effect


def harms_twice(effect: Effect, idempotency: Idempotency) -> bool:
    """Whether a second call does harm if the first one did its work."""
    return effect is not Effect.READ and idempotency is Idempotency.NONE


@dataclass(frozen=True)
class Tool:
    """A specification and the function that keeps it."""

    spec: ToolSpec
    function: Callable[..., Any]
    input: type[BaseModel]
    output: type[BaseModel]
    takes_call: bool

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def is_async(self) -> bool:
        return inspect.iscoroutinefunction(self.function)

    def accept(self, args: dict[str, JsonValue]) -> tuple[BaseModel, dict[str, JsonValue]]:
        """What the function will be given, and the same as JSON: defaults filled in, values as the
        model made them. That is what policy must judge. ValueError if the model refuses, or if
        what it made cannot be written down so that reading it gives the same again: then policy
        would judge one thing and the function be given another.
        """
        request = self.input.model_validate_json(canonical(args))
        seen = request.model_dump(mode="json", by_alias=True, warnings=False)
        try:
            again = self.input.model_validate_json(canonical(seen))
        except ValueError:
            again = None
        if again != request:
            raise ValueError("the tool's model hides or changes what it is given")
        return request, seen

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The plain function, for tests of the tool alone."""
        return self.function(*args, **kwargs)


def habits(
    effect: Effect, idempotency: Idempotency | None, attempts: int | None
) -> tuple[Idempotency, int]:
    """What holds where a tool does not say it; ValueError where what it says cannot be.

    A read is idempotent by nature; anything else is taken for not idempotent until it says so.
    """
    default = Idempotency.NATURAL if effect is Effect.READ else Idempotency.NONE
    kind = default if idempotency is None else idempotency
    tries = attempts if attempts is not None else (1 if kind is Idempotency.NONE else 3)
    if kind is Idempotency.NONE and tries != 1:
        raise ValueError(
            f"a tool that is not idempotent gets one attempt, not {tries}; "
            "make it keyed or leave `attempts` out"
        )
    return kind, tries


def tool(
    name: str,
    *,
    effect: Effect | str,
    idempotency: Idempotency | str | None = None,
    timeout: timedelta = timedelta(seconds=60),
    heartbeat: timedelta = timedelta(seconds=10),
    attempts: int | None = None,
    signals: tuple[str, ...] = (),
    no_effect: tuple[str, ...] = (),
    tokens: int = 0,
    microdollars: int = 0,
    emits: Emits | str | Mapping[str, Emits | str] = Emits.UNTRUSTED,
    sensitive: bool = False,
    declassifies: bool = False,
    outward: bool | None = None,
) -> Callable[[Callable[..., Any]], Tool]:
    """Declare a function a tool.

    The function takes one pydantic model, and a `Call` as well if it wants one; it returns a
    pydantic model. `no_effect` are those of its `signals` that say that the call did nothing, so
    that it may be made again whatever the tool is. TypeError where the function's annotations do
    not say its models.

    `emits` is a label for all that it returns, or a label for each of some fields, by JSON pointer.
    """
    effect = Effect(effect)
    said = Idempotency(idempotency) if idempotency is not None else None
    try:
        kind, tries = habits(effect, said, attempts)
    except ValueError as error:
        raise TypeError(f"tool `{name}`: {error}") from None

    def declare(function: Callable[..., Any]) -> Tool:
        input_model, output_model, takes_call = _signature(name, function)
        judgeable(name, input_model)
        spec = ToolSpec(
            name=name,
            description=inspect.getdoc(function) or "",
            effect=effect,
            idempotency=kind,
            input=input_model.model_json_schema(mode="validation"),
            output=output_model.model_json_schema(mode="serialization"),
            timeout=timeout,
            heartbeat=heartbeat,
            attempts=tries,
            signals=signals,
            no_effect=no_effect,
            cost=Amount(calls=1, tokens=tokens, microdollars=microdollars),
            emits=_labels(emits),
            sensitive=sensitive,
            declassifies=declassifies,
            outward=outward,
        )
        return Tool(spec, function, input_model, output_model, takes_call)

    return declare


def _labels(emits: Emits | str | Mapping[str, Emits | str]) -> Emits | dict[str, Emits]:
    if isinstance(emits, str):
        return Emits(emits)
    return {field: Emits(label) for field, label in emits.items()}


_BY_PLACE = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def _signature(
    name: str, function: Callable[..., Any]
) -> tuple[type[BaseModel], type[BaseModel], bool]:
    hints = typing.get_type_hints(function)
    parameters = inspect.signature(function).parameters
    models = [hints.get(parameter) for parameter in parameters]
    takes_call = len(models) == 2 and models[1] is Call
    by_place = all(parameter.kind in _BY_PLACE for parameter in parameters.values())
    shape_fits = by_place and (len(models) == 1 or takes_call) and _is_model(models[0])
    if not shape_fits or not _is_model(hints.get("return")):
        raise TypeError(
            f"tool `{name}`: wanted `(request: Model) -> Model` or "
            f"`(request: Model, call: Call) -> Model` with pydantic models, "
            f"found `{inspect.signature(function)}`"
        )
    return typing.cast(type[BaseModel], models[0]), hints["return"], takes_call


def _is_model(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, BaseModel)
