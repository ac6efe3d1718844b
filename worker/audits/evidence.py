"""One run that is over or under way, as its history gives it, and what speaks against that alone.

For one run and for a list of many: no stored value is looked at here.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from temporalio.client import WorkflowHistory

from lockstep.canonical import Digest, digest_bytes
from lockstep.errors import LockstepError
from lockstep.event import RunCompleted, RunFailed, RunRefused
from lockstep.finding import Finding
from lockstep.outcome import Dispatch
from policies.audits.audit import held
from policies.audits.trail import Trail, wrong
from worker.again.replay import compared
from worker.records.ending import ending, goes_on, result_of
from worker.records.history import PLANNING, Replayed, kind_of, replay, was_taken_up
from worker.records.locks import locks_of
from worker.records.recorded import VERDICTS, given, recorded

CODE = "LS-AUDIT-002"


@dataclass(frozen=True)
class Evidence:
    """One run that is over: its history, what a replay of it gave, and what follows from that."""

    history: WorkflowHistory
    replayed: Replayed
    trail: Trail

    @classmethod
    async def of(cls, history: WorkflowHistory) -> "Evidence":
        """LS-AUDIT-009 for what is no run, is not over, or was over before it began."""
        run = f"`{history.workflow_id}`"
        if kind_of(history) == PLANNING:
            raise _not_yet(run, "is a planning", "name a run; its lock says who proposed it")
        if ending(history) is None:
            raise _not_yet(run, "is still under way", "audit it when it has ended")
        if not was_taken_up(history):
            fix = "see `lockstep runs show` for how it ended"
            raise _not_yet(run, "ended before any worker took it up, and did nothing", fix)
        return cls.given(history, await replay(history))

    @classmethod
    def given(cls, history: WorkflowHistory, replayed: Replayed) -> "Evidence":
        """What a replay gave; of a history that this code cannot follow, the events as far as it
        could.
        """
        events = tuple(replayed.record.events)
        sent = tuple(_sent(history))
        return cls(history, replayed, Trail(events, locks_of(history, events), sent))

    @property
    def head(self) -> Digest | None:
        return self.trail.events[-1].digest if self.trail.events else None


def _sent(history: WorkflowHistory) -> Iterator[Dispatch]:
    for scheduled, _ in recorded(history.events):
        if not scheduled.activity_type.name.startswith(VERDICTS):
            try:
                yield given(scheduled, Dispatch)
            except (ValueError, LookupError, LockstepError):
                # The replay, which sends out something, finds that it is something else.
                continue


def against(past: Evidence) -> tuple[Finding, ...]:
    """All that speaks against a run, stored values not looked at."""
    again = compared(past.history, past.replayed, _NoValues(), None, _EVERYTHING)
    return (*head_kept(past, None), *end_kept(past), *again.findings, *held(past.trail).findings)


class _Everything:
    def __contains__(self, name: object) -> bool:
        return True


_EVERYTHING = _Everything()


class _NoValues:
    """Of a store, what there is for whoever does not look into it."""

    def put(self, data: bytes) -> Digest:
        return digest_bytes(data)

    def get(self, name: Digest) -> bytes:
        raise LockstepError.of(
            "LS-STEP-007", f"value `{name[:19]}…`", "is not looked at here", "audit this run alone"
        )


def head_kept(past: Evidence, kept: Digest | None) -> Iterator[Finding]:
    result, follows = result_of(past.history), (past.head or "none")[:19]
    if result is not None and (result.events, result.head) != (len(past.trail.events), past.head):
        yield wrong(
            CODE,
            "head",
            f"the run returned `{result.head[:19]}…` of {result.events} events, and from its "
            f"history follows `{follows}…` of {len(past.trail.events)}",
        )
    if kept is not None and kept != past.head:
        problem = f"`{kept[:19]}…` was kept, and from the history follows `{follows}…`"
        yield wrong("LS-AUDIT-010", "head", problem)


def end_kept(past: Evidence) -> Iterator[Finding]:
    """Where Temporal says that it ended otherwise than its last event. A run whose account is
    closed ends in the same task, so that nothing comes between, unless that task was never done.
    """
    if goes_on(past.history):
        yield wrong(CODE, "end", "the history goes on after the run had ended")
    last = past.trail.events[-1].what if past.trail.events else None
    fits = {"completed", "failed"} | ({"cancelled"} if isinstance(last, RunFailed) else set())
    how = ending(past.history)
    if not isinstance(last, RunCompleted | RunRefused | RunFailed):
        return
    if how not in fits and not _task_open(past.history):
        said = f"the history ends as `{how}`, and its events with `{last.type}`"
        yield wrong(CODE, "end", said)


def _task_open(history: WorkflowHistory) -> bool:
    """Whether the last task of the workflow was begun and is not done."""
    begun = False
    for event in history.events:
        if event.HasField("workflow_task_started_event_attributes"):
            begun = True
        elif event.HasField("workflow_task_completed_event_attributes"):
            begun = False
    return begun


def _not_yet(run: str, problem: str, fix: str) -> LockstepError:
    return LockstepError.of("LS-AUDIT-009", run, problem, fix)
