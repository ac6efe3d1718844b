"""TaskBench: plans as models proposed them, over tools that take and give text and media.

A file with `nodes` describes tools by the kinds they take and give; every other file has a plan a
line. A node's arguments have no names: each fills one of its tool's inputs, one of its own kind if
there is one. `<node-N>` is the output of the Nth node, counted from 0, and nodes are listed in the
order in which they are done. An output has no fields, so `<node-0>.text` names nothing.

Text is a string to us, and whatever else there is an object that says what kind of thing it is; the
names of its fields are such that no reference of the data can mean them.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.recorded.case import (
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
    lines,
    object_of,
    reference,
    step,
)

_NODE = re.compile(r"<node[-_](\d{1,9})>(?:[.:]([A-Za-z_]\w*))?")
_MEDIA = {
    "image": ("jpg", "jpeg", "png", "gif", "bmp", "webp"),
    "audio": ("wav", "mp3", "flac", "ogg", "m4a"),
    "video": ("mp4", "avi", "mov", "mkv", "webm"),
}
_TEXT, _KIND, _FILE = "text", "media-kind", "media-file"


def read(files: list[Path]) -> Iterator[Case]:
    texts = {path: path.read_text() for path in files}
    described = {path: _tools(text) for path, text in texts.items()}
    nodes = [node for found in described.values() for node in found or ()]
    if not nodes:
        raise ValueError("no file describes tools")
    kinds = {node["id"]: (node["input-type"], node["output-type"]) for node in nodes}
    tools = tuple(_tool(name, takes, gives) for name, (takes, gives) in kinds.items())
    for path, text in texts.items():
        if described[path] is not None:
            continue
        for number, line in lines(text):
            plan = json.loads(line)["task_nodes"]
            yield Case(
                id=f"{path.parent.name}/{path.name}:{number}",
                toolbox="",
                tools=tools,
                calls=tuple(_calls(plan, kinds)),
                scanned=frozenset(scan(plan, kinds)),
                notes=frozenset({"right_if_counted_from_1"} if _counts_from_1(plan) else ()),
            )


def _tools(text: str) -> list[Json] | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found["nodes"] if isinstance(found, dict) and "nodes" in found else None


def given(node: Json) -> list[Any]:
    """A node's arguments, of which some models say a name too."""
    found = node.get("arguments") or []
    return [_value(one) for one in (found if isinstance(found, list) else [found])]


def _value(one: Any) -> Any:
    if isinstance(one, dict) and isinstance(one.get("name"), str) and set(one) <= {"name", "value"}:
        return one.get("value") or one["name"]
    return one


def literal_kind(value: Any) -> str:
    """Of what is written down; `other` for what is no text at all."""
    if not isinstance(value, str):
        return "other"
    ending = value.rsplit(".", 1)[-1].lower() if "." in value and " " not in value else ""
    return next((kind for kind, endings in _MEDIA.items() if ending in endings), _TEXT)


# In the data.


def scan(plan: list[Json], kinds: dict[str, Any]) -> Iterator[str]:
    for position, node in enumerate(plan):
        found = [_NODE.fullmatch(one) if isinstance(one, str) else None for one in given(node)]
        for match in found:
            if match and int(match[1]) == position:
                yield SELF
            elif match and int(match[1]) >= len(plan):
                yield DANGLING
            elif match and int(match[1]) > position:
                yield FORWARD
        if node["task"] not in kinds:
            yield UNKNOWN_TOOL
            continue
        wanted = list(kinds[node["task"]][0])
        free = 0
        unplaced = 0
        for one, match in zip(given(node), found, strict=True):
            kind = literal_kind(one)
            if match:
                source = int(match[1])
                known = source < len(plan) and plan[source]["task"] in kinds
                if known and match[2]:
                    yield DANGLING
                kind = (
                    next(iter(kinds[plan[source]["task"]][1]), "nothing")
                    if known and not match[2]
                    else "?"
                )
            if kind == "?":
                free += 1
            elif kind in wanted:
                wanted.remove(kind)
            else:
                unplaced += 1
        open_ = max(len(wanted) - free, 0)
        if open_ and unplaced:
            yield MISTYPED
        if open_ > unplaced:
            yield MISSING
        if unplaced + max(free - len(wanted), 0) > open_:
            yield UNKNOWN


def _counts_from_1(plan: list[Json]) -> bool:
    """Whether the plan's references are wrong as they stand, and right with each number one less:
    some models count so at times, which the form does not allow for.
    """
    found = [
        (position, int(match[1]))
        for position, node in enumerate(plan)
        for one in given(node)
        if isinstance(one, str) and (match := _NODE.fullmatch(one))
    ]
    wrong = any(source >= position for position, source in found)
    return wrong and all(0 < source <= position for position, source in found)


# In our words.


def _tool(name: str, takes: list[str], gives: list[str]) -> Tool:
    fields = {f"in{number}": _schema(kind) for number, kind in enumerate(takes, 1)}
    output = _schema(gives[0]) if gives else {"type": "null"}
    return Tool(name, object_of(fields, fields, closed=True), output)


def _schema(kind: str) -> Json:
    if kind == _TEXT:
        return {"type": "string"}
    return object_of(
        {_KIND: {"const": kind}, _FILE: {"type": "string"}}, [_KIND, _FILE], closed=True
    )


def _calls(plan: list[Json], kinds: dict[str, Any]) -> Iterator[Call]:
    for position, node in enumerate(plan):
        takes = kinds[node["task"]][0] if node["task"] in kinds else []
        slots: dict[str, str] = {f"in{number}": kind for number, kind in enumerate(takes, 1)}
        args: Json = {}
        waiting = [
            (kind, value) for kind, value in (_argument(one, plan, kinds) for one in given(node))
        ]
        # First what has a place of its kind, then what may have any, then the rest in order.
        for fits in (lambda slot, kind: slot == kind, lambda _, kind: not kind, lambda *_: True):
            rest = []
            for kind, value in waiting:
                name = next((name for name, slot in slots.items() if fits(slot, kind)), None)
                if name is None:
                    rest.append((kind, value))
                else:
                    args[name] = value
                    del slots[name]
            waiting = rest
        for number, (_, value) in enumerate(waiting, 1):
            args[f"extra{number}"] = value
        yield Call(node["task"], args, (step(position - 1),) if position else ())


def _argument(one: Any, plan: list[Json], kinds: dict[str, Any]) -> tuple[str, Any]:
    """Its kind, empty where nobody can know it, and itself."""
    match = _NODE.fullmatch(one) if isinstance(one, str) else None
    if match is None:
        kind = literal_kind(one)
        return kind, one if kind in {_TEXT, "other"} else {_KIND: kind, _FILE: one}
    source = int(match[1])
    producer = kinds.get(plan[source]["task"]) if source < len(plan) else None
    kind = "" if producer is None or match[2] else next(iter(producer[1]), "nothing")
    return kind, reference(source, [match[2]] if match[2] else [])
