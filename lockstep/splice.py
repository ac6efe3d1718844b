"""Adds an edge to a plan's text, and leaves the rest of the text as its author wrote it.

A plan that is read and written again would lose its layout, and the difference that a person is to
review would be the whole file. So the place is found in the text, and only there something is put
in. The text is JSON that has been read already; what is made of it is read again and compared, and
where it is not what was meant, nothing is given back.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from lockstep.finding import Edge

_STRING = r'"(?:[^"\\]++|\\.)*+"'
_TOKEN = re.compile(rf"{_STRING}|[\[{{\]}}]", re.DOTALL)
_SCALAR = re.compile(rf"{_STRING}|[^\s,\]}}]+", re.DOTALL)
_SPACE = re.compile(r"\s*")


@dataclass(frozen=True)
class _Part:
    """A member of an object or an element of a list: where it begins, and where its value is."""

    begin: int
    start: int
    end: int
    key: str = ""


def with_edges(text: str, edges: Iterable[Edge]) -> str | None:
    """The plan's text with the edges in it; None where they could not be put in."""
    wanted = json.loads(text)
    for edge in edges:
        step = next((one for one in wanted["steps"] if one["id"] == edge.step), None)
        if step is None:
            return None
        step["after"] = [*step.get("after", ()), edge.after]
        text = _added(text, edge)
    return text if _reads(text) == wanted else None


def _added(text: str, edge: Edge) -> str:
    root = _parts(text, _skip(text, 0))
    (steps,) = (part for part in root if part.key == "steps")
    for element in _parts(text, steps.start):
        members = _parts(text, element.start)
        if any(part.key == "id" and _value(text, part) == edge.step for part in members):
            return _with_after(text, element, members, json.dumps(edge.after))
    return text


def _with_after(text: str, step: _Part, members: list[_Part], name: str) -> str:
    after = next((part for part in members if part.key == "after"), None)
    if after is None:
        last = members[-1]
        lead = _lead(text, members)
        return f'{text[: last.end]},{lead}"after": [{name}]{text[last.end :]}'
    elements = _parts(text, after.start)
    if not elements:
        return f"{text[: after.start]}[{name}]{text[after.end :]}"
    last = elements[-1]
    lead = _lead(text, elements)
    return f"{text[: last.end]},{lead}{name}{text[last.end :]}"


def _lead(text: str, parts: list[_Part]) -> str:
    """What sets a new part off from the last one: what set that one off. A part that is alone on
    its line shows nothing, and gets a space.
    """
    lead = _before(text, parts[-1].begin)
    return lead if len(parts) > 1 or "\n" in lead else " "


def _before(text: str, at: int) -> str:
    start = at
    while text[start - 1].isspace():
        start -= 1
    return text[start:at]


def _parts(text: str, at: int) -> list[_Part]:
    """The members of the object, or the elements of the list, that begins there."""
    is_object = text[at] == "{"
    parts: list[_Part] = []
    at = _skip(text, at + 1)
    while text[at] not in "]}":
        begin, key = at, ""
        if is_object:
            end = _end(text, at)
            key = json.loads(text[at:end])
            at = _skip(text, _skip(text, end) + 1)
        end = _end(text, at)
        parts.append(_Part(begin, at, end, key))
        at = _skip(text, end)
        if text[at] == ",":
            at = _skip(text, at + 1)
    return parts


def _end(text: str, at: int) -> int:
    """Where the value that begins there ends."""
    if text[at] not in "[{":
        found = _SCALAR.match(text, at)
        assert found is not None
        return found.end()
    depth = 0
    for token in _TOKEN.finditer(text, at):
        depth += (token[0] in "[{") - (token[0] in "]}")
        if depth == 0:
            return token.end()
    raise ValueError("a bracket is not closed")


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _value(text: str, part: _Part) -> Any:
    return json.loads(text[part.start : part.end])


def _reads(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None
