"""What a rule looks at.

Cedar has no clock and no memory: of two questions that agree in everything a rule looks at, it says
the same of the rule. So a rule that reads the role of the agent need not be asked again for each
step, nor a rule about known arguments be put to Cedar as if they were unknown.

Whatever is not plainly the reading of a field counts as reading the whole.
"""

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from typing import Any

from policies.cedar.question import Path, Question

Key = tuple[object, ...]
_VARIABLES = ("principal", "action", "resource", "context")
_LONGEST = 4096
"""Characters of a key that is worth keeping."""


@dataclass(frozen=True)
class Reads:
    """Paths into the context and the resource, `()` being the whole, none behind another; `typed`
    if the type of the resource is asked. Who the principal is and what it wants to do is part of
    every key.
    """

    context: tuple[Path, ...]
    resource: tuple[Path, ...]
    typed: bool

    @classmethod
    def of(cls, each: Iterable[Set[Path]]) -> "Reads":
        """Of what each of several rules looks at: what any of them does."""
        found = frozenset[Path]().union(*each)
        return cls(
            context=_told(found, "context"),
            resource=_told(found, "resource"),
            typed=("type",) in found,
        )

    def looks_at(self, field: str) -> bool:
        """Whether a field of the context is looked at, or all of it."""
        return any(path[:1] in ((), (field,)) for path in self.context)

    def key(self, question: Question) -> Key | None:
        """The same for two questions only if no rule can tell them apart; None for one that is not
        worth remembering.
        """
        text = question.facts.told(self.context)
        if len(text) > _LONGEST:
            return None
        resource, attributes = question.resource, question.attributes
        return (
            text,
            question.principal.id,
            question.role,
            resource and resource.type,
            resource and resource.id if () in self.resource else None,
            # Of one type of resource an attribute has one type, so that 1 is never True here.
            *(attributes.get(path[0]) for path in self.resource if path),
        )

    def settled(self, question: Question) -> bool:
        """Whether all that is looked at is known."""
        if question.resource is None and (self.resource or self.typed):
            return False
        return not any(
            path[: len(place)] == place[: len(path)]
            for path in self.context
            for place in question.facts.open
        )


def paths(form: Mapping[str, Any]) -> frozenset[Path]:
    """What a policy may look at, by the path from Cedar's variable on, of Cedar's own JSON for it;
    `("type",)` for the type of the resource.
    """
    found = set(_scope(form["resource"]))
    for condition in form["conditions"]:
        found.update(_read(condition["body"]))
    return frozenset(found)


def _told(found: Set[Path], variable: str) -> tuple[Path, ...]:
    inside = {path[1:] for path in found if path[0] == variable}
    return tuple(
        path for path in sorted(inside) if not any(path[:n] in inside for n in range(len(path)))
    )


def _scope(resource: Mapping[str, Any]) -> Iterator[Path]:
    if resource["op"] != "All":
        yield ("type",)
    if resource["op"] not in {"All", "is"} or "in" in resource:
        yield ("resource",)


def _read(node: Any) -> Iterator[Path]:
    match node:
        case {"Var": str(name)}:
            yield (name,)
        case {"is": {"left": {"Var": "resource"}, **rest}} if "in" not in rest:
            yield ("type",)
        case {".": {"left": left, "attr": str()}} | {"has": {"left": left, "attr": str()}}:
            path = path_of(node)
            if path is None:
                yield from _read(left)
            else:
                yield path
        case dict():
            for child in node.values():
                yield from _read(child)
        case list():
            for child in node:
                yield from _read(child)
        case _:
            return


def path_of(node: Any) -> Path | None:
    """What a node reads, from Cedar's variable on; None where it is not plainly a field."""
    match node:
        case {"Var": str(name)} if name in _VARIABLES:
            return (name,)
        case {".": {"left": left, "attr": str(attr)}} | {"has": {"left": left, "attr": str(attr)}}:
            base = path_of(left)
            return None if base is None else (*base, attr)
        case _:
            return None
