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
from functools import cached_property

from policies.cedar.firing import Fired, Group
from policies.cedar.foresight import foreseen
from policies.cedar.judgement import judged
from policies.cedar.question import Path, Question
from policies.cedar.reads import Reads
from policies.cedar.rules import CedarRule
from policies.cedar.verdict import Grants, Verdict

_MOST = 64
"""Ways to divide a slice that are kept; a plan's own steps rarely leave more than a few open."""


@dataclass(frozen=True, eq=False)
class Slice:
    """The rules that speak of one tool, and of resources of one type."""

    rules: Mapping[str, CedarRule]
    _groups: dict[frozenset[str], Group] = field(default_factory=dict)
    _open: dict[tuple[frozenset[Path], bool], frozenset[str]] = field(default_factory=dict)
    _first: dict[tuple[str, bool], str] = field(default_factory=dict)
    _said: dict[tuple[Fired, bool], Verdict] = field(default_factory=dict)

    @classmethod
    def of(cls, rules: Iterable[CedarRule], tool: str, resource: str | None) -> "Slice":
        """`resource` is the type of what is touched; None where it is not known."""
        about = (rule for rule in rules if rule.tools is None or tool in rule.tools)
        return cls({rule.rule.id: rule for rule in about if _about(rule, resource)})

    @cached_property
    def blind(self) -> bool:
        """Whether it is all one to these rules which resource of its type is touched."""
        return not Reads.of(rule.form for rule in self.rules.values()).resource

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
        return self._group(frozenset(self.rules)).fired(question)

    def foreseen(self, question: Question) -> Fired:
        """Of a question with something open; `possible` has the first of each sort."""
        looking = self._looking(question)
        settled = self._group(frozenset(self.rules) - looking)
        found = settled.fired(question)
        if looking:
            group = self._group(looking)
            found |= group.remembered(question, lambda: self._seen_ahead(question, group))
        return found

    def _seen_ahead(self, question: Question, group: Group) -> Fired:
        """What fires in any case fires for an example too; so does what fails in any case. The rest
        can at most be possible, and of each sort one that is will do: a verdict does not count.
        """
        likely = group.likely(question).ids
        found = self._group(likely).foreseen(question)
        for sort in sorted({self._sort(id) for id in group.ids}):
            if sort in {self._sort(id) for id in found.possible}:
                continue
            alike = frozenset(id for id in group.ids if self._sort(id) == sort)
            first = self._first.get(sort)
            if first not in alike:
                first = min(alike)
            alone = self._group(frozenset({first})).foreseen(question)
            if not alone.possible:
                alone = self._group(alike).foreseen(question)
            found |= alone
            self._first[sort] = min(alone.possible, default=first)
        return found

    def _sort(self, id: str) -> tuple[str, bool]:
        """What a verdict tells apart of rules that may fire."""
        return self.rules[id].rule.effect, self.rules[id].steady

    def _looking(self, question: Question) -> frozenset[str]:
        key = (question.facts.open, question.resource is None)
        found = self._open.get(key)
        if found is None:
            found = frozenset(
                id for id, rule in self.rules.items() if not Reads.of([rule.form]).settled(question)
            )
            if len(self._open) >= _MOST:
                self._open.clear()
            self._open[key] = found
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
