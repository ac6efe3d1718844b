"""Who sells the answers of models, as we need one: where it is, what it asks for, how it is asked.

A provider is found by its name among the entry points of the group `lockstep.providers`, so that
another can be added by installing it. What a model of it must keep to is `activities.models.model`;
`activities.models.conformance` holds a provider against that.
"""

from abc import ABC, abstractmethod
from datetime import date, timedelta
from typing import ClassVar

from activities.models.model import Model
from lockstep.usage import Usage


class Provider(ABC):
    """Made without arguments, and as cheaply: what takes long to load is loaded when it is used.

    `key` is the variable that holds the key, in the worker's environment and nowhere else;
    `endpoint` is where it is asked unless the settings say otherwise, and may hold placeholders.
    """

    key: ClassVar[str]
    endpoint: ClassVar[str]

    @abstractmethod
    def model(self, key: str, endpoint: str, timeout: timedelta) -> Model:
        """Its models, asked at `endpoint`; `timeout` is for a whole call. Nothing is sent yet."""

    @abstractmethod
    def price(self, model: str, usage: Usage) -> tuple[int, str]:
        """Microdollars, rounded up, and the table they are from; 0 and "" where none is known."""

    def retires(self, model: str) -> date | None:
        """The day from which this model is not answered for, where one was announced."""
        return None
