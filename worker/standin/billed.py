"""What a request cost, in the API's own words, so that it can be held against what a client heard.

Every token of input is counted once: read anew, written to the cache, or read from it.
"""

from typing import Any

from lockstep.amount import Count
from lockstep.record import Record
from lockstep.standin import UsageOverride


class Billed(Record):
    """`cache_creation_1h_input_tokens` are those of `cache_creation_input_tokens` that are kept for
    an hour, which costs more.
    """

    input_tokens: Count = 0
    output_tokens: Count = 0
    cache_creation_input_tokens: Count = 0
    cache_creation_1h_input_tokens: Count = 0
    cache_read_input_tokens: Count = 0

    def __add__(self, other: "Billed") -> "Billed":
        return Billed(
            **{name: getattr(self, name) + getattr(other, name) for name in Billed.model_fields}
        )

    @property
    def total(self) -> int:
        """All tokens, of whatever kind."""
        return (
            self.input_tokens
            + self.output_tokens
            + self.cache_creation_input_tokens
            + self.cache_read_input_tokens
        )

    def instead(self, override: UsageOverride | None) -> "Billed":
        """The same with what the script says."""
        if override is None:
            return self
        said = override.model_dump(exclude_none=True)
        if "cache_creation_input_tokens" in said:
            said["cache_creation_1h_input_tokens"] = 0
        return self.model_copy(update=said)

    def at_first(self) -> dict[str, Any]:
        """As the beginning of a stream and a whole message say it."""
        hour = self.cache_creation_1h_input_tokens
        return {
            "input_tokens": self.input_tokens,
            "cache_creation_input_tokens": self.cache_creation_input_tokens,
            "cache_read_input_tokens": self.cache_read_input_tokens,
            "cache_creation": {
                "ephemeral_5m_input_tokens": self.cache_creation_input_tokens - hour,
                "ephemeral_1h_input_tokens": hour,
            },
            "output_tokens": self.output_tokens,
            "service_tier": "standard",
            "inference_geo": "not_available",
        }

    def at_last(self) -> dict[str, Any]:
        """As the end of a stream says it."""
        return {
            "input_tokens": self.input_tokens,
            "cache_creation_input_tokens": self.cache_creation_input_tokens,
            "cache_read_input_tokens": self.cache_read_input_tokens,
            "output_tokens": self.output_tokens,
        }
