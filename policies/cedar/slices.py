"""The rules that bear on a question.

Cedar reads every policy of a set for every question. What a rule is about stands in its scope, so
each tool and each type of what it touches has a slice of the rules, and a question costs what the
rules about it cost. Before a run part of a question is open. Most rules do not look at that part,
and are asked like any other: to have Cedar say what a rule may do costs ten times as much.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import cedarpy

from policies.cedar.firing import Fired, Group, known, preview, unlooked
from policies.cedar.question import Path, Question
from policies.cedar.reads import Reads
from policies.cedar.rules import CedarRule

_MOST = 64
"""Ways to divide a slice that are kept; a plan's own steps rarely leave more than a few open."""


@dataclass(frozen=True, eq=False)
class Slice:
    """The rules that speak of one tool, and of resources of one type."""

    rules: Mapping[str, CedarRule]
    _groups: dict[frozenset[str], Group] = field(default_factory=dict)
    _open: dict[tuple[frozenset[Path], bool], frozenset[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, rules: Iterable[CedarRule], tool: str, resource: str | None) -> "Slice":
        """`resource` is the type of what is touched; None where it is not known."""
        about = (rule for rule in rules if rule.tools is None or tool in rule.tools)
        return cls({rule.rule.id: rule for rule in about if _about(rule, resource)})

    @cached_property
    def blind(self) -> bool:
        """Whether it is all one to these rules which resource of its type is touched."""
        return not Reads.of(rule.form for rule in self.rules.values()).resource

    def fired(self, question: Question, schema: cedarpy.Schema) -> Fired:
        """Of a question with nothing open."""
        return self._group(frozenset(self.rules)).fired(question, known(question, schema))

    def foreseen(self, question: Question) -> Fired:
        """Of a question with something open: only of the rules that look at it is it asked what
        they may do.
        """
        looking = self._looking(question)
        settled = self._group(frozenset(self.rules) - looking)
        return settled.fired(question, unlooked(question)) | self._group(looking).fired(
            question, preview(question)
        )

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
