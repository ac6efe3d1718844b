"""Was that run what the code, the lock and the policy say it was?

Four comparisons, each of which Temporal leaves open: every activity's arguments, timeouts and
options; every decision, made again from the recorded facts; the bytes behind every output's digest;
the result.
"""

from collections import defaultdict
from collections.abc import Container, Iterator
from contextlib import suppress
from datetime import timedelta
from itertools import islice
from typing import Any

from google.protobuf.duration_pb2 import Duration
from temporalio.client import WorkflowHistory
from temporalio.exceptions import ApplicationError
from temporalio.worker import StartActivityInput

from activities.contract.validator import Proposal
from activities.store import Store
from lockstep.canonical import Digest, canonical
from lockstep.checked import Checked
from lockstep.finding import Finding
from lockstep.fork import RunForked
from lockstep.outcome import Completed, Dispatch, Signalled, Unfit, Withheld
from lockstep.pointer import pointer
from lockstep.record import Record as Noun
from lockstep.value import Value
from policies.world import World
from worker.again.recheck import rechecked
from worker.again.recorder import Record
from worker.again.redecide import Call, redecided
from worker.again.reread import reread
from worker.records.history import Replayed, first_line, replay
from worker.records.recorded import (
    Lost,
    Recorded,
    Scheduled,
    given,
    json_of,
    recorded,
    written,
)


class ReplayReport(Noun):
    """What was compared, and what did not agree; `notes` say what could not be compared, and
    why.
    """

    run: str
    events: int
    head: Digest | None
    activities: int
    decisions: int
    outputs: int
    result: bool
    findings: tuple[Finding, ...]
    notes: tuple[str, ...] = ()


async def compare(history: WorkflowHistory, store: Store, world: World | None) -> ReplayReport:
    """Replay a history and compare all that can be; `world` is the agent as it is now, if at
    hand.
    """
    return compared(history, await replay(history), store, world)


def compared(
    history: WorkflowHistory,
    replayed: Replayed,
    store: Store,
    world: World | None,
    absent: Container[Digest] = frozenset(),
) -> ReplayReport:
    """What a replay gave, held against the history it was made from. Outputs that are known to be
    `absent` from the store are not looked for.
    """
    record, run = replayed.record, history.workflow_id
    findings: list[Finding] = []
    if replayed.failure is not None:
        findings.append(
            Finding(
                code="LS-REPLAY-001",
                place=f"run `{run}`",
                problem=first_line(replayed.failure),
                fix="replay with the version that ran it, or find what changed in the workflow",
            )
        )
    steps = list(recorded(history.events))
    findings += (end for _, end in steps if isinstance(end, Finding))
    findings += _activities(steps, record)
    findings += _result(history.events, record)
    outputs: dict[Digest, list[str]] = defaultdict(list)
    for scheduled, end in steps:
        if isinstance(end, Completed):
            outputs[end.value.digest].append(scheduled.activity_id)
    for step, value in _carried(record):
        outputs[value.digest].append(step)
    for name, owners in outputs.items():
        if name not in absent:
            findings += _stored(store, name, owners)
    decided, different, notes = redecided(list(_calls(steps)), store, world)
    findings += different
    checked, changed, more = rechecked(_verdicts(steps), world)
    findings += changed
    read, other, unread = reread(steps, store)
    findings += other
    return ReplayReport(
        run=run,
        events=len(record.events),
        head=record.events[-1].digest if record.events else None,
        activities=len(steps),
        decisions=decided + checked + read,
        outputs=sum(len(one) for name, one in outputs.items() if name not in absent),
        result=record.ended,
        findings=tuple(findings),
        notes=(*notes, *more, *unread),
    )


_MOST_PLACES = 3


def _carried(record: Record) -> Iterator[tuple[str, Value]]:
    """The outputs that a fork began with."""
    for event in record.events:
        if isinstance(event.what, RunForked):
            for one in event.what.carried:
                yield from ((one.step, part.value) for part in one.items)
                if one.value is not None:
                    yield one.step, one.value


def _calls(steps: list[Recorded]) -> Iterator[Call]:
    for scheduled, end in steps:
        made = (Completed, Withheld, Signalled, Unfit, Lost)
        if isinstance(end, made) and end.decision is not None:
            # Arguments that are none differ from those of the replay, which is found elsewhere.
            with suppress(ValueError, LookupError):
                yield given(scheduled, Dispatch), end


def _verdicts(steps: list[Recorded]) -> Iterator[tuple[Proposal, Checked]]:
    for scheduled, end in steps:
        if isinstance(end, Checked):
            yield given(scheduled, Proposal), end


def _activities(steps: list[Recorded], record: Record) -> Iterator[Finding]:
    asked: dict[str, list[StartActivityInput]] = defaultdict(list)
    for made in record.activities:
        asked[made.activity_id or ""].append(made)
    for scheduled, _ in steps:
        again = asked[scheduled.activity_id]
        if not again:
            yield _differs(scheduled.activity_id, "was scheduled then and is not now", "", "")
            continue
        for name, then, now in _differences(scheduled, again.pop(0)):
            yield _differs(scheduled.activity_id, name, then, now)


def _differences(then: Scheduled, now: StartActivityInput) -> Iterator[tuple[str, Any, Any]]:
    for at, old, new in _apart(json_of(then.input.payloads), written(list(now.args))):
        yield f"argument `{at.removeprefix('/0')}`", old, new
    for name, old, new in _options(then, now):
        if old != new:
            yield name, old, new


def _options(then: Scheduled, now: StartActivityInput) -> Iterator[tuple[str, Any, Any]]:
    policy = now.retry_policy
    yield "activity type", then.activity_type.name, now.activity
    yield "task queue", then.task_queue.name, now.task_queue or then.task_queue.name
    for name, old, new in (
        ("start-to-close timeout", then.start_to_close_timeout, now.start_to_close_timeout),
        (
            "schedule-to-close timeout",
            then.schedule_to_close_timeout,
            now.schedule_to_close_timeout,
        ),
        ("heartbeat timeout", then.heartbeat_timeout, now.heartbeat_timeout),
    ):
        yield name, _span(old), new
    if policy is None:
        yield "retry policy", "one", "none"
        return
    yield "maximum attempts", then.retry_policy.maximum_attempts, policy.maximum_attempts
    yield "initial interval", _span(then.retry_policy.initial_interval), policy.initial_interval
    yield "backoff", then.retry_policy.backoff_coefficient, policy.backoff_coefficient
    yield "maximum interval", _span(then.retry_policy.maximum_interval), policy.maximum_interval
    yield (
        "non-retryable types",
        sorted(then.retry_policy.non_retryable_error_types),
        sorted(policy.non_retryable_error_types or ()),
    )


def _apart(then: Any, now: Any) -> list[tuple[str, Any, Any]]:
    """The first few places where two JSON values differ, as JSON pointers."""
    if _alike(then, now):
        return []
    return list(islice(_leaves(then, now, ""), _MOST_PLACES)) or [("", then, now)]


def _alike(then: Any, now: Any) -> bool:
    try:
        return canonical(then) == canonical(now)
    except ValueError:
        # A history may hold what is no JSON, which is nothing that a workflow writes.
        return False


def _leaves(then: Any, now: Any, at: str) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(then, dict) and isinstance(now, dict):
        for key in sorted({*then, *now}):
            yield from _leaves(then.get(key), now.get(key), f"{at}{pointer((key,))}")
    elif isinstance(then, list) and isinstance(now, list) and len(then) == len(now):
        for index, (old, new) in enumerate(zip(then, now, strict=True)):
            yield from _leaves(old, new, f"{at}/{index}")
    elif not _alike(then, now):
        yield at, then, now


def _result(events: Any, record: Record) -> Iterator[Finding]:
    last = events[-1] if events else None
    if last is None:
        return
    if last.HasField("workflow_execution_completed_event_attributes"):
        payloads = last.workflow_execution_completed_event_attributes.result.payloads
        now = written([record.result]) if record.failure is None else None
        yield from _same_result(json_of(payloads), now)
    elif last.HasField("workflow_execution_failed_event_attributes"):
        then = last.workflow_execution_failed_event_attributes.failure
        details = json_of(then.application_failure_info.details.payloads)
        old = _failure(then.message, then.application_failure_info.type, details)
        new = None
        if isinstance(record.failure, ApplicationError):
            failure = record.failure
            new = _failure(failure.message, failure.type, written(list(failure.details)))
        yield from _same_result(old, new)


def _failure(message: str, kind: str | None, details: list[Any]) -> dict[str, Any]:
    return {"message": message, "type": kind, "details": details}


def _same_result(then: Any, now: Any) -> Iterator[Finding]:
    places = _apart(then, now)
    if places:
        yield Finding(
            code="LS-REPLAY-004",
            place="result",
            problem=", ".join(
                f"`{at.removeprefix('/0')}` was {_brief(old)} and is {_brief(new)}"
                for at, old, new in places
            ),
            fix="find what changed in the workflow since this run",
        )


def _stored(store: Store, name: Digest, steps: list[str]) -> Iterator[Finding]:
    try:
        store.get(name)
    except Exception as error:
        yield Finding(
            code="LS-REPLAY-005",
            place=f"output of step {', '.join(f'`{step}`' for step in steps)}",
            problem=first_line(error),
            fix="restore the values folder of the run",
        )


def _differs(step: str, name: str, then: Any, now: Any) -> Finding:
    return Finding(
        code="LS-REPLAY-002",
        place=f"step `{step}`",
        problem=f"{name}: was {_brief(then)}, is {_brief(now)}" if then or now else name,
        fix="find what changed in the workflow since this run",
    )


def _span(written: Duration) -> timedelta | None:
    span: timedelta = written.ToTimedelta()
    return span or None


def _brief(value: Any) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 120 else text[:119] + "…"
