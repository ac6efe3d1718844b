"""What Cedar's validator found, in words a person can act on.

Cedar says what is wrong and leaves open what to do. We know what the schema was made from, so we
can name the tool, the argument or the attribute that was probably meant.
"""

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from lockstep.decision import PLAN, REPLAN
from lockstep.finding import Finding
from policies.cedar.schema import ENVIRONMENT, Vocabulary
from policies.cedar.types import CedarType, Fields

_SHOWN = 200
_CONSEQUENCE = "unable to find an applicable action"


def one_line(text: str) -> str:
    shown = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return shown if len(shown) <= _SHOWN else shown[: _SHOWN - 1] + "…"


def closest(given: str, known: Iterable[str]) -> str:
    """The known name that is most like the given one, or nothing."""
    return next(iter(difflib.get_close_matches(given, sorted(known), 1)), "")


def did_you_mean(given: str, known: Iterable[str]) -> str:
    close = closest(given, known)
    return f"did you mean `{close}`?" if close else ""


def advise(place: str, errors: Iterable[str], words: Vocabulary) -> Iterator[Finding]:
    """One finding for each thing that is wrong with a rule, however many tools it is wrong for."""
    said: set[str] = set()
    bare = [re.sub(r"^for policy `[^`]*`[,:] ", "", error) for error in errors]
    causes = [error for error in bare if not error.startswith(_CONSEQUENCE)] or bare
    for error in causes:
        problem, fix = _said(error, words)
        if fix + problem.split(" of `", maxsplit=1)[0] not in said:
            said.add(fix + problem.split(" of `", maxsplit=1)[0])
            yield Finding(code="LS-POLICY-001", place=place, problem=problem, fix=fix)


def unheard(
    place: str, conditions: Any, tools: Iterable[str], words: Vocabulary
) -> Iterator[Finding]:
    """`context.args has x` where no tool of the rule has an `x`: to Cedar simply false, for ever.

    A forbid that waits for a misspelt argument forbids nothing. Of resources the same is no
    mistake: an attribute may well be missing from one environment's manifest.
    """
    contexts = [words.context(tool) for tool in tools if tool in words.args]
    for path in sorted(set(_asked(conditions))):
        if path[:1] not in (("args",), ("trusted",)) or len(path) < 2:
            continue
        if any(_known(one, path) for one in contexts):
            continue
        names = {name for one in contexts for name in one["attributes"][path[0]]["attributes"]}
        yield Finding(
            code="LS-POLICY-001",
            place=place,
            problem=f"no tool of this rule shows Cedar an argument `{'.'.join(path[1:])}`",
            fix=did_you_mean(path[-1], names)
            or "name an argument of the tool, or drop the condition",
        )


def _known(record: Mapping[str, Any], path: tuple[str, ...]) -> bool:
    inner = record.get("attributes", {}).get(path[0])
    return inner is not None and (len(path) == 1 or _known(inner, path[1:]))


def _asked(node: Any) -> Iterator[tuple[str, ...]]:
    match node:
        case {"has": {"left": left, "attr": str(name)}}:
            base = _path(left)
            if base is not None:
                yield (*base, name)
        case dict():
            for child in node.values():
                yield from _asked(child)
        case list():
            for child in node:
                yield from _asked(child)
        case _:
            return


def _path(node: Any) -> tuple[str, ...] | None:
    """`context.args.x` as ("args", "x"); None for an expression of another kind."""
    match node:
        case {"Var": "context"}:
            return ()
        case {".": {"left": left, "attr": str(name)}}:
            base = _path(left)
            return None if base is None else (*base, name)
        case _:
            return None


def _said(error: str, words: Vocabulary) -> tuple[str, str]:
    for pattern, speak in _PHRASES:
        found = pattern.match(error)
        if found:
            return speak(words, *found.groups())
    return one_line(error), "correct the policy"


def _action(words: Vocabulary, name: str) -> tuple[str, str]:
    fix = did_you_mean(name, [*words.actions, PLAN, REPLAN]) or "name a tool of this agent"
    return f"there is no tool `{name}`", fix


def _entity_type(words: Vocabulary, name: str) -> tuple[str, str]:
    known = list(words.document[""]["entityTypes"])
    listed = ", ".join(f"`{one}`" for one in known)
    return f"there is no kind of thing `{name}`", did_you_mean(
        name, known
    ) or f"use one of {listed}"


def _eid(words: Vocabulary, _kind: str, name: str) -> tuple[str, str]:
    return _action(words, name)


def _attribute(words: Vocabulary, name: str, entity: str) -> tuple[str, str]:
    problem = f"attribute `{name}` is not on `{entity}`"
    close = did_you_mean(name, words.attributes(entity))
    owners = [one for one in words.types.values() if name in words.attributes(one)]
    if entity == ENVIRONMENT and owners:
        return problem, f"narrow the rule to `resource is {owners[0]}`"
    return problem, close or f"add it to the manifest, or ask `has {name}` first"


def _argument(words: Vocabulary, path: str, tool: str) -> tuple[str, str]:
    parts = path.split(".")
    record = words.context(tool)
    for part in parts[:-1]:
        record = record.get("attributes", {}).get(part, {})
    fix = did_you_mean(parts[-1], record.get("attributes", {})) or "narrow the rule's action"
    if parts[0] == "trusted":
        return f"there is no argument `{'.'.join(parts[1:])}` of `{tool}`", fix
    if parts[0] != "args" or tool in (PLAN, REPLAN):
        return f"`context.{path}` is not known of `{tool}`", fix
    name = ".".join(parts[1:])
    if _is_opaque(words.args[tool], parts[1:]):
        problem = f"argument `{name}` of `{tool}` has a type that Cedar cannot see"
        return problem, "give it a string, an integer, a boolean, a list or an object"
    return f"there is no argument `{name}` of `{tool}`", fix


def _is_opaque(seen: CedarType | None, parts: list[str]) -> bool:
    for part in parts:
        if not isinstance(seen, Fields) or part not in seen.fields:
            return False
        seen = seen.fields[part].type
    return seen is None


def _optional(_words: Vocabulary, path: str, where: str) -> tuple[str, str]:
    owner = "resource" if where.startswith("on entity type") else "context"
    base, _, name = f"{owner}.{path}".rpartition(".")
    return f"`{base}.{name}` may be absent", f"ask first: `{base} has {name} && …`"


def _nowhere(_words: Vocabulary) -> tuple[str, str]:
    return (
        "no tool of this rule takes such a principal and resource, so it would never apply",
        "drop the constraint, or name a kind that the tool's arguments can name",
    )


def _types(_words: Vocabulary, clause: str) -> tuple[str, str]:
    return one_line(clause), "compare values of one type"


_PHRASES: list[tuple[re.Pattern[str], Callable[..., tuple[str, str]]]] = [
    (re.compile(r'unrecognized action `Action::"(.*)"`'), _action),
    (re.compile(r'entity `(Tool)::"(.*)"` is of an enumerated entity type'), _eid),
    (re.compile(r"unrecognized entity type `(.*)`"), _entity_type),
    (re.compile(r"attribute `(.*)` on entity type `(.*)` not found"), _attribute),
    (re.compile(r'attribute `(.*)` in context for Action::"(.*)" not found'), _argument),
    (
        re.compile(r"unable to guarantee safety of access to optional attribute `(.*)` (.*)"),
        _optional,
    ),
    (re.compile(_CONSEQUENCE), _nowhere),
    (re.compile(r"((?:unexpected type|the types) .*)", re.DOTALL), _types),
]
