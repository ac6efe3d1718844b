"""The questions that wait, and the way an answer goes back."""

import hashlib
from datetime import timedelta

from temporalio.client import (
    Client,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from lockstep.asked import QuestionAnswered, QuestionAsked, QuestionExpired
from lockstep.canonical import canonical
from lockstep.errors import LockstepError
from lockstep.escalation import Answer, Question
from lockstep.finding import Finding
from worker.records.ending import ending
from worker.records.history import events_of, fetch

PATIENCE = timedelta(seconds=15)


async def open_questions(client: Client, run: str | None = None) -> list[Question]:
    """All questions that wait for an answer, the most urgent first; read from histories alone."""
    if run is not None:
        found = await _questions(client, run)
    else:
        query = (
            'WorkflowType IN ("Run", "LockPlan") AND ExecutionStatus="Running" '
            'AND LockstepState="waiting"'
        )
        found = [
            question
            async for waiting in client.list_workflows(query, limit=500)
            for question in await _questions(client, waiting.id)
        ]
    return sorted(found, key=lambda question: (question.deadline, question.run, question.id))


async def _questions(client: Client, run: str) -> list[Question]:
    history = await fetch(client, run)
    # Whatever ended the run ended its questions with it.
    if ending(history) is not None:
        return []
    waiting: dict[str, Question] = {}
    for event in await events_of(history):
        match event.what:
            case QuestionAsked(question=question):
                waiting[question.id] = question
            case QuestionAnswered(question=id) | QuestionExpired(question=id):
                waiting.pop(id, None)
            case _:
                pass
    return list(waiting.values())


async def find(client: Client, run: str, name: str | None) -> Question:
    """The run's question of that name, or its only one."""
    waiting = await open_questions(client, run)
    fitting = [question for question in waiting if name in (None, question.id, question.step)]
    if len(fitting) == 1:
        return fitting[0]
    names = ", ".join(f"`{question.id}`" for question in waiting) or "nothing"
    raise LockstepError.of(
        "LS-ASK-001",
        f"run `{run}`",
        f"waits for {names}" if name is None else f"does not wait for an answer to `{name}`",
        "name one question that waits" if waiting else "see `lockstep inbox list`",
    )


async def answer(client: Client, run: str, given: Answer) -> None:
    """By the polite door: the run says yes, or why not. The same answer twice counts once."""
    handle = client.get_workflow_handle(run)
    body = given.model_dump(mode="json")
    try:
        await handle.execute_update(
            "answer",
            body,
            id=hashlib.sha256(canonical(body)).hexdigest()[:32],
            rpc_timeout=PATIENCE,
        )
    except WorkflowUpdateFailedError as error:
        raise LockstepError(_refusal(error, given)) from None
    except WorkflowUpdateRPCTimeoutOrCancelledError:
        raise LockstepError.of(
            "LS-SRV-005",
            f"run `{run}`",
            f"no worker took the answer within {PATIENCE.total_seconds():.0f} s",
            "start a worker, or leave the answer for later with --later (it is sent as a signal)",
        ) from None
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            raise _over(run) from None
        raise


async def leave(client: Client, run: str, given: Answer) -> None:
    """By the durable door: the answer waits on the server until a worker is up to take it."""
    try:
        await client.get_workflow_handle(run).signal("answer", given.model_dump(mode="json"))
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        raise _over(run) from None


def _over(run: str) -> LockstepError:
    return LockstepError.of(
        "LS-ASK-001",
        f"run `{run}`",
        "has ended or does not exist, so it waits for nothing",
        "see `lockstep inbox list`",
    )


def _refusal(error: WorkflowUpdateFailedError, given: Answer) -> Finding:
    cause = error.cause
    place = f"question `{given.question}`"
    if isinstance(cause, ApplicationError) and cause.type and cause.type.startswith("LS-"):
        code, text = cause.type, cause.message.removeprefix(f"{cause.type} ")
        problem, _, fix = text.rpartition("; ")
        return Finding(code=code, place="", problem=problem, fix=fix)
    return Finding(
        code="LS-ASK-001", place=place, problem="the run took no answer", fix="see `runs show`"
    )
