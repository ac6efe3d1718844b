"""Small answers about stored values, of which a run has the references only."""

from abc import ABC, abstractmethod

from pydantic import JsonValue
from temporalio import activity

from lockstep.canonical import Exact
from lockstep.guard import Guard, Weighed
from lockstep.record import Record
from lockstep.value import Value


class Sources(Record):
    """What references draw from: outputs by reference, the run's inputs, what it may know of
    itself.
    """

    values: dict[str, Value]
    inputs: dict[str, JsonValue]
    run: dict[str, JsonValue]


class Weigh(Record):
    """The guards of one step, which is about to start."""

    guards: tuple[Guard, ...]
    sources: Sources


class Weighing(Record):
    """Each comparison as it came out; the step may start if all of them hold."""

    comparisons: tuple[Weighed, ...]

    @property
    def holds(self) -> bool:
        return all(one.holds for one in self.comparisons)


class Keep(Record):
    """A value that a plan gives for a step's output."""

    value: Exact


class Count(Record):
    """The list that a loop is to go through."""

    list: Exact
    sources: Sources


class Counted(Record):
    """How many items there are; None where there is no list, with the reason."""

    items: int | None
    problem: str = ""


class Gather(Record):
    """The outputs of a loop's items, in their order, and how many bytes they may have together."""

    items: tuple[Value, ...]
    most: int


class Gathered(Record):
    """The list of all of them by reference; None where it would be too large."""

    value: Value | None
    size: int


class Reader(ABC):
    """What a run must know of stored values to go on: small answers, recorded by the workflow.

    The values themselves never enter it. A value that is missing or damaged is a failure typed by
    its code.
    """

    @activity.defn(name="lockstep.weigh")
    @abstractmethod
    async def weigh(self, request: Weigh) -> Weighing: ...

    @activity.defn(name="lockstep.keep")
    @abstractmethod
    async def keep(self, request: Keep) -> Value:
        """The value by reference, stored."""

    @activity.defn(name="lockstep.count")
    @abstractmethod
    async def count(self, request: Count) -> Counted: ...

    @activity.defn(name="lockstep.gather")
    @abstractmethod
    async def gather(self, request: Gather) -> Gathered: ...
