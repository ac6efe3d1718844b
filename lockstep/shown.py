"""Arguments as the words of a call: what is small in full, what is large by its size.

For a line that a person reads first. What a person approves are the exact bytes, by their digest.
"""

import json
from collections.abc import Mapping

from pydantic import JsonValue

_LONGEST = 60
_MOST = 12


def shown(args: Mapping[str, JsonValue]) -> str:
    """`metric="node_load1", frame={…31,743 bytes}`; ASCII, and a few hundred characters at most."""
    words = [f"{name[:_LONGEST]}={_brief(value)}" for name, value in list(args.items())[:_MOST]]
    more = len(args) - _MOST
    return ", ".join([*words, f"… {more} more"] if more > 0 else words)


def _brief(value: JsonValue) -> str:
    text = json.dumps(value)
    if len(text) <= _LONGEST:
        return text
    match value:
        case dict():
            return f"{{…{len(text):,} bytes}}"
        case list():
            return f"[…{len(value):,} items]"
        case _:
            return text[: _LONGEST - 1] + "…"
