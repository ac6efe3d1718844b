"""The runs that went on from a run before: what they did is not done besides without a word.

A run that is forked again, because the fork failed too, has steps to do that the fork may have
done. Which forks there are is said by the server's list, which may lag by a moment; what they did
is read off their histories. Two forks that are asked for in the same second do not see each other.
"""

from collections import defaultdict

from temporalio.client import Client

from lockstep.errors import LockstepError
from lockstep.event import RunStarted
from lockstep.past import Past
from worker.again.ancestor import is_over
from worker.records.history import events_of, fetch, was_taken_up
from worker.runs import Listed, listed

_LOOKED_AT = 1000
"""Runs of the server that are looked through."""


async def heirs(client: Client, run: str) -> dict[str, Past]:
    """What became of the runs that went on from it, or from one that did; LS-FORK-001 where one of
    them is under way.
    """
    found: dict[str, Past] = {}
    for id in _descended(await listed(client, _LOOKED_AT), run):
        history = await fetch(client, id)
        if not is_over(history):
            raise LockstepError.of(
                "LS-FORK-001",
                f"run `{run}`",
                f"is gone on with by `{id}`, which is under way",
                f"let it end, or stop it with `lockstep runs cancel {id}`",
            )
        if not was_taken_up(history):
            continue
        events = await events_of(history)
        began = events[0].what
        # In a list anybody may write what they like.
        if isinstance(began, RunStarted) and began.fork is not None:
            found[id] = Past.of(events)
    return found


def _descended(rows: list[Listed], run: str) -> list[str]:
    """All that say that they went on from it, and from these."""
    forks = defaultdict(list)
    for row in rows:
        if row.forked:
            forks[row.forked].append(row.id)
    found, to_do = list[str](), [run]
    while to_do:
        for id in forks.pop(to_do.pop(), ()):
            found.append(id)
            to_do.append(id)
    return [id for id in dict.fromkeys(found) if id != run]
