"""The whole account of one step: of a run, or of every proposal of a planning.

Read from the history alone, so that it says what was and not what the agent's files say today.
Where an argument came from is what the step was sent out with; where it was never sent out, what
its lock says of it.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from pydantic import JsonValue
from temporalio.client import WorkflowHistory

from activities.contract import Proposal
from lockstep.checked import Checked
from lockstep.decision import Decision
from lockstep.errors import LockstepError
from lockstep.event import (
    AnswerRefused,
    Event,
    QuestionAsked,
    RunStarted,
    StepBlocked,
    StepCompleted,
    StepDecided,
    StepEdited,
    StepFailed,
    StepGathered,
    StepReplaced,
    StepSkipped,
    StepStarted,
)
from lockstep.finding import Finding
from lockstep.loading import shaped
from lockstep.lock import LockedToolStep
from lockstep.outcome import Dispatch
from lockstep.plan import Plan, Step
from lockstep.provenance import Provenance
from lockstep.record import Record
from lockstep.reference import Malformed, Reference, Unresolved, references, resolve
from lockstep.shown import shown
from lockstep.value import Value
from policies.misfit import did_you_mean
from worker.recorded import VERDICTS, json_of, recorded
from worker.runs import lock_of

End = Literal["completed", "failed", "skipped", "asking", "running", "not started"]


class Argument(Record):
    """Where one argument, or a part of one, came from; `text` is its value as far as it is known.

    `digest` is of the output that a reference leads into, `tool` what gave it. `untrusted` where
    policy was told that it may not be believed, or something in it.
    """

    at: str
    source: Literal["plan", "step", "input", "run", "item", "human"]
    name: str = ""
    text: str = ""
    digest: str = ""
    size: int = 0
    tool: str = ""
    untrusted: bool = False


class Account(Record):
    """One step of a run."""

    run: str
    step: LockedToolStep
    arguments: tuple[Argument, ...]
    provenance: Provenance
    decisions: tuple[Decision, ...]
    blocked: StepBlocked | None
    end: End
    events: tuple[Event, ...]


@dataclass(frozen=True)
class Considered:
    """One proposal of a planning, and what was found about one of its steps; None where it has no
    such step.
    """

    number: int
    passed: bool
    step: Step | None
    arguments: tuple[Argument, ...]
    decision: Decision | None
    findings: tuple[Finding, ...]


def account(history: WorkflowHistory, events: Iterable[Event], step: str) -> Account:
    """What a run's history says of a step; LS-CLI-001 for one that its lock does not have."""
    lock = lock_of(history)
    steps = {} if lock is None else {one.id: one for one in lock.steps}
    if step not in steps:
        raise _stranger(f"run `{history.workflow_id}`", step, steps)
    everything = list(events)
    about = tuple(event for event in everything if _is_about(event, step))
    blocked = [event.what for event in about if isinstance(event.what, StepBlocked)]
    decisions = tuple(event.what.decision for event in about if isinstance(event.what, StepDecided))
    told = decisions[-1].provenance if decisions else steps[step].provenance
    arguments = _arguments(steps[step], _sent(history, step), everything)
    return Account(
        run=history.workflow_id,
        step=steps[step],
        arguments=tuple(_labelled(arguments, told, steps)),
        provenance=told,
        decisions=decisions,
        blocked=blocked[-1] if blocked else None,
        end=_end(about),
        events=about,
    )


def considered(history: WorkflowHistory, step: str) -> list[Considered]:
    """What each proposal of a planning made of a step; LS-CLI-001 where none has it."""
    found: list[Considered] = []
    names: dict[str, None] = {}
    checks = [(asked, end) for asked, end in recorded(history.events) if isinstance(end, Checked)]
    for number, (asked, end) in enumerate(checks, start=1):
        plan = _plan(Proposal.model_validate(json_of(asked.input.payloads)[0]).plan)
        steps = {one.id: one for one in plan.steps} if plan else {}
        names |= dict.fromkeys(steps)
        decided = {one.step: one for one in end.decisions}
        about = tuple(one for one in end.findings if _place_is(one.place, step))
        mine = steps.get(step)
        made = decided.get(step)
        told = made.provenance if made else Provenance()
        arguments = tuple(_labelled(_arguments(mine, None, []), told, steps)) if mine else ()
        found.append(Considered(number, end.passed, mine, arguments, made, about))
    if step not in names:
        raise _stranger(f"planning `{history.workflow_id}`", step, names)
    return found


def _labelled(
    arguments: Iterable[Argument], told: Provenance, steps: Mapping[str, Step | LockedToolStep]
) -> Iterator[Argument]:
    """The arguments with what policy was told of them, and with the tools that gave them."""
    for one in arguments:
        source = steps.get(one.name.partition("/")[0]) if one.source == "step" else None
        doubted = any(f"{at}/".startswith(f"{one.at}/") for at in told.untrusted)
        yield one.model_copy(update={"tool": source.tool if source else "", "untrusted": doubted})


def _plan(proposed: JsonValue) -> Plan | None:
    try:
        return shaped(Plan, proposed, "plan")
    except LockstepError:
        return None


def _stranger(where: str, step: str, known: Iterable[str]) -> LockstepError:
    names = list(known)
    there = ", ".join(f"`{name}`" for name in names[:12]) or "none"
    return LockstepError.of(
        "LS-CLI-001",
        where,
        f"has no step `{step[:80]}`",
        did_you_mean(step, names) or f"name one of its steps: {there}",
    )


def _is_about(event: Event, step: str) -> bool:
    match event.what:
        case QuestionAsked(question=question):
            return question.step == step
        case AnswerRefused(finding=finding):
            return f"`{step}." in finding.place or _place_is(finding.place, step)
        case what:
            return getattr(what, "step", None) == step


def _place_is(place: str, step: str) -> bool:
    return place.partition(" /")[0] == f"step `{step}`"


def _end(about: tuple[Event, ...]) -> End:
    for event in reversed(about):
        match event.what:
            case StepCompleted(item=item) if item is not None:
                # One of several; the loop is done when they are gathered.
                return "running"
            case StepCompleted() | StepGathered() | StepReplaced():
                return "completed"
            case StepFailed():
                return "failed"
            case StepSkipped():
                return "skipped"
            case QuestionAsked():
                return "asking"
            case StepStarted():
                return "running"
            case _:
                continue
    return "not started"


def _sent(history: WorkflowHistory, step: str) -> Dispatch | None:
    """What the step was last sent out with."""
    last: Dispatch | None = None
    for scheduled, _ in recorded(history.events):
        # Sent out again its id is `STEP.2`, and `STEP[0]` for an item of a loop; verdicts on a step
        # are activities of our own.
        mine = scheduled.activity_id.partition(".")[0].partition("[")[0] == step
        if mine and not scheduled.activity_type.name.startswith(VERDICTS):
            with suppress(ValueError, LookupError):
                last = Dispatch.model_validate(json_of(scheduled.input.payloads)[0])
    return last


def _arguments(
    step: LockedToolStep | Step, sent: Dispatch | None, events: list[Event]
) -> Iterator[Argument]:
    if sent is not None and sent.edited is not None:
        by = [
            e.what.by for e in events if isinstance(e.what, StepEdited) and e.what.step == step.id
        ]
        for name, value in sent.edited.items():
            yield Argument(
                at=f"/{name}", source="human", name=by[-1] if by else "", text=_text(value)
            )
        return
    known = _Known.of(sent, events)
    for name, value in step.args.items():
        inside = list(references(value, (name,)))
        if not inside:
            yield Argument(at=f"/{name}", source="plan", text=_text(value))
        for at, reference in inside:
            if not isinstance(reference, Malformed):
                yield known.argument(at, reference)


@dataclass(frozen=True)
class _Known:
    """What references can lead to, as far as the history has it."""

    values: Mapping[str, Value]
    inputs: Mapping[str, JsonValue]
    run: Mapping[str, JsonValue]

    @classmethod
    def of(cls, sent: Dispatch | None, events: list[Event]) -> "_Known":
        given = (StepCompleted, StepGathered, StepReplaced)
        values = {e.what.step: e.what.value for e in events if isinstance(e.what, given)}
        if sent is not None:
            facts: dict[str, JsonValue] = {
                "scheduled_at": sent.run.scheduled_at.isoformat(),
                "id": sent.run.id,
            }
            return cls({**sent.values, **values}, sent.run.inputs, facts)
        for event in events:
            if isinstance(event.what, RunStarted):
                started = event.what
                return cls(
                    values,
                    started.inputs,
                    {"scheduled_at": started.scheduled_at.isoformat(), "id": started.run},
                )
        return cls(values, {}, {})

    def argument(self, at: str, reference: Reference) -> Argument:
        match reference.source:
            case "$from":
                name = f"{reference.step}{reference.path}"
                value = self.values.get(reference.step)
                if value is None:
                    return Argument(at=at, source="step", name=name)
                text = self._resolved(reference) if value.preview is not None else ""
                return Argument(
                    at=at,
                    source="step",
                    name=name,
                    text=text,
                    digest=value.digest,
                    size=value.size,
                )
            case "$input":
                return Argument(
                    at=at, source="input", name=reference.path, text=self._resolved(reference)
                )
            case "$run":
                return Argument(
                    at=at, source="run", name=reference.path, text=self._resolved(reference)
                )
            case "$item":
                # Each call of a loop has its own.
                return Argument(at=at, source="item", name=reference.path)

    def _resolved(self, reference: Reference) -> str:
        written: dict[str, JsonValue] = {reference.source: reference.path}
        if reference.source == "$from":
            written = {"$from": reference.step, "path": reference.path}
        outputs = {step: value.preview for step, value in self.values.items()}
        with suppress(Unresolved):
            found = resolve(written, outputs=outputs, inputs=self.inputs, run=self.run)
            return _text(found)
        return ""


def _text(value: JsonValue) -> str:
    """A value in few words: what is large by its size."""
    return shown({"": value}).removeprefix("=")
