"""What a server says of a tool otherwise than it was pinned, in sentences that a person can judge.

Everything that is shown is JSON in ASCII and short: the words are those of whoever changed them. Of
a long text the part is shown where it begins to differ, since a change at its end is a change too.
"""

import json
from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any

from pydantic import JsonValue

from lockstep.difference import Change
from lockstep.pinned_tools import PinnedTool

MAX_CHANGES = 8
_SHOWN = 120
_BEFORE = 20
"""Characters shown of what two texts begin with in common."""


def told_otherwise(pinned: PinnedTool, named: Sequence[Mapping[str, Any]]) -> list[str]:
    """One sentence a field; empty if all is as it was. `named` are the tools of that name that the
    server lists now, as it lists them.
    """
    if len(named) != 1:
        return ["it stands in its server's list twice"] if named else ["it is gone"]
    try:
        changes = pinned.changed(PinnedTool.of(named[0]))
    except ValueError:
        return ["what its server says of it is not what MCP says of a tool"]
    told = [_sentence(change) for change in changes[:MAX_CHANGES]]
    more = len(changes) - MAX_CHANGES
    return [*told, f"{more} more of its fields have changed"] if more > 0 else told


def _sentence(change: Change) -> str:
    old, new = change.old, change.new
    if change.kind == "added":
        return f"`{change.at}` is new: {_brief(new)}"
    if change.kind == "removed":
        return f"`{change.at}` is gone, and was {_brief(old)}"
    start = 0
    if isinstance(old, str) and isinstance(new, str):
        same = sum(
            1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(old, new, strict=False))
        )
        start = max(same - _BEFORE, 0)
    return f"`{change.at}` was {_brief(old, start)} and is {_brief(new, start)}"


def _brief(value: JsonValue, start: int = 0) -> str:
    text = json.dumps(value[start:] if isinstance(value, str) else value)
    shown = text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
    return f"…{shown}" if start else shown
