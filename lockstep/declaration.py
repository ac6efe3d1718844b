"""A tool that a manifest declares by its JSON Schemas, where its code is not at hand.

It says all that plans, policies and locks want to know of a tool. What cannot be had from it is a
call: a plan can be checked, locked and compared, and runs only where a mock answers for the tool.
"""

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import Field, JsonValue, ValidationError, model_validator

from lockstep.amount import Amount, Count
from lockstep.duration import Duration
from lockstep.names import ErrorName
from lockstep.plan import is_empty
from lockstep.record import Record
from lockstep.tool import Effect, Idempotency, ToolSpec, habits
from lockstep.trust import Emits, FieldLabels

Described = Annotated[str, Field(max_length=4000)]


class Declaration(Record):
    """What `@tool` would say of it, and the schemas that its models would have."""

    description: Described = ""
    effect: Effect
    idempotency: Idempotency | None = None
    input: dict[str, JsonValue]
    output: dict[str, JsonValue]
    timeout: Duration = timedelta(seconds=60)
    heartbeat: Duration = timedelta(seconds=10)
    attempts: Annotated[int, Field(ge=1, le=20)] | None = None
    signals: tuple[ErrorName, ...] = ()
    no_effect: tuple[ErrorName, ...] = Field(default=(), exclude_if=is_empty)
    tokens: Count = 0
    microdollars: Count = 0
    emits: Emits | FieldLabels = Emits.UNTRUSTED
    sensitive: bool = False
    declassifies: bool = False
    outward: bool | None = None

    @model_validator(mode="after")
    def _can_be_kept(self) -> Self:
        try:
            # The specification has rules of its own, whatever the tool is called.
            self.spec("Tool")
        except ValidationError as error:
            said = error.errors()[0]["msg"].removeprefix("Value error, ")
            raise ValueError(said) from None
        return self

    def spec(self, name: str) -> ToolSpec:
        idempotency, attempts = habits(self.effect, self.idempotency, self.attempts)
        return ToolSpec(
            name=name,
            description=self.description,
            effect=self.effect,
            idempotency=idempotency,
            input=self.input,
            output=self.output,
            timeout=self.timeout,
            heartbeat=self.heartbeat,
            attempts=attempts,
            signals=self.signals,
            no_effect=self.no_effect,
            cost=Amount(calls=1, tokens=self.tokens, microdollars=self.microdollars),
            emits=self.emits,
            sensitive=self.sensitive,
            declassifies=self.declassifies,
            outward=self.outward,
        )


class DeclarationFile(Declaration):
    """The same in a file of its own."""

    lockstep: Literal["tool/1"]
