"""A document as TOML in which every value has a line of its own, under its whole name.

For a manifest that was put together from several files: each line can be told apart, say where it
came from, and be found again with `grep`. What is written here reads as the same document.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_DELETE = "\x7f"
"""Which TOML wants escaped, and JSON does not."""

At = tuple[str, ...]


def dotted(document: Mapping[str, Any], at: At = ()) -> Iterator[tuple[At, str]]:
    """Each value and each empty table, with its place."""
    for name, value in document.items():
        here = (*at, name)
        if isinstance(value, dict) and value:
            yield from dotted(value, here)
        else:
            yield here, f"{'.'.join(map(_key, here))} = {_value(value)}"


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _string(name)


def _string(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace(_DELETE, "\\u007f")


def _value(value: Any) -> str:
    match value:
        case str():
            return _string(value)
        case list():
            return f"[{', '.join(map(_value, value))}]"
        case dict():
            inner = ", ".join(f"{_key(name)} = {_value(one)}" for name, one in value.items())
            return f"{{ {inner} }}" if inner else "{}"
        case bool():
            return "true" if value else "false"
        case _:
            return repr(value)
