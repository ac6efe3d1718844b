"""BFCL: function calls of many models, each with the benchmark's own verdict.

One file has the prompts with their functions, a line each with a `function`; another the answers,
`[model, prompt, answer, verdict]` a line, where no verdict means that the call was right. Providers
allow no dots in names, so their models write `_` for them. What holds no call at all is no plan.
Enumerations and bounds are left out of both readings: to the benchmark they are values, not types.
"""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.recorded.case import (
    ANYTHING,
    MISSING,
    MISTYPED,
    UNKNOWN,
    UNKNOWN_TOOL,
    Call,
    Case,
    Json,
    Tool,
    json_type,
    lines,
    object_of,
    takes,
)

_TYPES = {
    "string": "string",
    "integer": "integer",
    "float": "number",
    "number": "number",
    "boolean": "boolean",
    "dict": "object",
    "object": "object",
    "array": "array",
    "tuple": "array",
    "list": "array",
}


def read(files: list[Path]) -> Iterator[Case]:
    rows = [json.loads(line) for path in files for _, line in lines(_text(path))]
    functions: dict[str, list[Json]] = {}
    for row in rows:
        if isinstance(row, dict):
            found = row["function"]
            functions[row["id"]] = found if isinstance(found, list) else [found]
    tools = {prompt: tuple(map(_tool, found)) for prompt, found in functions.items()}
    # Prompt by prompt, since those of one share a world.
    answers = sorted(
        (row for row in rows if isinstance(row, list)), key=lambda row: (row[1], row[0])
    )
    for model, prompt, answer, verdict in answers:
        calls = _answered(answer)
        if not calls or prompt not in functions:
            continue
        known = {alias: one for one in functions[prompt] for alias in _aliases(one["name"])}
        yield Case(
            id=f"{model}/{prompt}",
            toolbox=prompt,
            tools=tools[prompt],
            calls=tuple(
                Call(known[name]["name"] if name in known else name, args) for name, args in calls
            ),
            scanned=frozenset(scan(calls, known)),
            verdict=verdict or "",
        )


def _text(path: Path) -> str:
    return gzip.open(path, "rt").read() if path.suffix == ".gz" else path.read_text()


def _aliases(name: str) -> tuple[str, str]:
    return name, name.replace(".", "_")


def _answered(answer: Any) -> list[tuple[str, Json]]:
    """The calls of an answer; none where any of it is no call."""
    try:
        if isinstance(answer, str):
            found = json.loads(answer)
            listed = found["tool_calls"] if isinstance(found, dict) else []
            calls = [(one["name"], one["arguments"]) for one in listed]
        else:
            calls = [pair for one in answer for pair in one.items()]
        parsed = [
            (name, json.loads(args) if isinstance(args, str) else args) for name, args in calls
        ]
    except (ValueError, KeyError, TypeError, AttributeError):
        return []
    plain = all(isinstance(name, str) and isinstance(args, dict) for name, args in parsed)
    return parsed if plain else []


# In the data.


def scan(calls: list[tuple[str, Json]], known: dict[str, Json]) -> Iterator[str]:
    for name, args in calls:
        if name not in known:
            yield UNKNOWN_TOOL
        else:
            yield from _misfits(known[name]["parameters"], args, closed=True)


def _misfits(said: Json, value: Any, *, closed: bool) -> Iterator[str]:
    type_ = _TYPES.get(said.get("type", ""), "any")
    if not takes(type_, json_type(value)):
        yield MISTYPED
    elif type_ == "object":
        fields = said.get("properties") or {}
        if any(name not in value for name in said.get("required", ())):
            yield MISSING
        if closed and any(name not in fields for name in value):
            yield UNKNOWN
        for name, inner in value.items():
            if name in fields:
                yield from _misfits(fields[name], inner, closed=False)
    elif type_ == "array":
        for inner in value:
            yield from _misfits(said.get("items") or {}, inner, closed=False)


# In our words.


def _tool(function: Json) -> Tool:
    schema = _schema(function["parameters"]) | {"additionalProperties": False}
    return Tool(function["name"], schema)


def _schema(said: Json) -> Json:
    match _TYPES.get(said.get("type", ""), "any"):
        case "any":
            return dict(ANYTHING)
        case "object":
            fields = {name: _schema(one) for name, one in (said.get("properties") or {}).items()}
            return object_of(fields, said.get("required", ()), closed=False)
        case "array":
            return {"type": "array", "items": _schema(said.get("items") or {})}
        case plain:
            return {"type": plain}
