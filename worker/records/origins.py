"""Where each argument of a step came from, as far as a history has it.

A reference is followed into what the step was sent out with, and into the outputs that are small
enough to stand in the history in full; of the others their digests are told.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Literal

from pydantic import JsonValue
from temporalio.client import WorkflowHistory

from lockstep.event import Event, RunStarted
from lockstep.fork import RunForked
from lockstep.lock import LockedStep
from lockstep.loop import label
from lockstep.outcome import Dispatch
from lockstep.plan import Step
from lockstep.provenance import Provenance
from lockstep.record import Record
from lockstep.reference import Malformed, Reference, Unresolved, references, resolve
from lockstep.shown import shown
from lockstep.stepped import StepCompleted, StepEdited, StepGathered, StepRecovering, StepReplaced
from lockstep.value import Value
from worker.records.recorded import VERDICTS, json_of, recorded


class Argument(Record):
    """Where one argument, or a part of one, came from; `text` is its value as far as it is known.

    `digest` is of the output that a reference leads into, `tool` what gave it. `untrusted` where
    policy was told that it may not be believed, or something in it.
    """

    at: str
    source: Literal["plan", "step", "input", "run", "item", "human", "catalogue"]
    name: str = ""
    text: str = ""
    digest: str = ""
    size: int = 0
    tool: str = ""
    untrusted: bool = False


def sent_out(history: WorkflowHistory, step: str, item: int | None) -> Dispatch | None:
    """What the step, or the item, was last sent out with."""
    last: Dispatch | None = None
    for scheduled, _ in recorded(history.events):
        # Sent out again its id is `STEP.2`, and `STEP[0]` for an item of a loop; verdicts on a step
        # are activities of our own.
        name = scheduled.activity_id.partition(".")[0]
        mine = name.partition("[")[0] == step if item is None else name == label(step, item)
        if mine and not scheduled.activity_type.name.startswith(VERDICTS):
            with suppress(ValueError, LookupError):
                last = Dispatch.model_validate(json_of(scheduled.input.payloads)[0])
    return last


def origins(
    step: LockedStep | Step,
    sent: Dispatch | None,
    events: list[Event],
    about: tuple[Event, ...] = (),
) -> Iterator[Argument]:
    """Each argument, or part of one; `about` are the events of this step, or of one item of it."""
    if sent is not None and sent.edited is not None:
        by = [event.what.by for event in about if isinstance(event.what, StepEdited)]
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
    for event in about:
        if isinstance(event.what, StepRecovering):
            for one in event.what.changes:
                yield Argument(at=one.at, source="catalogue", name=event.what.error, text=one.now)


def labelled(
    arguments: Iterable[Argument], told: Provenance, steps: Mapping[str, Step | LockedStep]
) -> Iterator[Argument]:
    """The arguments with what policy was told of them, and with the tools that gave them."""
    for one in arguments:
        source = steps.get(one.name.partition("/")[0]) if one.source == "step" else None
        doubted = any(f"{at}/".startswith(f"{one.at}/") for at in told.untrusted)
        yield one.model_copy(update={"tool": source.tool if source else "", "untrusted": doubted})


@dataclass(frozen=True)
class _Known:
    """What references can lead to, as far as the history has it."""

    values: Mapping[str, Value]
    inputs: Mapping[str, JsonValue]
    run: Mapping[str, JsonValue]
    item: tuple[JsonValue, ...] = ()

    @classmethod
    def of(cls, sent: Dispatch | None, events: list[Event]) -> "_Known":
        given = (StepCompleted, StepGathered, StepReplaced)
        values = {
            one.step: one.value
            for event in events
            if isinstance(event.what, RunForked)
            for one in event.what.carried
            if one.value is not None
        }
        values |= {e.what.step: e.what.value for e in events if isinstance(e.what, given)}
        if sent is not None:
            facts: dict[str, JsonValue] = {
                "scheduled_at": sent.run.scheduled_at.isoformat(),
                "id": sent.run.id,
            }
            known = cls({**sent.values, **values}, sent.run.inputs, facts)
            return replace(known, item=known.nth(sent))
        for event in events:
            if isinstance(event.what, RunStarted):
                started = event.what
                return cls(
                    values,
                    started.inputs,
                    {"scheduled_at": started.scheduled_at.isoformat(), "id": started.run},
                )
        return cls(values, {}, {})

    def nth(self, sent: Dispatch) -> tuple[JsonValue, ...]:
        """The item that a call of a loop was about, where its list is in the history."""
        if sent.step.for_each is None or sent.item is None:
            return ()
        with suppress(Unresolved):
            found = self._brought(sent.step.for_each.in_)
            if isinstance(found, list) and sent.item < len(found):
                return (found[sent.item],)
        return ()

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
                text = self._resolved(reference)
                return Argument(at=at, source="item", name=reference.path, text=text)

    def _resolved(self, reference: Reference) -> str:
        written: dict[str, JsonValue] = {reference.source: reference.path}
        if reference.source == "$from":
            written = {"$from": reference.step, "path": reference.path}
        with suppress(Unresolved):
            return _text(self._brought(written))
        return ""

    def _brought(self, written: JsonValue) -> JsonValue:
        """What is kept in the history of what a reference brings."""
        outputs = {step: value.preview for step, value in self.values.items()}
        found: JsonValue = resolve(
            written, outputs=outputs, inputs=self.inputs, run=self.run, item=self.item
        )
        return found


def _text(value: JsonValue) -> str:
    """A value in few words: what is large by its size."""
    return shown({"": value}).removeprefix("=")
