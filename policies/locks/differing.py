"""What is different in a part that was pinned, in words: one line for each thing that changed.

A part of the manifest or a tool is compared field by field, policy rule by rule, as people speak of
them. The words quote what stands in files, so whoever shows them escapes them.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping

from pydantic import JsonValue

from lockstep.difference import Change, changes
from policies.cedar.rules import CedarRule, read

MOST = 12
"""Lines about one part; nobody reads more of it before looking at the file."""
_LONGEST = 72


def fields(old: JsonValue, new: JsonValue) -> list[str]:
    """`timeout 1m -> 30s`; a value that has no fields is told without a place: `60 -> 40`."""
    return _shortened(_field(change) for change in changes(old, new))


def rule_table(old: JsonValue, new: JsonValue) -> list[str]:
    """The same of declared rules, each found by its id wherever it stands."""
    then, now = _by_id(old), _by_id(new)
    return _shortened(_rules(then, now, lambda id: fields(then[id], now[id])))


def policy_text(file: str, old: str, new: str) -> list[str]:
    """Of two texts of a policy file, which rules came, went and changed; nothing where one of them
    cannot be read.
    """
    (before, wrong), (after, amiss) = read(file, old), read(file, new)
    if wrong or amiss:
        return []
    then, now = {one.rule.id: one for one in before}, {one.rule.id: one for one in after}
    told = _shortened(_rules(then, now, lambda id: _rule(then[id], now[id])))
    return told or ["no rule is different, only comments, order or layout"]


def _shortened(told: Iterator[str]) -> list[str]:
    all_ = list(told)
    rest = len(all_) - MOST
    return [*all_[:MOST], f"and {rest:,} changes more"] if rest > 0 else all_


def _field(change: Change) -> str:
    place = ".".join(change.parts)
    match change.kind:
        case "added":
            return f"{place} is new: {_brief(change.new)}"
        case "removed":
            return f"{place} is gone, was {_brief(change.old)}"
        case "changed":
            return f"{place} {_brief(change.old)} -> {_brief(change.new)}".lstrip()


def _rules(
    then: Mapping[str, object], now: Mapping[str, object], differ: Callable[[str], list[str]]
) -> Iterator[str]:
    for id in sorted({*then, *now}):
        if id not in now:
            yield f"rule `{id}` is gone"
        elif id not in then:
            yield f"rule `{id}` is new"
        else:
            yield from (f"rule `{id}`: {told}" for told in differ(id))


def _by_id(table: JsonValue) -> dict[str, JsonValue]:
    """Every rule of a table of lists of them, with the list that it stands in."""
    kinds = table.items() if isinstance(table, dict) else ()
    return {
        str(rule["id"]): {**rule, "kind": kind}
        for kind, rules in kinds
        if isinstance(rules, list)
        for rule in rules
        if isinstance(rule, dict) and "id" in rule
    }


def _rule(old: CedarRule, new: CedarRule) -> list[str]:
    told = fields(old.rule.model_dump(mode="json"), new.rule.model_dump(mode="json"))
    if _conditions(old) != _conditions(new):
        told += [_words(old.text, new.text)]
    return told


def _conditions(rule: CedarRule) -> dict[str, object]:
    return {name: part for name, part in rule.form.items() if name != "annotations"}


_ASIDE = re.compile(r'("(?:[^"\\]|\\.)*")|//[^\n]*|@\w+\s*(?:\(\s*"(?:[^"\\]|\\.)*"\s*\))?')
_AROUND = 3


def _words(old: str, new: str) -> str:
    """The stretch that differs, with a few words around it; comments and annotations aside."""
    # A string stays as it is: what looks like a comment or an annotation in one is neither.
    then, now = (_ASIDE.sub(lambda found: found[1] or "", text).split() for text in (old, new))
    before = max(_shared(then, now) - _AROUND, 0)
    after = max(_shared(then[before:][::-1], now[before:][::-1]) - _AROUND, 0)
    cut = [" ".join(one[before : len(one) - after]) for one in (then, now)]
    return " -> ".join(f"`{_cut(one)}`" for one in cut)


_WORD = re.compile(r"(?!(?:true|false|null)$)[A-Za-z0-9]*[A-Za-z][A-Za-z0-9_.-]*")


def _shared(one: list[str], other: list[str]) -> int:
    """How many words both begin with."""
    pairs = zip(one, other, strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def _brief(value: JsonValue) -> str:
    """As JSON, but a plain word without its quotes."""
    if isinstance(value, str) and _WORD.fullmatch(value):
        return _cut(value)
    return _cut(json.dumps(value, ensure_ascii=False))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
