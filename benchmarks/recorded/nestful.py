"""NESTFUL: gold plans over real HTTP interfaces, with references into the fields of outputs.

A file whose entries have `output_parameters` describes tools, one whose entries have an `output`
holds plans. A call's `label` names its result; `$label.field.list[0]$` as a whole argument refers
to one of an earlier call; a `$…$` within a longer text is a formula for somebody else to compute,
and text to us. `var_result` is no tool but the plan's answer, and takes anything.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.recorded.case import (
    ANYTHING,
    DANGLING,
    FORWARD,
    MISSING,
    MISTYPED,
    SELF,
    UNKNOWN,
    UNKNOWN_TOOL,
    Call,
    Case,
    Json,
    Tool,
    json_type,
    object_of,
    reference,
    step,
    takes,
)

_ANSWER = "var_result"
_REFERENCE = re.compile(r"\$(\w+)((?:\.[^.$\[\]]+|\[\d{1,9}\])*)\$")
_PART = re.compile(r"\.([^.$\[\]]+)|\[(\d+)\]")
_TYPES = {
    "string": "string",
    "number": "number",
    "float": "number",
    "integer": "integer",
    "boolean": "boolean",
    "object": "object",
    "array": "array",
}
_TAKEN = ("query_parameters", "path_parameters", "body_parameters")


def read(files: list[Path]) -> Iterator[Case]:
    entries = {path: json.loads(path.read_text()) for path in files}
    described = [one for found in entries.values() for one in found if "output_parameters" in one]
    if not described:
        raise ValueError("no file describes tools")
    specs = {one["name"]: one for one in described}
    tools = (*map(_tool, described), Tool(_ANSWER, {"type": "object"}))
    for path, found in entries.items():
        for number, entry in enumerate(found):
            if "output" not in entry:
                continue
            yield Case(
                id=f"{path.name}:{number}",
                toolbox="",
                tools=tools,
                calls=tuple(_calls(entry["output"])),
                scanned=frozenset(scan(entry["output"], specs)),
            )


def type_of(declared: Any) -> str:
    """A type as written by many hands; anything where it is a sentence, or no description."""
    if not isinstance(declared, dict):
        return "any"
    return _TYPES.get(str(declared.get("type", "")).strip().lower(), "any")


def parameters(spec: Json) -> Json:
    return {name: said for word in _TAKEN for name, said in (spec.get(word) or {}).items()}


# In the data.


def scan(plan: list[Json], specs: dict[str, Json]) -> Iterator[str]:
    labels = [call.get("label") for call in plan]
    for position, call in enumerate(plan):
        known = call["name"] in specs
        if not known and call["name"] != _ANSWER:
            yield UNKNOWN_TOOL
        wanted = parameters(specs[call["name"]]) if known else {}
        if known and any(
            said.get("required") is True and name not in call["arguments"]
            for name, said in wanted.items()
        ):
            yield MISSING
        for name, value in call["arguments"].items():
            match = _REFERENCE.fullmatch(value) if isinstance(value, str) else None
            if known and name not in wanted:
                yield UNKNOWN
            type_ = type_of(wanted[name]) if known and name in wanted else "any"
            if match is None:
                if not takes(type_, json_type(value)):
                    yield MISTYPED
                continue
            if match[1] not in labels:
                yield DANGLING
                continue
            source = labels.index(match[1])
            if source == position:
                yield SELF
            elif source > position:
                yield FORWARD
            producer = specs.get(plan[source]["name"])
            if producer is None or (known and name not in wanted):
                continue
            if known or call["name"] == _ANSWER:
                given = _followed(producer["output_parameters"], match[2])
                if given is None:
                    yield DANGLING
                elif given != "any" and not takes(type_, given):
                    yield MISTYPED


def _followed(outputs: Json, path: str) -> str | None:
    """The type at a path, None where there is nothing."""
    here: Json = {"type": "object", "properties": outputs}
    for name, index in _PART.findall(path):
        type_ = type_of(here)
        fields = here.get("properties")
        if name and type_ in {"object", "any"} and isinstance(fields, dict) and fields:
            if name not in fields:
                return None
            here = fields[name]
        elif name and type_ in {"object", "any"}:
            return "any"
        elif index and type_ in {"array", "any"}:
            here = here.get("items") or {}
        else:
            return None
    return type_of(here)


# In our words.


def _tool(spec: Json) -> Tool:
    taken = parameters(spec)
    required = [name for name, said in taken.items() if said.get("required") is True]
    return Tool(
        spec["name"],
        object_of({name: _schema(said) for name, said in taken.items()}, required, closed=True),
        _schema({"type": "object", "properties": spec["output_parameters"]}),
    )


def _schema(said: Any) -> Json:
    type_ = type_of(said)
    found: Json = dict(ANYTHING) if type_ == "any" else {"type": type_}
    if not isinstance(said, dict):
        return found
    if isinstance(said.get("properties"), dict):
        found["properties"] = {name: _schema(one) for name, one in said["properties"].items()}
    if isinstance(said.get("items"), dict):
        found["items"] = _schema(said["items"])
    return found


def _calls(plan: list[Json]) -> Iterator[Call]:
    labels = {
        call["label"]: number for number, call in reversed([*enumerate(plan)]) if "label" in call
    }
    for position, call in enumerate(plan):
        args = {
            name: _argument(value, labels, len(plan)) for name, value in call["arguments"].items()
        }
        yield Call(call["name"], args, (step(position - 1),) if position else ())


def _argument(value: Any, labels: dict[str, int], end: int) -> Any:
    match = _REFERENCE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return value
    # Of a label that nobody has: the step after the last.
    path = [name or int(index) for name, index in _PART.findall(match[2])]
    return reference(labels.get(match[1], end), path)
