"""How an agent asks its model for plans: which model, and how much it may be asked.

`[planner]` in `agent.toml`. Nothing of it is pinned by a lock: a lock never asks a model again.
"""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from lockstep.amount import Amount, Count
from lockstep.duration import Duration
from lockstep.record import Record

ModelName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,126}$")]

ProviderName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]


class PlannerSettings(Record):
    """`provider` is `anthropic` or one that is installed. Where the model refuses, the `fallbacks`
    are asked in their order. `endpoint` may hold placeholders, as in a manifest; without one the
    provider's own is taken. `max_tokens` is the most that one answer may have. `replans` are the
    further proposals a model may make after its first was rejected. Of more than `tools` tools, or
    `names` resources of one kind, it is shown those that are nearest to the goal.

    `tokens` and `microdollars` bound all calls for one plan together; `timeout` is for one call.
    """

    provider: ProviderName = "anthropic"
    model: ModelName = "claude-sonnet-5-5"
    fallbacks: Annotated[tuple[ModelName, ...], Field(max_length=4)] = ()
    effort: Literal["low", "medium", "high", "xhigh", "max"] = "medium"
    endpoint: str = ""
    max_tokens: Annotated[int, Field(ge=256, le=64_000)] = 16_000
    replans: Annotated[int, Field(ge=0, le=10)] = 2
    tools: Annotated[int, Field(ge=1, le=1000)] = 100
    names: Annotated[int, Field(ge=1, le=10_000)] = 1000
    tokens: Count = 500_000
    microdollars: Count = 5_000_000
    timeout: Duration = timedelta(minutes=10)

    @property
    def models(self) -> tuple[str, ...]:
        """In the order in which they are asked."""
        return (self.model, *self.fallbacks)

    @property
    def limit(self) -> Amount:
        return Amount(tokens=self.tokens, microdollars=self.microdollars)
