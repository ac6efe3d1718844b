"""What came of one run behind one gate."""

from dataclasses import dataclass

GATES = ("recorded", "names", "counts", "exact")
LOCKSTEP = "lockstep"


def ours(policy: str) -> str:
    """What Lockstep's gate with one set of rules is called."""
    return f"{LOCKSTEP}:{policy}"


@dataclass(frozen=True)
class Scored:
    """The verdicts of the benchmark's checkers, and how the calls were answered; `effects` are the
    calls that act, and not only read.
    """

    utility: bool
    security: bool
    calls: int
    made: int
    effects: int
    effects_made: int
    effects_asked: int
