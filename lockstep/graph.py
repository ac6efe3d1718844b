"""The graph of a plan: an order to run it in, a cycle that forbids one, a path that proves a need.

`graphlib` sorts; what is ours is that the order is canonical (two proposals of one graph give one
lock) and that every answer comes with a witness a person can follow.
"""

import heapq
from collections import deque
from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

Graph = Mapping[str, Sequence[str]]
"""Each step's id, and the ids it needs."""


def order(needs: Graph) -> tuple[str, ...]:
    """The smallest topological order by id; ValueError for a cycle."""
    sorter = TopologicalSorter(needs)
    try:
        sorter.prepare()
    except CycleError:
        raise ValueError("the steps form a cycle") from None
    ready = list(sorter.get_ready())
    heapq.heapify(ready)
    result = []
    while ready:
        step = heapq.heappop(ready)
        result.append(step)
        sorter.done(step)
        for released in sorter.get_ready():
            heapq.heappush(ready, released)
    return tuple(result)


def cycle(needs: Graph) -> tuple[str, ...] | None:
    """One cycle, each step needing the next, first and last the same; None where there is none."""
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
