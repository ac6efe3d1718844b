"""When are two values the same to a tool?

Models write a time with and without a `T`, an address with and without its scheme, an amount as 4
and as 4.0. Nothing else is forgiven: a name in other letters is another name.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

_SCHEME = re.compile(r"^https?://", re.IGNORECASE)
_LINK = re.compile(r"(?:https?://|www\.)[^\s<>()\[\]{}\"'`|]+", re.IGNORECASE)
_TIME = re.compile(r"^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?)?$")


def settled(value: Any) -> Any:
    """The value in the one spelling that all its spellings have in common; lists are sets."""
    if isinstance(value, bool):
        return str(value), bool  # or it would be a number's equal
    if value is None:
        return None
    if isinstance(value, int | float):
        return float(value)
    if isinstance(value, str):
        return _text(value.strip())
    if isinstance(value, list):
        return frozenset(map(settled, value))
    return tuple(sorted((str(key), settled(child)) for key, child in value.items()))


def _text(text: str) -> str:
    if _TIME.match(text):
        try:
            return datetime.fromisoformat(text).isoformat()
        except ValueError:
            return text
    return _SCHEME.sub("", text).rstrip("/")


def leaves(
    value: Any, at: tuple[str | int, ...] = ()
) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Everything in a JSON value that holds nothing else, with its place."""
    if isinstance(value, dict):
        for key, child in value.items():
            yield from leaves(child, (*at, key))
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from leaves(child, (*at, index))
    else:
        yield at, value


def within(value: Any, planned: Any) -> bool:
    """Whether a value is the planned one, or leaves out some of it: nobody is harmed by what is not
    said, and tools take `null`, `false` and `[]` for that.
    """
    if value is None or value is False or value == []:
        return True
    found, wanted = settled(value), settled(planned)
    if isinstance(found, frozenset) and isinstance(wanted, frozenset):
        return found <= wanted
    return bool(found == wanted)


def day(value: Any) -> Any:
    """Of a time its day; anything else as it is."""
    found = settled(value)
    return found[:10] if isinstance(found, str) and _TIME.match(found) else value


def links(text: str) -> frozenset[Any]:
    """The web addresses in a text, each in its one spelling."""
    return frozenset(settled(found.rstrip(".,;:!?*_")) for found in _LINK.findall(text))


def said(text: str, value: Any) -> bool:
    """Whether a person's words hold this value, as a whole word or number."""
    if isinstance(value, bool) or value is None:
        return False
    if isinstance(value, int | float):
        return float(value) in {float(n) for n in re.findall(r"\d+(?:\.\d+)?", text)}
    wanted = str(value).strip()
    if not wanted:
        return False
    return re.search(rf"(?<!\w){re.escape(wanted)}(?!\w)", text, re.IGNORECASE) is not None
