"""Faults: what goes wrong in a mocked tool, how often, and the seed that decides when.

A sandbox in which nothing goes wrong proves little. So a mock may be slow, may signal the errors
that its tool declares, and may give what is no output at all. Nothing here is chance: each draw is
a function of the seed and of the call, so the same lock meets the same faults again, in any process
and any year.

We decided against faults in tools that are really called: an error that was made up about a real
call would be a lie in the account.
"""

import hashlib
from datetime import timedelta
from typing import Annotated, Self

from pydantic import Field, model_validator

from lockstep.amount import MOST
from lockstep.canonical import canonical
from lockstep.duration import Duration
from lockstep.names import ErrorName
from lockstep.record import Record

Rate = Annotated[float, Field(ge=0, le=1)]
"""Of all calls; 1 is every one."""


class Latency(Record):
    """How long a call takes, spread evenly between the two."""

    least: Duration
    most: Duration

    @model_validator(mode="after")
    def _is_a_span(self) -> Self:
        if self.least > self.most:
            raise ValueError("`least` is longer than `most`")
        return self


class Faults(Record):
    """`[tools.NAME.faults]` of a manifest. With `each_run` every run draws anew, by its id."""

    seed: Annotated[int, Field(ge=0, le=MOST)]
    each_run: bool = False
    signals: dict[ErrorName, Rate] = {}
    bad_output: Rate = 0
    latency: Latency | None = None

    @model_validator(mode="after")
    def _do_something(self) -> Self:
        # In one order, so that the sum is the same however the manifest is written.
        total = sum(sorted((*self.signals.values(), self.bad_output)))
        if total > 1:
            raise ValueError(f"the rates come to {total:g} of all calls")
        if total == 0 and self.latency is None:
            raise ValueError("wanted `signals`, `bad_output` or `latency`")
        return self

    def drawn(self, run: str, tool: str, call: str, attempt: int) -> "Fault":
        """What happens to one attempt at a call; `call` is what the run calls it, its item and the
        number of its dispatch included.
        """
        where: list[str | int] = [self.seed, run if self.each_run else "", tool, call, attempt]
        which, at = _between(*where, "which"), 0.0
        signal = None
        for name, rate in sorted(self.signals.items()):
            if at <= which < at + rate:
                signal = name
            at += rate
        bad = at <= which < at + self.bad_output
        delay = timedelta()
        if self.latency is not None:
            span = self.latency.most - self.latency.least
            delay = self.latency.least + span * _between(*where, "latency")
        return Fault(delay=delay, signal=signal, bad=bad, pick=_between(*where, "pick"))

    @property
    def told(self) -> str:
        """Where an error came from that nobody had."""
        return f"injected by seed {self.seed}"


class Fault(Record):
    """Of one attempt; `pick` chooses among the ways in which an output may be bad."""

    delay: timedelta
    signal: ErrorName | None
    bad: bool
    pick: float


def _between(*what: str | int) -> float:
    """A number from 0 up to, and not including, 1."""
    number = int.from_bytes(hashlib.sha256(canonical(list(what))).digest()[:6], "big")
    return number / 2**48
