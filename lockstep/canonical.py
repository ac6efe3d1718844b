"""One way to write a JSON value down, and so one digest for it.

RFC 8785 fixes key order, numbers and escapes. What it cannot write (NaN, integers beyond 2**53,
lone surrogates) has no digest, and is refused rather than rounded.
"""

import hashlib
from collections.abc import Callable
from typing import Annotated, Any, NewType

import rfc8785
from pydantic import AfterValidator, JsonValue, WrapValidator
from pydantic_core import to_json

Digest = NewType("Digest", str)
"""`sha256:` and 64 hexadecimal digits."""


def canonical(value: Any) -> bytes:
    """The RFC 8785 bytes of a JSON value; ValueError for what JSON cannot say exactly."""
    try:
        # What is plain another writer spells the same, and many times as fast.
        return to_json(_ordered(value))
    except (_Odd, TypeError, ValueError, RecursionError):
        pass  # for what follows to write, or to say what is wrong
    try:
        return rfc8785.dumps(value)
    except UnicodeEncodeError:
        raise ValueError("a string has half a surrogate pair") from None
    except rfc8785.CanonicalizationError as error:
        raise ValueError(str(error)) from None
    except RecursionError:
        raise ValueError("the value is nested too deeply") from None


class _Odd(Exception):
    """Something that RFC 8785 writes in its own way, or that is not quite JSON."""


def _ordered(value: Any) -> Any:
    """The value with its keys in order, and whole numbers as integers. Odd are very large and very
    small numbers, and keys whose order in UTF-16 may be another.
    """
    kind = type(value)
    if kind is dict:
        found = {}
        for key in sorted(value):
            if type(key) is not str or not key.isascii():
                raise _Odd
            child = value[key]
            found[key] = child if type(child) is str else _ordered(child)
        return found
    if kind is str or value is None or kind is bool:
        return value
    if kind is list:
        return [child if type(child) is str else _ordered(child) for child in value]
    if kind is int and -(2**53) < value < 2**53:
        return value
    if kind is float and -(2**53) < value < 2**53:
        if value.is_integer():
            return int(value)
        if abs(value) >= 1e-4:
            return value
    raise _Odd


MAX_DEPTH = 128
"""Levels that a value written by us may have; what enters from outside may have half of that."""


def depth(value: Any) -> int:
    """How many lists and objects lie one within another."""
    levels, level = 0, [value]
    while holders := [one for one in level if isinstance(one, dict | list)]:
        levels += 1
        level = [
            inner
            for holder in holders
            for inner in (holder.values() if isinstance(holder, dict) else holder)
        ]
    return levels


def _exactly(value: Any) -> Any:
    canonical(value)
    if depth(value) > MAX_DEPTH // 2:
        raise ValueError(f"nested more than {MAX_DEPTH // 2} levels deep")
    return value


def _unless_flat(value: Any, validate: Callable[[Any], Any]) -> Any:
    """The value, looked at in full only where something can be wrong with it."""
    if _is_flat(value):
        return {key: [*one] if type(one) is list else one for key, one in value.items()}
    return validate(value)


def _is_flat(value: Any) -> bool:
    """Whether a value is an object of words, lists of words, and small whole numbers, in ASCII
    throughout: most arguments are, and to look at each part of them by its type takes long.
    """
    if type(value) is not dict:
        return False
    words = [*value]
    for child in value.values():
        kind = type(child)
        if kind is str:
            words.append(child)
        elif kind is list:
            words += child
        elif kind is int:
            if not -(2**53) < child < 2**53:
                return False
        elif not (child is None or kind is bool):
            return False
    return {*map(type, words)} <= _WORDS and "".join(words).isascii()


_WORDS = {str}

Exact = Annotated[JsonValue, AfterValidator(_exactly)]
"""A JSON value that has a digest, whichever door it came in by."""
ExactObject = Annotated[dict[str, JsonValue], AfterValidator(_exactly), WrapValidator(_unless_flat)]
"""The same of an object, its keys included."""
JsonObject = Annotated[dict[str, JsonValue], WrapValidator(_unless_flat)]
"""Any JSON object: with or without a digest."""


def digest(value: Any) -> Digest:
    """The digest of a JSON value, whatever its key order or white space was."""
    return digest_bytes(canonical(value))


def digest_bytes(data: bytes) -> Digest:
    return Digest(f"sha256:{hashlib.sha256(data).hexdigest()}")
