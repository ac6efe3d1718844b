"""All of a file, in a few processes.

A process is given all runs of one user task at once, by the state of the world that they began in:
so plans are made once and each state is parsed once.
"""

import multiprocessing
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import groupby
from random import Random

from benchmarks.attacks.figures import Figures, Row
from benchmarks.attacks.measuring import Measure
from benchmarks.attacks.recordings import Recording, Recordings

SEED = "lockstep"

_measure: Measure | None = None


def measured(
    recordings: Recordings, policies: Sequence[str], *, sample: int, processes: int
) -> Figures:
    """The figures of all attacked runs, or of a sample of them; the first policy is the chosen."""
    runs = list(recordings.attacked)
    if 0 < sample < len(runs):
        runs = Random(SEED).sample(runs, sample)
    told = f"{len(runs):,} attacked runs; {recordings.errors:,} that ended in an error left out"
    sys.stderr.write(f"{told}\n")
    began, figures = time.monotonic(), Figures()
    tasks = list(by_task(runs))
    fork = multiprocessing.get_context("fork")
    with fork.Pool(processes, _begin, (recordings, tuple(policies))) as pool:
        for number, rows in enumerate(pool.imap_unordered(_scored, tasks), 1):
            figures.add(rows, policies[0])
            if number % 10 == 0 or number == len(tasks):
                seconds = time.monotonic() - began
                sys.stderr.write(f"{number} of {len(tasks)} tasks, {seconds:,.0f} s\n")
    return figures


def by_task(runs: Sequence[Recording]) -> Iterator[list[Recording]]:
    """All runs of each user task, those that share a world side by side; the most work first."""

    def task(run: Recording) -> tuple[str, str]:
        return run.suite, run.user_task

    in_order = sorted(runs, key=lambda run: (*task(run), run.world))
    yield from sorted((list(group) for _, group in groupby(in_order, task)), key=len, reverse=True)


def _begin(recordings: Recordings, policies: Sequence[str]) -> None:
    global _measure  # noqa: PLW0603
    _measure = Measure(recordings, policies)


def _scored(runs: list[Recording]) -> list[Row]:
    assert _measure is not None
    return [(run, _measure.scored(run)) for run in runs]
