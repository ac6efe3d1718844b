"""A mock made from a run: for each tool, what it answered then.

Arguments and outputs are those of the run, read from its history and its values, and nothing is
rounded, shortened or made up. Of two answers to the same arguments the first counts, as in every
mock; that they were not the same is said.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from pydantic import JsonValue
from temporalio.client import WorkflowHistory

from activities.store import Store, load
from lockstep.canonical import canonical, digest
from lockstep.errors import LockstepError
from lockstep.outcome import Completed, Dispatch, Signalled
from lockstep.reference import Reference, Unresolved, references
from lockstep.tool import Tool
from policies.request import arguments
from worker.records.recorded import VERDICTS, json_of, recorded

LARGE = 2048
"""Bytes of an output that gets a file of its own."""


@dataclass
class Tape:
    """The files of one run's mocks, by name, and what could not be taken down."""

    files: dict[str, str] = field(default_factory=dict)
    tools: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def taped(history: WorkflowHistory, store: Store, code: Mapping[str, Tool], folder: str) -> Tape:
    """What the tools of a run answered, as mocks; `folder` is where the files will lie, named from
    the agent package.
    """
    tape, answers = Tape(), dict[str, dict[str, dict[str, Any]]]()
    for call, end in _calls(history):
        try:
            args = _given(call, store, code)
            answer = _answer(end, store)
        except (LockstepError, Unresolved, ValueError) as error:
            tape.notes.append(f"`{call.label}` was left out: {error}")
            continue
        known = answers.setdefault(call.step.tool, {})
        first = known.setdefault(digest(args), {"when": args, **answer})
        if canonical({"when": args, **answer}) != canonical(first):
            tape.notes.append(f"`{call.label}` was answered otherwise before; that answer counts")
    for tool, found in sorted(answers.items()):
        listed = [_filed(tape, folder, f"{tool}-{n}", one) for n, one in enumerate(found.values())]
        if not listed[0]["when"] and len(listed) > 1:
            # An answer that fits always has to be the last.
            listed.append(listed.pop(0))
        tape.tools[tool] = f"{folder}/{tool}.json"
        tape.files[f"{tool}.json"] = _text({"lockstep": "mock/1", "answers": listed})
    return tape


def _calls(history: WorkflowHistory) -> Iterator[tuple[Dispatch, Completed | Signalled]]:
    for scheduled, end in recorded(history.events):
        ours = scheduled.activity_type.name.startswith(VERDICTS)
        if not ours and isinstance(end, Completed | Signalled):
            yield Dispatch.model_validate(json_of(scheduled.input.payloads)[0]), end


def _given(call: Dispatch, store: Store, code: Mapping[str, Tool]) -> dict[str, JsonValue]:
    """What the tool was given: as it saw it, where its model is here to say. Without what only that
    run could give, its time and its id: no other run would ever fit.
    """
    tool = code.get(call.step.tool)
    args = arguments(call, tool.spec.input if tool else {}, partial(load, store))
    seen = tool.accept(args)[1] if tool else args
    if call.edited is not None or call.approved is not None:
        return seen
    return {name: value for name, value in seen.items() if not _of_run(call.step.args.get(name))}


def _of_run(written: JsonValue) -> bool:
    """Whether a part of an argument came from the run itself."""
    found = (one for _, one in references(written))
    return any(isinstance(one, Reference) and one.source == "$run" for one in found)


def _answer(end: Completed | Signalled, store: Store) -> dict[str, Any]:
    if isinstance(end, Completed):
        return {"output": load(store, end.value)}
    return {"signal": {"name": end.name, "detail": end.detail[:1000], "data": end.data}}


def _filed(tape: Tape, folder: str, name: str, answer: dict[str, Any]) -> dict[str, Any]:
    """The answer; with a large output in a file of its own."""
    if "output" not in answer or len(canonical(answer["output"])) <= LARGE:
        return answer
    tape.files[f"{name}.json"] = _text(answer["output"])
    return {"when": answer["when"], "output_file": f"{folder}/{name}.json"}


def _text(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
