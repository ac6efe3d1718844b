"""The graph of a plan: an order to run it in, a cycle that forbids one, a path that proves a need.

The order is canonical (two proposals of one graph give one lock), and every answer comes with a
witness that a person can follow; `graphlib` finds the cycle.
"""

import heapq
from collections import deque
from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

Graph = Mapping[str, Sequence[str]]
"""Each step's id, and the ids it needs."""


def order(needs: Graph) -> tuple[str, ...]:
    """The smallest topological order by id; ValueError for a cycle."""
    open_ = {step: len(found) for step, found in needs.items()}
    freed: dict[str, list[str]] = {}
    for step, found in needs.items():
        for need in found:
            open_.setdefault(need, 0)
            freed.setdefault(need, []).append(step)
    ready = [step for step, count in open_.items() if not count]
    heapq.heapify(ready)
    result = []
    while ready:
        step = heapq.heappop(ready)
        result.append(step)
        for late in freed.get(step, ()):
            open_[late] -= 1
            if not open_[late]:
                heapq.heappush(ready, late)
    if len(result) < len(open_):
        raise ValueError("the steps form a cycle")
    return tuple(result)


def cycle(needs: Graph) -> tuple[str, ...] | None:
    """One cycle, each step needing the next, first and last the same; None where there is none."""
    try:
        order(needs)
    except ValueError:
        pass
    else:
        return None
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        # graphlib lists it from a need to who needs it.
        return tuple(reversed(error.args[1]))
    return None


def path(needs: Graph, start: str, goal: str) -> tuple[str, ...] | None:
    """A shortest path along needs from `start` back to `goal`, or None if it does not need it."""
    came: dict[str, str] = {}
    queue = deque([start])
    while queue:
        step = queue.popleft()
        for need in needs.get(step, ()):
            if need in came or need == start:
                continue
            came[need] = step
            if need == goal:
                return _walked(came, start, goal)
            queue.append(need)
    return None


def _walked(came: Mapping[str, str], start: str, goal: str) -> tuple[str, ...]:
    steps = [goal]
    while steps[-1] != start:
        steps.append(came[steps[-1]])
    return tuple(reversed(steps))
