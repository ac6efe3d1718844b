"""Was that run what the code, the lock and the policy say it was?

Four comparisons, each of which Temporal leaves open: every activity's arguments, timeouts and
options; every decision, made again from the recorded facts; the bytes behind every output's digest;
the result.
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from google.protobuf.duration_pb2 import Duration
from temporalio.api.common.v1 import Payload
from temporalio.api.history.v1 import ActivityTaskScheduledEventAttributes, HistoryEvent
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.exceptions import ApplicationError
from temporalio.worker import StartActivityInput

from activities.contract import Proposal
from activities.store import Store
from lockstep.canonical import Digest, canonical
from lockstep.checked import Checked
from lockstep.finding import Finding
from lockstep.outcome import Completed, Dispatch, Report, Withheld
from lockstep.record import Record as Noun
from policies.world import World
from worker.history import first_line, replay
from worker.recheck import rechecked
from worker.recorder import Record
from worker.redecide import redecided


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
    replayed = await replay(history)
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
    steps = list(_steps(history.events))
    findings += _activities(steps, record)
    findings += _result(history.events, record)
    outputs = [end.value for _, end in steps if isinstance(end, Completed)]
    for name in dict.fromkeys(value.digest for value in outputs):
        findings += _stored(store, name)
    decided, different, notes = redecided(
        [(call, end) for call, end in _calls(steps)], store, world
    )
    findings += different
    checked, changed, more = rechecked(_verdicts(steps), world)
    findings += changed
    return ReplayReport(
        run=run,
        events=len(record.events),
        head=record.events[-1].digest if record.events else None,
        activities=len(steps),
        decisions=decided + checked,
        outputs=len(outputs),
        result=record.ended,
        findings=tuple(findings),
        notes=(*notes, *more),
    )


Scheduled = ActivityTaskScheduledEventAttributes
Step = tuple[Scheduled, Any]

VERDICTS = "lockstep."
CHECK = "lockstep.check"


def _steps(events: "list[HistoryEvent] | Any") -> Iterator[Step]:
    """Each scheduled activity with what came of it: a step's outcome, or the verdict on a plan."""
    ends: dict[int, Any] = {}
    for event in events:
        if event.HasField("activity_task_completed_event_attributes"):
            done = event.activity_task_completed_event_attributes
            ends[done.scheduled_event_id] = _json(done.result.payloads)[0]
    for event in events:
        if event.HasField("activity_task_scheduled_event_attributes"):
            scheduled = event.activity_task_scheduled_event_attributes
            end = ends.get(event.event_id)
            if end is None:
                yield scheduled, None
            elif scheduled.activity_type.name == CHECK:
                yield scheduled, Checked.model_validate(end)
            elif scheduled.activity_type.name.startswith(VERDICTS):
                yield scheduled, None
            else:
                yield scheduled, Report.model_validate(end).outcome


def _calls(steps: list[Step]) -> Iterator[tuple[Dispatch, Completed | Withheld]]:
    for scheduled, end in steps:
        if isinstance(end, (Completed, Withheld)) and end.decision is not None:
            yield Dispatch.model_validate(_json(scheduled.input.payloads)[0]), end


def _verdicts(steps: list[Step]) -> Iterator[tuple[Proposal, Checked]]:
    for scheduled, end in steps:
        if isinstance(end, Checked):
            yield Proposal.model_validate(_json(scheduled.input.payloads)[0]), end


def _activities(steps: list[Step], record: Record) -> Iterator[Finding]:
    asked: dict[str, list[StartActivityInput]] = defaultdict(list)
    for made in record.activities:
        asked[made.activity_id or ""].append(made)
    for scheduled, _ in steps:
        again = asked[scheduled.activity_id]
        if not again:
            yield _differs(scheduled.activity_id, "was scheduled then and is not now", "", "")
            continue
        made = again.pop(0)
        for name, then, now in _compared(scheduled, made):
            if then != now:
                yield _differs(scheduled.activity_id, name, then, now)


def _compared(then: Scheduled, now: StartActivityInput) -> Iterator[tuple[str, Any, Any]]:
    policy = now.retry_policy
    yield "activity type", then.activity_type.name, now.activity
    yield from _arguments(_json(then.input.payloads), list(now.args))
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


def _arguments(then: list[Any], args: list[Any]) -> Iterator[tuple[str, Any, Any]]:
    now = _json(pydantic_data_converter.payload_converter.to_payloads(args))
    if canonical(then) == canonical(now):
        return
    differing = [
        key
        for old, new in zip(then, now, strict=False)
        if isinstance(old, dict) and isinstance(new, dict)
        for key in sorted({*old, *new})
        if old.get(key) != new.get(key)
    ]
    yield f"arguments ({', '.join(differing) or 'all'})", _brief(then), _brief(now)


def _result(events: Any, record: Record) -> Iterator[Finding]:
    last = events[-1] if events else None
    if last is None:
        return
    if last.HasField("workflow_execution_completed_event_attributes"):
        payloads = last.workflow_execution_completed_event_attributes.result.payloads
        now = _json(pydantic_data_converter.payload_converter.to_payloads([record.result]))
        yield from _same_result(_json(payloads), now if record.failure is None else None)
    elif last.HasField("workflow_execution_failed_event_attributes"):
        then = last.workflow_execution_failed_event_attributes.failure
        details = _json(then.application_failure_info.details.payloads)
        old = [then.message, then.application_failure_info.type, details]
        failure = record.failure
        new = None
        if isinstance(failure, ApplicationError):
            given = pydantic_data_converter.payload_converter.to_payloads(list(failure.details))
            new = [failure.message, failure.type, _json(given)]
        yield from _same_result(old, new)


def _same_result(then: Any, now: Any) -> Iterator[Finding]:
    if now is None or canonical(then) != canonical(now):
        yield Finding(
            code="LS-REPLAY-004",
            place="result",
            problem=f"was {_brief(then)}, is {_brief(now)}",
            fix="find what changed in the workflow since this run",
        )


def _stored(store: Store, name: Digest) -> Iterator[Finding]:
    try:
        store.get(name)
    except Exception as error:
        yield Finding(
            code="LS-REPLAY-005",
            place=f"output `{name[:19]}…`",
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


def _json(payloads: Any) -> list[Any]:
    """Payloads as plain JSON values, without the types that wrote them."""
    listed: list[Payload] = list(payloads)
    return list(
        pydantic_data_converter.payload_converter.from_payloads(listed, [Any] * len(listed))
    )


def _span(written: Duration) -> timedelta | None:
    span: timedelta = written.ToTimedelta()
    return span or None


def _brief(value: Any) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 120 else text[:119] + "…"
