"""How long a law allows something to take, on machines that others use as well.

Processor time stretches where cores are shared, so a law's seconds are those of an idle machine,
and a yardstick that runs beside it says how far this one is from that. It catches what grows with
the square; how fast something is, the benchmarks say.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

_IDLE = 0.006
"""Seconds that the yardstick takes on an idle machine."""
_SLACK = 2.0


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """The block takes no more processor time than so much on an idle machine."""
    before = _slowness()
    start = time.process_time()
    yield
    took = time.process_time() - start
    allowed = seconds * _SLACK * max(before, _slowness(), 1.0)
    assert took < allowed, f"took {took:.3f} s, and {allowed:.3f} s are allowed here now"


def _slowness() -> float:
    start = time.process_time()
    total: dict[int, str] = {}
    for number in range(40_000):
        total[number % 997] = str(number)
    return (time.process_time() - start) / _IDLE
