"""How fast is this core just now?

On a shared machine even processor time grows with what the neighbours do, by half and by twice. A
million additions in plain Python, done beside the work, say by how much: what the work took over
what they took is the same on a busy machine as on a quiet one, or nearly so.
"""

import time

MILLION = 10**6


def yardstick(additions: int = MILLION) -> float:
    """Seconds of the processor that a million additions take, judged by so many of them."""
    began, total = time.process_time(), 0
    for number in range(additions):
        total += number
    return (time.process_time() - began) * MILLION / additions


def milliseconds(seconds: float) -> float:
    return round(1000 * seconds, 1)
