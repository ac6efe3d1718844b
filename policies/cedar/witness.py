"""For what arguments may a rule fire?

A rule that says `context.args.host == "db-1"` fires for `db-1`: the values that rules compare with
are the ones worth trying. What is tried and fires may fire, which costs Cedar less to say than a
preview of what it cannot know yet; what is tried and does not fire proves nothing.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import JsonValue

from policies.cedar.question import Path
from policies.cedar.reads import path_of

_BESIDE = {">": 1, ">=": 0, "<": -1, "<=": 0}
"""How far from what it is compared with the nearest number lies for which it holds."""


def telling(forms: Iterable[Mapping[str, Any]]) -> dict[Path, JsonValue]:
    """A value worth trying for each path into the context that policies compare with one. They are
    given in Cedar's own JSON.
    """
    found: dict[Path, JsonValue] = {}
    for form in forms:
        for condition in form["conditions"]:
            for node, value in _compared(condition["body"]):
                path = path_of(node)
                if path is not None and path[0] == "context" and not isinstance(value, dict):
                    found.setdefault(path[1:], value)
    return found


def _compared(node: Any) -> Iterator[tuple[Any, JsonValue]]:
    """What a condition asks about, and what makes it come true."""
    if not isinstance(node, dict):
        return
    if "." in node:
        yield node, True
    for operator, operands in node.items():
        match operator, operands:
            case "&&" | "||" | "!" | "if-then-else", dict():
                for part in operands.values():
                    yield from _compared(part)
            case "==", {"left": one, "right": {"Value": value}} | {
                "left": {"Value": value},
                "right": one,
            }:
                yield one, value
            case "like", {"left": one, "pattern": list(pattern)}:
                yield one, "".join(part["Literal"] for part in pattern if part != "Wildcard")
            case "contains", {"left": {"Set": [{"Value": value}, *_]}, "right": one}:
                yield one, value
            case "contains", {"left": one, "right": {"Value": value}}:
                yield one, [value]
            case sign, {"left": one, "right": {"Value": int(number)}} if sign in _BESIDE:
                yield one, number + _BESIDE[sign]
            case sign, {"left": {"Value": int(number)}, "right": one} if sign in _BESIDE:
                yield one, number - _BESIDE[sign]
            case _:
                pass
