"""Anthropic, the provider that is built in."""

import re
from datetime import date, datetime, timedelta

from activities.models.model import Model
from activities.models.provider import Provider
from lockstep.usage import Usage

_ORDINAL = re.compile(r"(?<=\d)(st|nd|rd|th)\b")


class Anthropic(Provider):
    """The SDK takes a second to import, which every command would pay for; so it is imported by
    whoever asks for what only it knows.
    """

    key = "ANTHROPIC_API_KEY"
    endpoint = "${ANTHROPIC_BASE_URL:-https://api.anthropic.com}"

    def model(self, key: str, endpoint: str, timeout: timedelta) -> Model:
        from activities.models.messages import MessagesModel  # noqa: PLC0415

        return MessagesModel(api_key=key, base_url=endpoint, timeout=timeout)

    def price(self, model: str, usage: Usage) -> tuple[int, str]:
        from activities.models.prices import priced  # noqa: PLC0415

        return priced(model, usage)

    def retires(self, model: str) -> date | None:
        """As the SDK's own table has it, which comes with its version and is not asked for."""
        from anthropic.resources.messages.messages import DEPRECATED_MODELS  # noqa: PLC0415

        told = DEPRECATED_MODELS.get(model)
        return _day(told) if told is not None else None


def _day(told: str) -> date:
    """A day in the SDK's words, such as `June 15th, 2026`."""
    return datetime.strptime(_ORDINAL.sub("", told), "%B %d, %Y").date()  # noqa: DTZ007
