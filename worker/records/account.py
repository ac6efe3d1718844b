"""The whole account of one step of a run.

Read from the history alone, so that it says what was and not what the agent's files say today.
Where an argument came from is what the step was sent out with; where it was never sent out, what
its lock says of it.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from temporalio.client import WorkflowHistory

from lockstep.action import Actions
from lockstep.asked import AnswerRefused, QuestionAnswered, QuestionAsked, QuestionExpired
from lockstep.canonical import Digest
from lockstep.decision import Decision, Grounds, Outcome, Principal
from lockstep.errors import LockstepError
from lockstep.event import Event, PreflightChecked, RunStarted, RunVerified, step_of
from lockstep.fork import Carried, RunForked
from lockstep.lock import Body, Lock, LockedStep
from lockstep.names import ErrorName
from lockstep.outcome import Dispatch
from lockstep.provenance import Provenance
from lockstep.record import Record
from lockstep.stepped import (
    StepBlocked,
    StepCompleted,
    StepCounted,
    StepDecided,
    StepFailed,
    StepGathered,
    StepRecovering,
    StepReplaced,
    StepSkipped,
    StepStarted,
)
from lockstep.submission import is_about_plan
from policies.checks.misfit import did_you_mean
from worker.records.locks import locks_of
from worker.records.origins import Argument, labelled, origins, sent_out

End = Literal[
    "completed", "carried", "failed", "given up", "skipped", "asking", "running", "not started"
]


class Part(Record):
    """One item of a loop, in brief; `why` is of its last decision."""

    item: int
    end: End
    dispatches: int
    outcome: Outcome | None
    why: str


class Account(Record):
    """One step of a run, or one item of a loop; of a loop as a whole `parts` tell its items
    apart. `errors` are what is done about those of its tool. `grounds` are all that its decisions
    were made from, found by digest; `rules` the digests of the plan rules that its lock was checked
    with.
    """

    run: str
    step: LockedStep
    principal: Principal
    environment: str
    stage: str
    item: int | None = None
    parts: tuple[Part, ...] = ()
    errors: dict[ErrorName, Actions] = {}
    arguments: tuple[Argument, ...]
    provenance: Provenance
    decisions: tuple[Decision, ...]
    grounds: tuple[Grounds, ...]
    rules: dict[str, Digest]
    blocked: StepBlocked | None
    end: End
    events: tuple[Event, ...]


def account(history: WorkflowHistory, events: Iterable[Event], step: str) -> Account:
    """What a run's history says of a step, or of one item of a loop (`drain[3]`); LS-CLI-001 for
    one that its lock does not have.
    """
    id, item = _named(step)
    everything = list(events)
    locks = locks_of(history, everything)
    names = {one.id: None for lock in locks for one in lock.body.calls}
    run = f"run `{history.workflow_id}`"
    if id not in names:
        raise stranger(run, id, names)
    sent = sent_out(history, id, item)
    lock = _lock_for(id, sent, locks)
    steps = {one.id: one for one in lock.body.calls}
    found = steps[id]
    whole = tuple(event for event in everything if _is_about(event, id))
    if item is not None and not any(_item_of(event) == item for event in whole):
        raise _no_item(run, found, item, whole)
    about = whole if item is None else tuple(one for one in whole if _is_about_item(one, id, item))
    if sent is not None and item is None and found.for_each is not None:
        # What a human wrote for one item is not what the loop was sent out with.
        sent = sent.model_copy(update={"edited": None, "item": None})
    blocked = [event.what for event in about if isinstance(event.what, StepBlocked)]
    decisions = tuple(event.what.decision for event in about if isinstance(event.what, StepDecided))
    told = decisions[-1].provenance if decisions else found.provenance
    return Account(
        run=history.workflow_id,
        step=found,
        principal=_principal(lock.body, everything),
        environment=lock.body.environment,
        stage=lock.body.stage,
        grounds=tuple(_grounds(everything, id)),
        rules={
            name: pin for name, pin in lock.body.pins.policy.items() if name.startswith("rules.")
        },
        item=item,
        errors=lock.body.recoveries.get(found.tool, {}),
        parts=tuple(_parts(whole, id)) if item is None and found.for_each else (),
        arguments=tuple(labelled(origins(found, sent, everything, about), told, steps)),
        provenance=told,
        decisions=decisions,
        blocked=blocked[-1] if blocked else None,
        end=_end(about, id, item),
        events=about,
    )


def _lock_for(id: str, sent: Dispatch | None, locks: Sequence[Lock]) -> Lock:
    """The lock by which a step was run, or is to be: later ones hold what is over as well."""
    having = [one for one in locks if any(step.id == id for step in one.body.calls)]
    by = [one for one in having if sent is not None and one.digest == sent.run.lock]
    return (by or having)[-1]


def _principal(body: Body, events: Iterable[Event]) -> Principal:
    """Who acted, as policy was told."""
    began = next((event.what for event in events if isinstance(event.what, RunStarted)), None)
    return Principal.model_validate(
        {
            "agent": body.agent,
            "role": body.role,
            "started_by": began.started_by if began else "nobody knows",
            "trigger": began.trigger if began else "person",
        }
    )


def _grounds(events: Iterable[Event], step: str) -> Iterator[Grounds]:
    """Those that the run was verified on, and others that a decision on the step was made on."""
    seen: set[str] = set()
    for event in events:
        match event.what:
            case RunVerified(grounds=found):
                pass
            case StepDecided(step=id, grounds=found) if id == step:
                pass
            case _:
                continue
        if found is not None and found.digest not in seen:
            seen.add(found.digest)
            yield found


_ITEM = re.compile(r"(.+)\[(0|[1-9][0-9]{0,5})\]")


def _named(step: str) -> tuple[str, int | None]:
    """A step's id, and of `drain[3]` the item."""
    found = _ITEM.fullmatch(step)
    return (step, None) if found is None else (found[1], int(found[2]))


def _parts(whole: tuple[Event, ...], id: str) -> Iterator[Part]:
    for item in sorted({one for one in map(_item_of, whole) if one is not None}):
        about = tuple(event for event in whole if _is_about_item(event, id, item))
        made = [event.what.decision for event in about if isinstance(event.what, StepDecided)]
        yield Part(
            item=item,
            end=_end(about, id, item),
            dispatches=sum(isinstance(event.what, StepStarted) for event in about),
            outcome=made[-1].outcome if made else None,
            why=made[-1].told if made else "",
        )


def _no_item(run: str, step: LockedStep, item: int, whole: tuple[Event, ...]) -> LockstepError:
    counted = [event.what.items for event in whole if isinstance(event.what, StepCounted)]
    if step.for_each is None:
        problem, fix = "is no loop", f"write `{step.id}`"
    elif not counted:
        problem, fix = "has not come to its items", f"write `{step.id}`"
    else:
        known = f"its list has {counted[-1]}, from 0"
        problem, fix = (
            f"did nothing for item {item} ({known})",
            f"write `{step.id}` for all of them",
        )
    return LockstepError.of("LS-CLI-001", f"{run} step `{step.id}`", problem, fix)


def stranger(where: str, step: str, known: Iterable[str]) -> LockstepError:
    """What is said of a step that is not there."""
    names = list(known)
    there = ", ".join(f"`{name}`" for name in names[:12]) or "none"
    return LockstepError.of(
        "LS-CLI-001",
        where,
        f"has no step `{step[:80]}`",
        did_you_mean(step, names) or f"name one of its steps: {there}",
    )


def is_place_of(place: str, step: str) -> bool:
    """Whether a finding of this place is about the step."""
    return place.partition(" /")[0] == f"step `{step}`"


def _is_about(event: Event, step: str) -> bool:
    match event.what:
        case QuestionAsked(question=question):
            return question.step == step and not is_about_plan(question.id)
        case QuestionAnswered(question=id) | QuestionExpired(question=id) if is_about_plan(id):
            return False
        case RunForked(carried=carried, again=again, keys=keys):
            return step in {*again, *keys} or any(one.step == step for one in carried)
        case AnswerRefused(finding=finding):
            marks = (f"`{step}.", f"`{step}[")
            return any(mark in finding.place for mark in marks) or is_place_of(finding.place, step)
        case what:
            return step_of(what) == step


def _item_of(event: Event) -> int | None:
    """Which item of a loop this is about; None for what is about all of them."""
    match event.what:
        case QuestionAsked(question=question):
            return _named(question.label)[1]
        case QuestionAnswered(question=id) | QuestionExpired(question=id):
            return _named(id.rpartition(".")[0])[1]
        case what:
            return getattr(what, "item", None)


def _is_about_item(event: Event, step: str, item: int) -> bool:
    """Whether something that is about a loop is about this item, or about all."""
    if isinstance(event.what, AnswerRefused):
        return f"`{step}[{item}]." in event.what.finding.place
    if isinstance(event.what, StepGathered):
        # By then the item was over.
        return False
    return _item_of(event) in (None, item)


def _carried(one: Carried | None) -> End:
    if one is None or one.items:
        return "not started"
    return "skipped" if one.value is None else "carried"


def _end(about: tuple[Event, ...], step: str, asked: int | None = None) -> End:
    """How it ended; `asked` is the item of a loop that is asked about, if it is one."""
    for event in reversed(about):
        match event.what:
            case StepCompleted(item=int()) | StepReplaced(item=int()) if asked is None:
                # One of several; the loop is done when they are gathered.
                return "running"
            case StepCompleted() | StepGathered() | StepReplaced():
                return "completed"
            case RunForked(carried=carried):
                return _carried(next((one for one in carried if one.step == step), None))
            case StepFailed() | PreflightChecked(holds=False):
                return "failed"
            case StepSkipped():
                return "skipped"
            case QuestionAsked():
                return "asking"
            case StepRecovering(action="replan"):
                return "given up"
            case StepStarted() | StepRecovering():
                return "running"
            case _:
                continue
    return "not started"
