"""The proof that a run which goes on from another one asks for before it starts."""

from abc import ABC, abstractmethod

from temporalio import activity

from lockstep.fork import Carry, Heritage


class Carrier(ABC):
    """What a run that goes on from another one may carry, proved by that one's history."""

    @activity.defn(name="lockstep.carry")
    @abstractmethod
    async def carry(self, request: Carry) -> Heritage:
        """What is carried, or findings that say why nothing is."""
