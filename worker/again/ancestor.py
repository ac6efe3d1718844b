"""A run that another one goes on from: what its history proves of it.

Nobody is believed who says what a run gave. Its history is fetched from the server, sent through
the code again and compared as `lockstep replay` compares it; its steps were taken from the queue of
its own agent and environment, and from no other; and what is carried lies in the store under its
digest. What cannot be proved is not carried.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from temporalio import activity
from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.client import Client, WorkflowHistory

from activities.contract.carrier import Carrier
from activities.store import Store
from lockstep.canonical import Digest, canonical
from lockstep.errors import LockstepError
from lockstep.finding import Finding
from lockstep.fork import Carried, Carry, Heritage
from lockstep.lock import Body, Lock
from lockstep.names import task_queue
from lockstep.past import Ancestor, Past
from lockstep.value import Value
from policies.forks.course import about, belongs, course
from policies.world import World
from worker.again.replay import compared
from worker.records.history import (
    PLANNING,
    fetch,
    first_line,
    kind_of,
    replay,
    was_taken_up,
)
from worker.records.locks import locks_of
from worker.records.recorded import recorded

MAX_HERITAGE = 1024 * 1024
"""Bytes of what is carried, as references: it is one payload, and an event as well."""
_MAX_PREVIEWS = 256 * 1024
_BEAT = 2.0
_OVER = {
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED,
}
_LOST = "LS-REPLAY-005"
_RESET = WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW


@dataclass(frozen=True)
class Proved:
    """What a history proves: the run, the lock that it went by last, and the head of its chain."""

    ancestor: Ancestor
    lock: Lock
    head: Digest


async def proved(history: WorkflowHistory, store: Store) -> Proved:
    """LS-FORK-001 for what is no run that is over, LS-FORK-002 for one that is not what its history
    says.
    """
    run = history.workflow_id
    if kind_of(history) == PLANNING:
        raise _not_so(run, "is a planning, and no run", "run the lock that it made")
    if not is_over(history):
        fix = f"let it end, or stop it with `lockstep runs cancel {run}`"
        raise _not_so(run, "is not over", fix)
    if not was_taken_up(history):
        raise _not_so(run, "ended before any worker took it up", "run its lock")
    _in_one_piece(history)
    replayed = await replay(history)
    if replayed.failure is not None:
        raise _unproved(run, f"its history does not replay: {first_line(replayed.failure)}")
    events = replayed.record.events
    locks = locks_of(history, events)
    if not locks or not events:
        raise _not_so(run, "was started with no lock", "run a lock")
    _by_its_own(history, locks[-1].body)
    report = await asyncio.to_thread(compared, history, replayed, store, None)
    differs = [one for one in report.findings if one.code != _LOST]
    if differs:
        raise _unproved(run, f"it is not the same again: {differs[0]}")
    ancestor = Ancestor(run, locks[-1].body, Past.of(events))
    return Proved(ancestor, locks[-1], events[-1].digest)


def is_over(history: WorkflowHistory) -> bool:
    """Whether nothing more happens in it."""
    return history.events[-1].event_type in _OVER


def held(carried: Iterable[Carried], store: Store) -> Iterator[Finding]:
    """Outputs that are to be carried, and are not there in full."""
    for one in carried:
        values = [part.value for part in one.items] + ([one.value] if one.value else [])
        for value in values:
            try:
                problem = "" if len(store.get(value.digest)) == value.size else "is of another size"
            except LockstepError as error:
                problem = error.findings[0].problem
            if problem:
                yield Finding(
                    code="LS-FORK-002",
                    place=f"output of step `{one.step}`",
                    problem=f"value `{value.digest[:19]}…` {problem}",
                    fix=f"restore the values folder, or do it again: `--from {one.step}`",
                )


class ServerCarrier(Carrier):
    """Keeps the `Carrier` contract with a Temporal client: histories of its own namespace."""

    def __init__(self, client: Client, world: World, store: Store) -> None:
        self._client = client
        self._world = world
        self._store = store

    @activity.defn(name="lockstep.carry")
    async def carry(self, request: Carry) -> Heritage:
        try:
            async with _beating():
                return await self._carried(request)
        except LockstepError as error:
            return Heritage(findings=error.findings)

    async def _carried(self, request: Carry) -> Heritage:
        fork = request.fork
        history = await fetch(self._client, fork.run, fork.execution)
        await _latest(self._client, fork.run, fork.execution)
        found = await proved(history, self._store)
        ancestor = found.ancestor
        if found.head != fork.head:
            raise _unproved(
                fork.run, f"its events end in `{found.head[:19]}…`, and not in `{fork.head[:19]}…`"
            )
        made = await asyncio.to_thread(
            course, fork, ancestor, request.body, request.inputs, self._world
        )
        findings = (
            *belongs(ancestor.body, request.body, self._world),
            *about(ancestor.past, request.scheduled_at),
            *made.findings,
            *await asyncio.to_thread(lambda: tuple(held(made.carried, self._store))),
        )
        carried = tuple(_light(made.carried))
        heritage = Heritage(
            findings=findings,
            lock=found.lock.digest,
            spent=ancestor.past.spent,
            carried=carried,
            keys=made.keys,
        )
        size = len(canonical(heritage.model_dump(mode="json")))
        if size > MAX_HERITAGE:
            raise _unproved(fork.run, f"{size:,} bytes of references, of {MAX_HERITAGE:,} at most")
        return heritage


def _light(carried: Iterable[Carried]) -> Iterator[Carried]:
    """With small outputs in full as far as there is room, and by reference else."""
    room = _MAX_PREVIEWS

    def light(value: Value) -> Value:
        nonlocal room
        if value.preview is None or room < value.size:
            return value.bare
        room -= value.size
        return value

    for one in carried:
        items = tuple(part.model_copy(update={"value": part.value.bare}) for part in one.items)
        value = light(one.value) if one.value else None
        yield one.model_copy(update={"value": value, "items": items})


def _in_one_piece(history: WorkflowHistory) -> None:
    """What a run did before it was reset, or tried again as a whole, stands in another history; and
    who goes on with this one would do it again without a word.
    """
    run, started = (
        history.workflow_id,
        history.events[0].workflow_execution_started_event_attributes,
    )
    if started.continued_execution_run_id:
        raise _unproved(run, "it went on from another execution under its id")
    if any(event.workflow_task_failed_event_attributes.cause == _RESET for event in history.events):
        raise _unproved(run, "it was reset, and what it did until then is in another history")


async def _latest(client: Client, run: str, execution: str) -> None:
    """What was done under its id since then is in another history, too."""
    last = (await client.get_workflow_handle(run).describe()).run_id
    if last != execution:
        raise _unproved(run, f"execution `{execution}` is not the last one under its id")


def _by_its_own(history: WorkflowHistory, body: Body) -> None:
    """Whoever polls another queue may answer whatever they like. Which queue it is follows from the
    names of agent and environment, and not from what a lock says of itself, for nobody but those
    who polled may ever have looked at that lock.
    """
    queue = task_queue(body.agent, body.environment)
    started = history.events[0].workflow_execution_started_event_attributes
    queues = {started.task_queue.name}
    queues |= {scheduled.task_queue.name for scheduled, _ in recorded(history.events)}
    strange = sorted(queues - {queue})
    if strange:
        raise _unproved(
            history.workflow_id, f"it took place on queue `{strange[0]}`, and not on `{queue}`"
        )


@asynccontextmanager
async def _beating() -> AsyncIterator[None]:
    """Signs of life, so that a worker that dies meanwhile is missed soon."""

    async def beat() -> None:
        while True:
            activity.heartbeat()
            await asyncio.sleep(_BEAT)

    task = asyncio.create_task(beat())
    try:
        yield
    finally:
        task.cancel()


def _not_so(run: str, problem: str, fix: str) -> LockstepError:
    return LockstepError.of("LS-FORK-001", f"run `{run}`", problem, fix)


def _unproved(run: str, problem: str) -> LockstepError:
    return LockstepError.of(
        "LS-FORK-002",
        f"run `{run}`",
        problem,
        f"see `lockstep replay {run}`; or run the lock from its beginning",
    )
