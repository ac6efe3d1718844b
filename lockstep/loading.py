"""The one door through which documents enter: plans, locks, manifests, answers, outputs.

The usual parsers take the last of two equal keys, accept NaN, and follow any depth until the stack
ends. A document that two readers can read differently must not be signed, so all of that is
refused, and the size is checked before a single byte is parsed.
"""

import json
import math
import re
import tomllib
from collections.abc import Callable
from itertools import accumulate
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from pydantic import BaseModel, JsonValue, ValidationError

from lockstep.errors import LockstepError
from lockstep.misshapen import lowered, misshapen

MAX_BYTES = 4 * 1024 * 1024
"""A plan of ten thousand steps is about 3 MB; policy and manifests are far below."""
MAX_TOML_BYTES = 256 * 1024
"""tomllib takes seconds for hostile keys of a few hundred kilobytes."""
MAX_DEPTH = 64
MAX_CANONICAL_DEPTH = 2 * MAX_DEPTH
MAX_FINDINGS = 20

_ESCAPE = re.compile(rb"\\.", re.DOTALL)
_DEEPER = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_OTHERS = bytes(set(range(256)) - _DEEPER.keys() - {ord('"')})
_LONG = 16
"""Digits that a whole number has at least which is not exact; 2^53 has so many."""
_ZEROS = bytes.maketrans(b"123456789", b"000000000")
# Possessive throughout: a pattern that could go back would remember every character of a string.
_TOML_TOKEN = re.compile(
    r"""
    \#[^\n]*+
    | \"{3} (?:[^"\\]++|\\.|"(?!""))*+ "{0,5}+
    | '{3} (?:[^']++|'(?!''))*+ '{0,5}+
    | " (?:[^"\\\n]++|\\.)*+ "?+
    | ' [^'\n]*+ '?+
    | [\[{\]}.=,\n]
    """,
    re.DOTALL | re.VERBOSE,
)

Model = TypeVar("Model", bound=BaseModel)


def read(path: Path, limit: int = MAX_BYTES) -> bytes:
    """The bytes of a file, or LS-LOAD-001 / LS-LOAD-003."""
    try:
        size = path.stat().st_size
        if not path.is_file():
            raise _refused("LS-LOAD-001", str(path), "this is not a file", "name a file")
        if size > limit:
            _too_large(str(path), size, limit)
        return path.read_bytes()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise _refused(
            "LS-LOAD-001", str(path), f"cannot be read: {reason.lower()}", "check the path"
        ) from None
    except ValueError:
        raise _refused(
            "LS-LOAD-001", repr(str(path)), "this is not a path", "name a file"
        ) from None


def parse_json(
    data: bytes | str, place: str, limit: int = MAX_BYTES, *, canonical: bool = False
) -> Any:
    """A JSON value that every reader reads the same way.

    `canonical` is for what we wrote ourselves: RFC 8785 spells a float from 2^53 up as an integer,
    and arguments that hold an output are deeper than either.
    """
    data = _bytes(data, place, limit)
    text = _text(data, place)
    _check_brackets(data, place, MAX_CANONICAL_DEPTH if canonical else MAX_DEPTH)

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(items)
        if len(result) < len(items):
            raise _refused(
                "LS-LOAD-005",
                place,
                f"key `{_twice(items)[:60]}` stands twice in one object",
                "remove one",
            )
        return result

    def integer(digits: str) -> int | float:
        if len(digits) <= 17 and _is_exact(number := int(digits)):
            return number
        if canonical:
            return _finite(digits, place)
        raise _inexact(digits, place)

    try:
        value = json.loads(
            text,
            object_pairs_hook=pairs,
            parse_constant=lambda name: _finite(name, place),
            # Asked of each number, which is only worth it where one may be too long.
            parse_int=integer if _has_long_number(data) else None,
            parse_float=lambda digits: _finite(digits, place),
        )
    except json.JSONDecodeError as error:
        raise _refused(
            "LS-LOAD-002",
            f"{place}:{error.lineno}:{error.colno}",
            f"not JSON: {error.msg[:1].lower()}{error.msg[1:]}",
            "correct the syntax",
        ) from None
    _check_surrogates(text, value, place)
    return value


def parse_toml(data: bytes | str, place: str, limit: int = MAX_TOML_BYTES) -> dict[str, Any]:
    """A TOML table; TOML itself forbids duplicate keys."""
    text = _text(_bytes(data, place, limit), place)
    _check_toml_depth(text, place)
    try:
        value = tomllib.loads(text, parse_float=lambda digits: _finite(digits, place))
    except tomllib.TOMLDecodeError as error:
        raise _refused(
            "LS-LOAD-002", place, f"not TOML: {lowered(str(error))}", "correct the syntax"
        ) from None
    except (ValueError, RecursionError) as error:
        raise _refused("LS-LOAD-002", place, f"not TOML: {error}", "correct the syntax") from None
    _check_tables(value, place)
    return value


def shaped(model: type[Model], value: Any, place: str) -> Model:
    """The value as the declared noun; each misfit is a finding with its field."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        count = error.error_count()
        if count > 1000 * MAX_FINDINGS:
            # Pydantic cannot say the first few alone, and of millions not quickly.
            raise _refused(
                "LS-LOAD-007",
                place,
                f"{count:,} misfits: this is another kind of document",
                f"give a {model.__name__.lower()}",
            ) from None
        details = [dict(one) for one in error.errors()[:MAX_FINDINGS]]
        raise LockstepError(
            *(misshapen(place, one) for one in details if not _follows(one, details))
        ) from None


def _follows(detail: dict[str, Any], others: list[dict[str, Any]]) -> bool:
    """Whether a list is too short only because what is wrong in it was not counted."""
    at = detail["loc"]
    return detail["type"] == "too_short" and any(
        len(one["loc"]) > len(at) and one["loc"][: len(at)] == at for one in others
    )


def load(model: type[Model], path: Path) -> Model:
    """A noun from a `.json` or `.toml` file."""
    toml = path.suffix == ".toml"
    parse: Callable[[bytes, str], Any] = parse_toml if toml else parse_json
    return shaped(model, parse(read(path), str(path)), str(path))


def _bytes(data: bytes | str, place: str, limit: int) -> bytes:
    try:
        data = data.encode() if isinstance(data, str) else data
    except UnicodeEncodeError:
        raise _half(place) from None
    if len(data) > limit:
        _too_large(place, len(data), limit)
    return data


def _text(data: bytes, place: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise _refused(
            "LS-LOAD-002", place, f"not UTF-8 at byte {error.start}", "save the file as UTF-8"
        ) from None


def _twice(items: list[tuple[str, Any]]) -> str:
    seen: set[str] = set()
    for key, _ in items:
        if key in seen:
            return key
        seen.add(key)
    raise AssertionError("no key stands twice")


def _check_brackets(data: bytes, place: str, most: int) -> None:
    """Counts the open brackets of a JSON text, so that no parser follows further than we allow."""
    if data.count(b"[") + data.count(b"{") <= most:
        return
    if b"\\" in data:
        # Outside a string a parser stops at a backslash, so that nothing behind it counts.
        data = _ESCAPE.sub(b"", data)
    # A string without a bracket in it is two quotes by now. Where one is taken out, what stands
    # inside a string stays inside one.
    marks = data.translate(None, _OTHERS).replace(b'""', b"")
    brackets = b"".join(marks.split(b'"')[::2])
    if max(accumulate(map(_DEEPER.__getitem__, brackets)), default=0) > most:
        raise _too_deep(place, most)


def _has_long_number(data: bytes) -> bool:
    """Whether there are so many digits in a row that they may be no exact whole number."""
    return b"0" * _LONG in data.translate(_ZEROS)


def _check_toml_depth(text: str, place: str) -> None:
    """Counts open brackets and the dots of one key, for the same end."""
    depth = dots = 0
    for found in _TOML_TOKEN.finditer(text):
        character = text[found.start()]
        if character == ".":
            dots += 1
        elif character in "[{":
            depth, dots = depth + 1, 0
        elif character in "]}":
            depth, dots = depth - 1, 0
        elif character in "=,\n":
            dots = 0
        if depth > MAX_DEPTH or dots >= MAX_DEPTH:
            raise _too_deep(place, MAX_DEPTH)


def _check_tables(value: JsonValue, place: str) -> None:
    """What TOML allows and JSON cannot say: integers of any size, and, since each bracket may hold
    a dotted key, tables deeper than its brackets.
    """
    waiting = [(value, 1)]
    while waiting:
        value, depth = waiting.pop()
        if isinstance(value, int) and not _is_exact(value):
            # Python writes no decimal of more than 4,300 digits, and reads a longer hexadecimal.
            raise _inexact(str(value) if value.bit_length() < 128 else hex(value), place)
        if isinstance(value, dict | list):
            if depth > MAX_DEPTH:
                raise _too_deep(place, MAX_DEPTH)
            inner = value.values() if isinstance(value, dict) else value
            waiting += [(child, depth + 1) for child in inner]


def _is_exact(number: int) -> bool:
    return abs(number) < 2**53


def _finite(digits: str, place: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise _refused(
            "LS-LOAD-006",
            place,
            f"`{digits[:24]}` is not a JSON number",
            "use null or a finite number",
        )
    return value


def _check_surrogates(text: str, value: Any, place: str) -> None:
    """Half a character can only enter as an escape by now; the cheap test comes first."""
    if "\\ud" not in text and "\\uD" not in text:
        return
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise _half(place) from None


def _too_large(place: str, size: int, limit: int) -> NoReturn:
    raise _refused(
        "LS-LOAD-003", place, f"{size:,} bytes, more than {limit:,}", "make it smaller or split it"
    )


def _too_deep(place: str, most: int) -> LockstepError:
    return _refused(
        "LS-LOAD-004", place, f"nested more than {most} levels deep", "nest less deeply"
    )


def _inexact(digits: str, place: str) -> LockstepError:
    return _refused(
        "LS-LOAD-006",
        place,
        f"integer `{digits[:24]}` is not below 2^53, where readers begin to disagree",
        "write it as a string",
    )


def _half(place: str) -> LockstepError:
    return _refused(
        "LS-LOAD-002", place, "a string has half a surrogate pair", "write whole characters"
    )


def _refused(code: str, place: str, problem: str, fix: str) -> LockstepError:
    return LockstepError.of(code, place, problem, fix)
