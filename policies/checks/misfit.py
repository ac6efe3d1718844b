"""What is said of a value that does not fit its schema.

A validator speaks of keywords and branches; who wrote the argument wants to know which one, what
was found there, what was wanted, and which name was probably meant.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Any

from lockstep.canonical import canonical
from lockstep.finding import Finding
from lockstep.pointer import pointer
from lockstep.schema import Schema, fields, options, step_into, types

At = tuple[int | str, ...]
"""Where a value stands: keys and indexes."""

_SHOWN = 60
_LISTED = 8
"""Names that are told of what there is; more nobody reads."""
_CLOSE = 0.6
"""How alike two names are that one may have been meant for the other; difflib's own measure."""


@dataclass(frozen=True)
class Place:
    """Whose values these are, and the schema whose `$defs` its parts may name."""

    name: str
    root: Schema

    def finding(self, code: str, at: At, problem: str, fix: str) -> Finding:
        where = pointer(at)
        return Finding(
            code=code,
            place=f"{self.name} {where}" if where else self.name,
            problem=problem,
            fix=fix,
        )

    def missing(self, at: At, name: str, schemas: Iterable[Any] = ()) -> Finding:
        """`schemas` are what the argument may fit: who has to add it should know what it is."""
        kinds = ", or ".join(dict.fromkeys(filter(None, map(self._told, schemas))))
        fix = f"add `{name}`: {kinds}" if kinds else f"add `{name}`"
        return self.finding("LS-PLAN-006", at, f"argument `{name}` is missing", fix)

    def _told(self, schema: Any) -> str:
        """In a word what a value of the schema is; empty where that says nothing."""
        said = []
        for option in options(self.root, schema):
            chosen = [option["const"]] if "const" in option else option.get("enum")
            if isinstance(chosen, list):
                said.append(" or ".join(map(_show, chosen[:8])))
            else:
                said += [f"`{name}`" for name in sorted(types(option))]
        return " or ".join(dict.fromkeys(said))

    def unknown(self, at: At, name: str, known: list[str]) -> Finding:
        """`known` are the names that could stand there."""
        problem, meant = f"argument `{name}` is not known", did_you_mean(name, known)
        if not meant:
            there = ", ".join(f"`{one}`" for one in known[:_LISTED]) or "none"
            more = ", …" if len(known) > _LISTED else ""
            problem = f"{problem} (there is {there}{more})"
        return self.finding("LS-PLAN-007", at, problem, meant or "remove it")

    def mistyped(self, at: At, value: Any, wanted: Any) -> Finding:
        names = [wanted] if isinstance(wanted, str) else list(dict.fromkeys(wanted))
        spoken = " or ".join(f"`{name}`" for name in names)
        return self.finding(
            "LS-PLAN-008",
            at,
            f"wanted {spoken}, found {_show(value)}",
            "give a value of that type",
        )


def spoken(place: Place, schema: Any, error: Any, base: At) -> Iterator[Finding]:
    """A validator's error in our words; `schema` is what the value at `base` was held to."""
    at = (*base, *error.instance_path)
    match error.kind.name:
        case "required":
            name = error.kind.property
            reached = _reached(place, schema, error.instance_path)
            yield place.missing(
                at, name, [fields(one)[name] for one in reached if name in fields(one)]
            )
        case "additionalProperties":
            known = _names(place, schema, error.instance_path)
            for name in error.kind.unexpected:
                yield place.unknown(at, name, known)
        case "type":
            yield place.mistyped(at, error.instance, error.kind.types)
        case "enum":
            choices = ", ".join(map(_show, error.kind.options[:8]))
            yield place.finding(
                "LS-PLAN-008",
                at,
                f"{_show(error.instance)} is not one of {choices}",
                did_you_mean(error.instance, error.kind.options) or "choose one of them",
            )
        case "const":
            wanted = _show(error.kind.expected_value)
            yield place.finding(
                "LS-PLAN-008", at, f"{_show(error.instance)} is not {wanted}", f"write {wanted}"
            )
        case "anyOf" | "oneOf":
            yield from _alternatives(place, schema, error, base)
        case _:
            problem = error.message if len(error.message) <= 200 else error.message[:199] + "…"
            yield place.finding("LS-PLAN-008", at, problem, "correct the value")


def _alternatives(place: Place, schema: Any, error: Any, base: At) -> Iterator[Finding]:
    """Of the branches that want this kind of value the one that fits best speaks."""
    here = error.instance_path
    branches = [branch for branch in error.kind.context if branch]
    kinds: list[str] = []
    fitting = []
    for branch in branches:
        types = [
            name
            for inner in branch
            if inner.kind.name == "type" and inner.instance_path == here
            for name in inner.kind.types
        ]
        kinds += types
        if not types:
            fitting.append(branch)
    if not fitting:
        yield place.mistyped((*base, *here), error.instance, kinds or "another value")
        return
    for inner in min(fitting, key=len):
        yield from spoken(place, schema, inner, base)


def _names(place: Place, schema: Any, path: list[int | str]) -> list[str]:
    """The fields that the schema knows where the path leads."""
    found = _reached(place, schema, path)
    return list(dict.fromkeys(name for option in found for name in fields(option)))


def _reached(place: Place, schema: Any, path: list[int | str]) -> list[Any]:
    """The schemas of the value where the path leads."""
    reached = options(place.root, schema)
    for part in path:
        reached = [found for one in reached for found in step_into(place.root, one, str(part))[0]]
    return [option for one in reached for option in options(place.root, one)]


def did_you_mean(given: Any, known: Any) -> str:
    """The nearest of the known names as a question; empty where none is near. One that differs in
    its capitals alone is nearest, and is said to be that: models write enums so, and people too.
    """
    if not isinstance(given, str):
        return ""
    names = [name for name in known if isinstance(name, str)]
    for name in names:
        if name != given and name.casefold() == given.casefold():
            return f"write `{name}`: names are compared with their capitals"
    close = nearest(given, names)
    return f"did you mean `{close}`?" if close is not None else ""


def nearest(given: str, names: Iterable[str]) -> str | None:
    """The name that is most like the given one, as difflib measures it, and of several the last in
    the alphabet; None where none is close.
    """
    size = len(given)
    # At 0.6 the shorter has three sevenths of the longer's letters at least.
    like = (name for name in names if 3 * size <= 7 * len(name) and 3 * len(name) <= 7 * size)
    return _nearest(given, frozenset(like))


@lru_cache(maxsize=256)
def _nearest(given: str, names: frozenset[str]) -> str | None:
    """Kept, since one mistake is often made in many steps."""
    found, best = None, _CLOSE
    compared = SequenceMatcher(b=given)
    for name in sorted(names, reverse=True):
        compared.set_seq1(name)
        # How alike they are takes long to say, how alike they are at most does not; and of equally
        # close names the first that is come to is the last in the alphabet.
        most = compared.quick_ratio()
        if most < best or (most == best and found is not None):
            continue
        ratio = compared.ratio()
        if ratio > best or (ratio == best and found is None):
            found, best = name, ratio
    return found


def _show(value: Any) -> str:
    try:
        text = canonical(value).decode()
    except ValueError:
        text = repr(value)
    return f"`{text if len(text) <= _SHOWN else text[: _SHOWN - 1] + '…'}`"
