"""The locks of a run, read from its history: the one it began with, and those that were made of it
on the way.
"""

from collections.abc import Iterable

from temporalio.client import WorkflowHistory

from lockstep.event import Event
from lockstep.lock import Lock
from lockstep.planned import PlanApproved
from lockstep.replanned import RunReplanned, RunRevised
from lockstep.statement import Approved
from worker.records.recorded import recorded
from worker.runs import lock_of


def locks_of(history: WorkflowHistory, events: Iterable[Event]) -> tuple[Lock, ...]:
    """In the order in which the run went by them, each with all that was said about it; nothing for
    a workflow that was started with none.
    """
    first = lock_of(history)
    if first is None:
        return ()
    made = {end.digest: end for _, end in recorded(history.events) if isinstance(end, Lock)}
    found, said = [first], list[Event]()
    for event in events:
        match event.what:
            case RunRevised():
                said = []
            case PlanApproved():
                said.append(event)
            case RunReplanned(lock=lock) if lock in made:
                child = made[lock].made_of(found[-1])
                found.append(child.stating(*_approvals(child, said)))
            case _:
                continue
    return tuple(found)


def proposed_in(history: WorkflowHistory, events: Iterable[Event]) -> Lock | None:
    """The lock of a new rest that nothing has become of yet, for whoever is to say yes to it."""
    revised: RunRevised | None = None
    for event in events:
        if isinstance(event.what, RunRevised):
            revised = event.what
        elif isinstance(event.what, RunReplanned):
            revised = None
    if revised is None:
        return None
    made = (end for _, end in recorded(history.events) if isinstance(end, Lock))
    return next((lock for lock in made if lock.digest == revised.lock), None)


def _approvals(lock: Lock, said: Iterable[Event]) -> Iterable[Approved]:
    holds = lock.body.asking.approval
    for event in said:
        if isinstance(event.what, PlanApproved):
            yield Approved(
                lock=lock.digest,
                by=event.what.by,
                roles=event.what.roles,
                rules=event.what.rules,
                policy=event.what.policy,
                at=event.at,
                expires_at=event.at + holds if holds is not None else None,
            )
