"""Composing: a bounded call of a model inside a plan, which writes and cannot act.

To all that looks at steps it is a call of one built-in tool, `Compose`: policy permits it by that
name or it does not happen, provenance follows through it, the ledger reserves for it. What differs
from one compose step to the next, its output and what it may cost, is worked out from the step.
Where the manifest of an environment has no `[compose]`, nothing is composed there.
"""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field, JsonValue, StringConstraints

from lockstep.amount import Amount, Count
from lockstep.canonical import Digest
from lockstep.duration import Duration
from lockstep.fallback import is_absent
from lockstep.faults import Faults
from lockstep.names import ToolName
from lockstep.packagefile import PackageFile
from lockstep.planner import Effort, ModelName, ProviderName
from lockstep.record import Record
from lockstep.tool import Effect, Idempotency, ToolSpec
from lockstep.trust import Emits

COMPOSE: ToolName = "Compose"
"""What the call is named in policy, rules, events and as an activity; no tool may be named so."""

REFUSED, TRUNCATED = "ComposeRefused", "ComposeTruncated"
INVALID, TOO_LONG = "ComposeInvalid", "InputTooLong"
SIGNALS = (INVALID, REFUSED, TRUNCATED, TOO_LONG)
"""How a model can fail to answer; a plan or the error catalogue may provide for each."""

MAX_CALLS = 3
"""Of the model, in one attempt: the first, and what follows an answer that cannot be used."""
MAX_ROOM = 2
"""How much longer than usual an answer may get after one was cut off."""
OVERHEAD = 4096
"""Tokens of a prompt beside the inputs, the instruction and the schema, generously counted."""

Instruction = Annotated[str, StringConstraints(min_length=1, max_length=4000, pattern=r"\S")]
InputName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,62}$")]
MAX_INPUTS = 20
MaxTokens = Annotated[int, Field(ge=64, le=32_000)]
MaxInputTokens = Annotated[int, Field(ge=256, le=500_000)]
Long = Literal["refuse", "cut"]
"""What becomes of inputs that are longer than the step allows."""


class Rates(Record):
    """Microdollars for a million tokens, by the dearest of the models."""

    input: Count = 0
    output: Count = 0


class ComposeSettings(Record):
    """`[compose]` of a manifest: who composes in this environment, and how much at most.

    `provider`, `model`, `fallbacks`, `effort` and `endpoint` are as in `[planner]` of the agent. A
    step may ask for fewer tokens than `max_tokens` for an answer and `max_input_tokens` for inputs,
    never for more. With a `mock` no model is asked here: the file answers in its place, and
    `faults` say what goes wrong then.
    """

    provider: ProviderName = "anthropic"
    model: ModelName = "claude-sonnet-5-5"
    fallbacks: Annotated[tuple[ModelName, ...], Field(max_length=MAX_CALLS - 1)] = ()
    effort: Effort = "low"
    endpoint: str = ""
    max_tokens: MaxTokens = 2_000
    max_input_tokens: MaxInputTokens = 20_000
    timeout: Duration = timedelta(minutes=5)
    attempts: Annotated[int, Field(ge=1, le=20)] = 3
    mock: PackageFile | None = None
    faults: Faults | None = Field(default=None, exclude_if=is_absent)

    @property
    def written(self) -> dict[str, JsonValue]:
        """What its specification does not hold, as far as the manifest says anything of it:
        placeholders stay what they are.
        """
        said = self.model_dump(mode="json", include={"endpoint", "faults"})
        return {name: value for name, value in said.items() if value}

    @property
    def models(self) -> tuple[str, ...]:
        """In the order in which they are asked."""
        return (self.model, *self.fallbacks)


class ComposeSpec(ToolSpec):
    """`Compose` in one environment: what a tool's specification says, and who answers.

    `prompt` is the digest of the constant words that every model is told. `rates` are not pinned by
    a lock, since a new table of prices is no change of ours; what was reserved by them is.
    """

    provider: ProviderName
    models: tuple[ModelName, ...]
    effort: Effort
    prompt: Digest
    max_tokens: int
    max_input_tokens: int
    mocked: bool
    rates: Rates = Field(exclude=True)

    def most(self, max_tokens: int, max_input_tokens: int, told: int) -> Amount:
        """The most that one attempt may spend: all its calls, each with everything that may go into
        it, and the answers that were not taken told again; `told` is of instruction and schema.
        """
        if self.mocked:
            return Amount()
        answer = max_tokens * MAX_ROOM
        read = MAX_CALLS * (OVERHEAD + told + max_input_tokens + answer)
        wrote = MAX_CALLS * answer
        money = read * self.rates.input + wrote * self.rates.output
        return Amount(tokens=read + wrote, microdollars=-(-money // 1_000_000))


def compose_spec(settings: ComposeSettings, prompt: Digest, rates: Rates) -> ComposeSpec:
    """What plans are checked against where an environment composes."""
    return ComposeSpec(
        **BUILT_IN.model_copy(
            update={"timeout": settings.timeout, "attempts": settings.attempts}
        ).model_dump(),
        provider=settings.provider,
        models=settings.models,
        effort=settings.effort,
        prompt=prompt,
        max_tokens=settings.max_tokens,
        max_input_tokens=settings.max_input_tokens,
        mocked=settings.mock is not None,
        rates=rates,
    )


_INPUT: dict[str, JsonValue] = {
    "type": "object",
    "properties": {
        "instruction": {"type": "string", "maxLength": 4000},
        "inputs": {"type": "object", "additionalProperties": True},
    },
    "required": ["instruction", "inputs"],
    "additionalProperties": False,
}

BUILT_IN = ToolSpec(
    name=COMPOSE,
    description="Has a model write an answer from the inputs alone.",
    effect=Effect.READ,
    idempotency=Idempotency.NATURAL,
    input=_INPUT,
    output={"type": "object"},
    timeout=timedelta(minutes=5),
    heartbeat=timedelta(seconds=30),
    attempts=3,
    signals=SIGNALS,
    cost=Amount(),
    # A model may say again whatever it was told, and tells it to whoever sells its answers.
    emits=Emits.INHERITED,
    outward=True,
)
"""`Compose` as policy knows it, also where an environment has nobody who composes."""


Unit = Literal["characters", "items"]


class Cut(Record):
    """An input that did not fit: how much of it the model was shown, from its beginning."""

    input: InputName
    shown: Count
    of: Count
    unit: Unit


class Composed(Record):
    """Who answered a compose step, and from what; `request` is the provider's name for the answer,
    `asked` how many calls it took.
    """

    model: str
    request: str
    asked: Count
    cut: tuple[Cut, ...] = ()
