"""The rules that bear on a question.

Cedar reads every policy of a set for every question. What a rule is about stands in its scope, so
each tool and each type of what it touches has a slice of the rules, and a question costs what the
rules about it cost.

Before a run part of a question is open, and to have Cedar say what a rule may do then costs twenty
times as much as to have it say what the rule does. So it is asked that as seldom as it can be: not
about rules that do not look at the open part, and of those that do only until the verdict is clear.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial

from policies.cedar.firing import NOTHING, Fired, Group
from policies.cedar.foresight import foreseen
from policies.cedar.judgement import judged
from policies.cedar.question import Path, Question
from policies.cedar.reads import Reads
from policies.cedar.rules import CedarRule
from policies.cedar.verdict import Grants, Verdict

_MOST = 64
"""Ways to divide a slice, and verdicts, that are kept; a plan's own steps rarely leave more than a
few open, and mostly the same rules fire."""


Sort = tuple[str, bool]
"""What a verdict tells apart of rules that may fire: their effect, and whether they may fail."""


@dataclass(frozen=True, eq=False)
class _Part:
    """A slice divided by what is open: `looking` are the rules that look at it."""

    settled: Group
    looking: Group
    sorts: Mapping[Sort, frozenset[str]]


@dataclass(frozen=True, eq=False)
class Slice:
    """The rules that speak of one tool, and of resources of one type."""

    rules: Mapping[str, CedarRule]
    _groups: dict[frozenset[str], Group] = field(default_factory=dict)
    _parts: dict[tuple[frozenset[Path], bool], _Part] = field(default_factory=dict)
    _first: dict[Sort, str] = field(default_factory=dict)
    _said: dict[tuple[Fired, bool], Verdict] = field(default_factory=dict)

    @classmethod
    def of(cls, rules: Iterable[CedarRule], tool: str, resource: str | None) -> "Slice":
        """`resource` is the type of what is touched; None where it is not known."""
        about = (rule for rule in rules if rule.tools is None or tool in rule.tools)
        return cls({rule.rule.id: rule for rule in about if _about(rule, resource)})

    @cached_property
    def blind(self) -> bool:
        """Whether it is all one to these rules which resource of its type is touched."""
        return not Reads.of(rule.looks_at for rule in self.rules.values()).resource

    @cached_property
    def _all(self) -> Group:
        return self._group(frozenset(self.rules))

    def verdict(self, question: Question, grants: Grants, *, known: bool) -> Verdict:
        """What the rules come to; `known`: nothing in the question is open."""
        fired = self.fired(question) if known else self.foreseen(question)
        reach = judged if known else foreseen
        if grants.given:
            return reach(fired, self.rules, grants)
        said = self._said.get((fired, known))
        if said is None:
            if len(self._said) >= _MOST:
                self._said.clear()
            said = self._said[fired, known] = reach(fired, self.rules, grants)
        return said

    def fired(self, question: Question) -> Fired:
        """Of a question with nothing open."""
        return self._all.fired(question)

    def foreseen(self, question: Question) -> Fired:
        """Of a question with something open; `possible` has the first of each sort."""
        part = self._part(question)
        found = part.settled.fired(question)
        if part.looking.ids:
            ahead = partial(self._seen_ahead, question, part)
            found |= part.looking.remembered(question, ahead)
        return found

    def _seen_ahead(self, question: Question, part: "_Part") -> Fired:
        """What fires in any case fires for an example too; so does what fails in any case. The rest
        can at most be possible, and of each sort one that is will do: a verdict does not count.
        """
        likely = part.looking.likely(question).ids
        found = self._group(likely).foreseen(question) if likely else NOTHING
        for sort, alike in part.sorts.items():
            if not alike.isdisjoint(found.possible):
                continue
            first = self._first.get(sort)
            if first not in alike:
                first = min(alike)
            alone = self._group(frozenset({first}))
            # It does not fire for a plain example: where it does for another it may or may not.
            if first not in likely and alone.thinkable(question).certain:
                found |= Fired(possible=alone.ids)
                continue
            seen = alone.foreseen(question)
            if not seen.possible:
                seen = self._group(alike).foreseen(question)
            found |= seen
            self._first[sort] = min(seen.possible, default=first)
        return found

    def _part(self, question: Question) -> "_Part":
        key = (question.facts.open, question.resource is None)
        found = self._parts.get(key)
        if found is None:
            each = {id: Reads.of([rule.looks_at]) for id, rule in self.rules.items()}
            looking = frozenset(id for id, reads in each.items() if not reads.settled(question))
            sorts: dict[Sort, set[str]] = {}
            for id in looking:
                rule = self.rules[id]
                sorts.setdefault((rule.rule.effect, rule.steady), set()).add(id)
            if len(self._parts) >= _MOST:
                self._parts.clear()
            found = self._parts[key] = _Part(
                settled=self._group(frozenset(self.rules) - looking),
                looking=self._group(looking),
                sorts={sort: frozenset(ids) for sort, ids in sorted(sorts.items())},
            )
        return found

    def _group(self, ids: frozenset[str]) -> Group:
        found = self._groups.get(ids)
        if found is None:
            if len(self._groups) >= _MOST:
                self._groups.clear()
            rules = (rule for id, rule in self.rules.items() if id in ids)
            found = self._groups[ids] = Group.of(rules)
        return found


def _about(rule: CedarRule, resource: str | None) -> bool:
    match rule.form["resource"]:
        case {"op": "is", "entity_type": type_} | {"op": "==", "entity": {"type": type_}}:
            return resource is None or type_ == resource
        case _:
            return True
