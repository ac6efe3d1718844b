"""What has not the shape that was declared, told in the words of JSON.

Pydantic speaks of tuples, dictionaries and classes, which a plan or a manifest does not have. Of a
value no more is told than its kind, unless there are only a few that it could be.
"""

import re
from collections.abc import Mapping
from datetime import date, time
from types import NoneType
from typing import Any

from lockstep.finding import Finding
from lockstep.pointer import pointer

Detail = Mapping[str, Any]
"""One of pydantic's errors, as data."""

_BRANCHES = ("(tool)", "(compose)")
_SHOWN = 60
_MEMBER = re.compile(r"<\w+\.\w+: ('[^']*')>")
"""How Python spells one of an enumeration."""
_KINDS: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (bool, "true or false"),
    (int, "a whole number"),
    (float, "a number"),
    (str, "a string"),
    (dict, "an object"),
    ((list, tuple), "a list"),
    ((date, time), "a date or time"),
    (NoneType, "null"),
)
_WANTED = {
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "dict_type": "an object",
    "float_parsing": "a number",
    "float_type": "a number",
    "frozen_set_type": "a list",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "list_type": "a list",
    "model_attributes_type": "an object",
    "model_type": "an object",
    "string_type": "a string",
    "tuple_type": "a list",
}
_BOUNDS = {
    "greater_than": ("more than", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("less than", "lt"),
    "less_than_equal": ("at most", "le"),
}
_LENGTHS = {
    "string_too_long": ("at most", "max_length"),
    "string_too_short": ("at least", "min_length"),
    "too_long": ("at most", "max_length"),
    "too_short": ("at least", "min_length"),
}


def misshapen(place: str, detail: Detail) -> Finding:
    """One misfit: its field, what was wanted there, what was found, what to do."""
    # Which branch of a union a value was taken for is no part of the document.
    where = pointer(tuple(one for one in detail["loc"] if one not in _BRANCHES))
    problem, fix = _told(detail)
    return Finding(code="LS-LOAD-007", place=f"{place}{where}", problem=problem, fix=fix)


def _told(detail: Detail) -> tuple[str, str]:
    kind, found, context = detail["type"], detail["input"], detail.get("ctx", {})
    if kind == "extra_forbidden":
        return "this field is not known here", "remove it or correct its name"
    if kind == "missing":
        return "this field is required and missing", "add it"
    if kind in _WANTED:
        return f"wanted {_WANTED[kind]}, found {_kind(found)}", "correct the value"
    if kind in _BOUNDS and type(found) in (int, float):
        words, bound = _BOUNDS[kind]
        return f"wanted {words} {context[bound]}, found {_number(found)}", "correct the value"
    if kind in _LENGTHS:
        words, bound = _LENGTHS[kind]
        return f"wanted {words} {_counted(context[bound], found)}", "correct the value"
    if kind in ("literal_error", "enum"):
        return f"wanted {_listed(context['expected'])}, found {_shown(found)}", "correct the value"
    if kind == "union_tag_not_found":
        return f"field {context['discriminator']} is required and missing", "add it"
    if kind == "union_tag_invalid":
        field = context["discriminator"]
        tag = found.get(field.strip("'")) if isinstance(found, dict) else None
        wanted = f"wanted one of {context['expected_tags']} as {field}"
        return f"{wanted}, found {_shown(tag)}", "correct the value"
    if kind == "string_pattern_mismatch":
        # What has a pattern is a name or a digest, and no secret.
        wanted = f"string should match pattern `{context['pattern']}`"
        return f"{wanted}, found {_shown(found)}", "correct the value"
    return lowered(detail["msg"]).removeprefix("value error, "), "correct the value"


def _listed(expected: str) -> str:
    """The few values that it could be, as a document spells them."""
    return "true" if expected == "True" else _MEMBER.sub(r"\1", expected)


def _kind(value: Any) -> str:
    """What a value is to whoever wrote the document."""
    return next((name for types, name in _KINDS if isinstance(value, types)), "something else")


def _shown(value: Any) -> str:
    return f"`{value[:_SHOWN]}`" if isinstance(value, str) else _kind(value)


def _number(value: float) -> str:
    # Python writes no whole number of thousands of digits.
    return str(value) if -(2**53) < value < 2**53 else _kind(value)


def _counted(most: int, found: Any) -> str:
    """So many of what the value has, and how many it has."""
    one, many = ("character", "characters") if isinstance(found, str) else ("item", "items")
    return f"{most:,} {one if most == 1 else many}, found {len(found):,}"


def lowered(message: str) -> str:
    """A library's sentence as a clause of ours."""
    return message[:1].lower() + message[1:]
