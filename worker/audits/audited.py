"""Tells what a run came to: who wanted it, what was called with what, who said yes, what it cost.

From the history and its events, and from stored values as far as they are there: of arguments that
hold references the values are put in, and it is said whether they are the very ones that policy
was asked about.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from pydantic import JsonValue
from temporalio.client import WorkflowHistory

from activities.store import Store, load
from lockstep.amount import Amount
from lockstep.asked import AnswerRefused, QuestionAnswered, QuestionAsked, QuestionExpired
from lockstep.audited import AnswerTold, Audited, CallTold
from lockstep.canonical import Digest, digest
from lockstep.contents import Look
from lockstep.decision import Decision, StandingGrant
from lockstep.errors import LockstepError
from lockstep.event import RunCompleted, RunFailed, RunRefused, RunStarted, RunVerified
from lockstep.finding import Finding
from lockstep.loading import parse_json
from lockstep.lock import Lock
from lockstep.outcome import Completed, Dispatch, Signalled, Unfit, Withheld
from lockstep.reference import Unresolved
from lockstep.shown import shown
from lockstep.stepped import StepAttempted, StepDecided, StepEdited, StepFailed, StepSkipped
from lockstep.value import Value
from policies.audits.trail import Leg, Trail
from policies.request import arguments
from worker.records.ending import ending, result_of
from worker.records.recorded import VERDICTS, given, recorded

_Sent = dict[str, tuple[Dispatch, object]]


@dataclass(frozen=True)
class _Kept:
    """Where values and pinned parts are looked for."""

    store: Store
    look: Look


def audited(history: WorkflowHistory, trail: Trail, store: Store, look: Look) -> Audited:
    """Everything but what speaks against it."""
    body = trail.locks[0].body if trail.locks else None
    began = next((e for e in trail.events if isinstance(e.what, RunStarted)), None)
    started = began.what if began is not None and isinstance(began.what, RunStarted) else None
    verified = next((e.what for e in trail.events if isinstance(e.what, RunVerified)), None)
    result = result_of(history)
    finding, ended = _why(trail), ending(history)
    closed = trail.events[-1] if trail.events else None
    if closed is not None and not isinstance(closed.what, RunCompleted | RunFailed | RunRefused):
        closed = None
    sent = _sent(history)
    return Audited(
        run=history.workflow_id,
        goal=body.goal if body else "",
        agent=body.agent if body else "",
        role=body.role if body else "",
        environment=body.environment if body else "",
        stage=body.stage if body else "",
        started_by=started.started_by if started else "",
        trigger=started.trigger if started else "",
        started_at=began.at if began else None,
        ended_at=closed.at if closed else _last(history) if ended else None,
        ended=result.status if result else ended or "",
        why=str(finding) if finding else "",
        build=verified.build if verified else "",
        engine=verified.grounds.engine if verified and verified.grounds else {},
        inputs=started.inputs if started else {},
        locks=tuple(lock.digest for lock in trail.locks),
        statements=tuple(one for lock in trail.locks[:1] for one in lock.statements),
        policy=body.pins.policy if body else {},
        mocked=tuple(started.mocked) if started else (),
        activities=sum(1 for _ in recorded(history.events)),
        calls=tuple(
            _call(leg, trail, sent.get(leg.label), _Kept(store, look)) for leg in trail.legs
        ),
        answers=tuple(_answers(trail)),
        refused=tuple(
            str(e.what.finding) for e in trail.events if isinstance(e.what, AnswerRefused)
        ),
        skipped=tuple(
            f"{e.what.step}: {e.what.because}"
            for e in trail.events
            if isinstance(e.what, StepSkipped)
        ),
        spent=result.spent if result else Amount(),
        limits=body.limits.amount if body else Amount(),
        planner_calls=result.planner_calls if result else 0,
        events=len(trail.events),
        head=trail.events[-1].digest if trail.events else None,
    )


def _last(history: WorkflowHistory) -> datetime | None:
    """When Temporal says that it ended a run which did not come to an end of its own."""
    try:
        return history.events[-1].event_time.ToDatetime(UTC)
    except (ValueError, OverflowError):
        return None


def _why(trail: Trail) -> Finding | None:
    """Why it did not come to its end."""
    last = trail.events[-1].what if trail.events else None
    match last:
        case RunFailed(finding=finding):
            return finding
        case RunRefused(findings=findings) if findings:
            return findings[0]
        case RunCompleted() | _:
            return None


def _sent(history: WorkflowHistory) -> _Sent:
    """Each dispatch and what came of it, by its activity's id."""
    found: _Sent = {}
    for scheduled, end in recorded(history.events):
        if not scheduled.activity_type.name.startswith(VERDICTS):
            with suppress(ValueError, LookupError, LockstepError):
                found[scheduled.activity_id] = (given(scheduled, Dispatch), end)
    return found


def _call(leg: Leg, trail: Trail, sent: tuple[Dispatch, object] | None, kept: _Kept) -> CallTold:
    decided = [one.what.decision for one in leg.events if isinstance(one.what, StepDecided)]
    made = decided[-1] if decided else None
    call, end = sent if sent is not None else (None, None)
    text, name = _arguments(call, end, made, leg.lock, kept)
    step = next((one for one in leg.lock.body.calls if one.id == leg.started.step), None)
    how, detail = _end(leg, end)
    return CallTold(
        step=leg.label,
        dispatch=leg.started.dispatch,
        at=leg.start.at,
        tool=leg.started.tool,
        effect=step.effect if step else "",
        reason=leg.started.reason,
        arguments=text,
        given=made is not None and name == made.args_digest,
        args_digest=made.args_digest if made else name,
        edited_by=_editor(leg, trail) if call is not None and call.edited is not None else "",
        outcome=made.outcome if made else None,
        why=made.why if made else "",
        rules=tuple(rule.id for rule in made.rules) if made else (),
        approved=tuple(_approved(made)) if made else (),
        end=how,
        detail=detail,
        mocked=bool(getattr(end, "mocked", False)),
        output=end.value.digest if isinstance(end, Completed) else None,
        attempts=sum(isinstance(one.what, StepAttempted) for one in leg.events),
    )


def _approved(made: Decision) -> Iterator[str]:
    for grant in made.grants:
        stands = ", standing" if isinstance(grant, StandingGrant) else ""
        yield f"{grant.rule} by {grant.by}{stands}"


def _end(leg: Leg, end: object) -> tuple[str, str]:
    failed = [one.what.finding for one in leg.events if isinstance(one.what, StepFailed)]
    detail = str(failed[-1]) if failed else ""
    match end:
        case Completed():
            return "completed", detail
        case Withheld(decision=decision, findings=findings):
            why = str(findings[0]) if findings else decision.why if decision else ""
            return "held back", why
        case Signalled(name=name, detail=said):
            return "signalled", f"{name}({said})"
        case Unfit(finding=finding):
            return "unfit output", str(finding)
        case _:
            return ("failed" if failed else "cut off"), detail


def _editor(leg: Leg, trail: Trail) -> str:
    """Who wrote the arguments last, before it was sent out."""
    mine = (leg.started.step, leg.started.item)
    before = (event.what for event in trail.events if event.seq < leg.start.seq)
    edits = (what for what in before if isinstance(what, StepEdited))
    return next((what.by for what in reversed([*edits]) if (what.step, what.item) == mine), "")


def _arguments(
    call: Dispatch | None, end: object, made: Decision | None, lock: Lock, kept: _Kept
) -> tuple[str, Digest | None]:
    """In words, and the digest of what is in them; None where references are still in it. With the
    defaults of the tool where that gives what policy was asked about.
    """
    if isinstance(end, Withheld) and end.args is not None:
        return end.shown, end.args.digest
    if call is None:
        return "", None
    try:
        schema = _schema(call.step.tool, lock, kept.look)
        args = arguments(call, schema, partial(_loaded, kept.store))
        whole = {**_defaults(schema), **args}
        args = whole if made is not None and digest(whole) == made.args_digest else args
        return shown(args), digest(args)
    except (LockstepError, Unresolved, ValueError, KeyError):
        return shown(call.edited if call.edited is not None else call.step.args), None


def _defaults(schema: dict[str, JsonValue]) -> dict[str, JsonValue]:
    properties = schema.get("properties")
    fields = properties.items() if isinstance(properties, dict) else ()
    return {
        name: field["default"]
        for name, field in fields
        if isinstance(field, dict) and "default" in field
    }


def _loaded(store: Store, value: Value) -> JsonValue:
    """What is small stands in the history."""
    return value.preview if value.preview is not None else load(store, value)


def _schema(tool: str, lock: Lock, look: Look) -> dict[str, JsonValue]:
    """Of the tool's input as it was pinned; an empty one says that nothing names a resource."""
    data = look(lock.body.pins.tools[tool])
    spec = parse_json(data, tool, canonical=True) if data is not None else None
    found = spec.get("input") if isinstance(spec, dict) else None
    return found if isinstance(found, dict) else {}


def _answers(trail: Trail) -> Iterator[AnswerTold]:
    asked = {
        event.what.question.id: (event, event.what.question)
        for event in trail.events
        if isinstance(event.what, QuestionAsked)
    }
    ends = {
        event.what.question: event
        for event in trail.events
        if isinstance(event.what, QuestionAnswered | QuestionExpired)
    }
    for id, (event, question) in asked.items():
        told = AnswerTold(
            question=id,
            step=question.step,
            asked_at=event.at,
            why=question.why,
            shown=question.shown,
            args_digest=question.args.digest,
            roles=question.roles,
            end="withdrawn",
        )
        end = ends.get(id)
        match end.what if end else None:
            case QuestionAnswered(verdict=verdict, by=by, door=door, note=note):
                update = {"end": verdict, "by": by, "door": door, "note": note}
                yield told.model_copy(update={**update, "at": end.at if end else None})
            case QuestionExpired():
                yield told.model_copy(update={"end": "expired", "at": end.at if end else None})
            case _:
                yield told
