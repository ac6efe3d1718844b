"""A run's history, and the events that follow from it.

Events are computed here, on the reader's machine, by sending the history through the workflow code
once more: no worker has to be up, and nothing has to be believed but the history.
"""

from dataclasses import dataclass

from temporalio.client import Client, WorkflowHistory
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Replayer

from lockstep.errors import LockstepError
from lockstep.event import Event
from worker.again.recorder import Record, Recorder
from worker.connection import runtime
from worker.payloads import data_converter
from worker.sandbox import runner
from workflows.lock_plan import LockPlan
from workflows.run import Run

PLANNING = "LockPlan"
"""The type of the workflow that makes a lock; every other one is a run."""
_MORE, _DEADLOCK = 2, "[TMPRL1101]"
"""How often a replay is tried again, and what is in the message of one that took too long."""


@dataclass(frozen=True)
class Replayed:
    """What a history gave when it was sent through the code; `failure` if it did not fit."""

    record: Record
    failure: Exception | None


async def fetch(client: Client, run: str, execution: str | None = None) -> WorkflowHistory:
    """The whole history of a run, or of one `execution` under its id; LS-RUN-005 where there is
    none.
    """
    try:
        return await client.get_workflow_handle(run, run_id=execution).fetch_history()
    except RPCError as error:
        if error.status not in (RPCStatusCode.NOT_FOUND, RPCStatusCode.INVALID_ARGUMENT):
            raise
        raise LockstepError.of(
            "LS-RUN-005",
            f"run `{run}`",
            "does not exist on this server",
            "see `lockstep runs list`; histories are kept for the namespace's retention",
        ) from None


def kind_of(history: WorkflowHistory) -> str:
    """The type of the workflow whose history this is."""
    started = history.events[0].workflow_execution_started_event_attributes
    return started.workflow_type.name


def was_taken_up(history: WorkflowHistory) -> bool:
    """Whether a worker ever began anything for it; there is nothing to replay else."""
    return any(event.HasField("workflow_task_started_event_attributes") for event in history.events)


async def replay(history: WorkflowHistory) -> Replayed:
    """Send a history through the workflow code of this version.

    Temporal takes two seconds without a word for a deadlock, and on a machine that is busy enough
    they are none. A replay changes nothing, so it is tried again before anybody is told that a
    history does not fit.
    """
    replayed = await _replay(history)
    for _ in range(_MORE):
        if replayed.failure is None or _DEADLOCK not in str(replayed.failure):
            break
        replayed = await _replay(history)
    return replayed


async def _replay(history: WorkflowHistory) -> Replayed:
    recorder = Recorder()
    if not was_taken_up(history):
        # There is nothing to send, and the replayer would wait for it for ever.
        return Replayed(recorder.record, None)
    # Only the one that is needed: making a workflow ready for the sandbox takes longest of all.
    kind = LockPlan if kind_of(history) == PLANNING else Run
    replayer = Replayer(
        workflows=[kind],
        workflow_runner=runner(),
        data_converter=data_converter,
        interceptors=[recorder],
        runtime=runtime(),
    )
    result = await replayer.replay_workflow(history, raise_on_replay_failure=False)
    return Replayed(recorder.record, result.replay_failure)


async def events_of(history: WorkflowHistory) -> list[Event]:
    """The events of a run up to where its history ends; LS-REPLAY-001 if it does not replay."""
    replayed = await replay(history)
    if replayed.failure is not None:
        raise LockstepError.of(
            "LS-REPLAY-001",
            f"run `{history.workflow_id}`",
            f"its history does not fit this workflow code: {first_line(replayed.failure)}",
            "read it with the version that ran it (the build is in the `run.verified` event)",
        )
    return replayed.record.events


def first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:500]
