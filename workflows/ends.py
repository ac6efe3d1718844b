"""How a step may end, as far as the run is concerned."""

from dataclasses import dataclass

from lockstep.finding import Finding
from lockstep.revision import Signal
from lockstep.value import Value


@dataclass(frozen=True)
class Done:
    value: Value


@dataclass(frozen=True)
class Skipped:
    because: str


@dataclass(frozen=True)
class Stopped:
    """The run cannot go on."""

    finding: Finding


@dataclass(frozen=True)
class NotStarted:
    """The run stopped elsewhere, or its rest is to be planned anew, before this step began or while
    it waited.
    """


@dataclass(frozen=True)
class Caught:
    """The tool signalled an error for which the plan has a fallback."""

    error: str


@dataclass(frozen=True)
class Abandoned:
    """The tool signalled an error for which what is left of the plan is to be made anew; of a loop
    there may be several, of one error each.
    """

    signals: tuple[Signal, ...]


End = Done | Skipped | Stopped | Abandoned | NotStarted
