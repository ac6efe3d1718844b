"""One way to write a JSON value down, and so one digest for it.

RFC 8785 fixes key order, numbers and escapes. What it cannot write (NaN, integers beyond 2**53,
lone surrogates) has no digest, and is refused rather than rounded.
"""

import hashlib
from typing import Annotated, Any, NewType

import rfc8785
from pydantic import AfterValidator, JsonValue

Digest = NewType("Digest", str)
"""`sha256:` and 64 hexadecimal digits."""


def canonical(value: Any) -> bytes:
    """The RFC 8785 bytes of a JSON value; ValueError for what JSON cannot say exactly."""
    try:
        return rfc8785.dumps(value)
    except UnicodeEncodeError:
        raise ValueError("a string has half a surrogate pair") from None
    except rfc8785.CanonicalizationError as error:
        raise ValueError(str(error)) from None
    except RecursionError:
        raise ValueError("the value is nested too deeply") from None


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


Exact = Annotated[JsonValue, AfterValidator(_exactly)]
"""A JSON value that has a digest, whichever door it came in by."""
ExactObject = Annotated[dict[str, JsonValue], AfterValidator(_exactly)]
"""The same of an object, its keys included."""


def digest(value: Any) -> Digest:
    """The digest of a JSON value, whatever its key order or white space was."""
    return digest_bytes(canonical(value))


def digest_bytes(data: bytes) -> Digest:
    return Digest(f"sha256:{hashlib.sha256(data).hexdigest()}")
