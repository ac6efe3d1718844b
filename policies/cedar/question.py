"""One question to Cedar, and the rules that bear on it, parsed once.

Cedar reads every policy of a set for every question. Which tool a rule is about stands in the
rule, so each tool has a slice of the rules, and a question costs what its own tool's rules cost.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import cedarpy

from lockstep.decision import Rule
from policies.cedar.rules import CedarRule


@dataclass(frozen=True)
class Uid:
    """An entity's type and name."""

    type: str
    id: str

    @property
    def form(self) -> dict[str, str]:
        """As data: any name can be written so."""
        return {"type": self.type, "id": self.id}

    @property
    def text(self) -> str | None:
        """As Cedar text, which partial evaluation asks for; None for a name it may refuse.

        Cedar accepts one spelling of each name only, and which characters it escapes is its secret.
        """
        plain = self.id.isascii() and self.id.isprintable() and "'" not in self.id
        return f"{self.type}::{json.dumps(self.id)}" if plain else None


@dataclass(frozen=True)
class Question:
    """`resource` None: only the run will know which. `context` is JSON."""

    principal: Uid
    action: Uid
    resource: Uid | None
    context: str
    store: cedarpy.Entities


@dataclass(frozen=True)
class Slice:
    """The rules that speak of one tool."""

    rules: Mapping[str, CedarRule]
    authorize: cedarpy.PolicySet
    approvals: cedarpy.PolicySet
    both: cedarpy.PolicySet

    @classmethod
    def of(cls, rules: Iterable[CedarRule], tool: str) -> "Slice":
        about = [rule for rule in rules if rule.tools is None or tool in rule.tools]
        return cls(
            rules={rule.rule.id: rule for rule in about},
            authorize=_set(rule for rule in about if rule.rule.effect != "approval"),
            approvals=_set(rule for rule in about if rule.rule.effect == "approval"),
            both=_set(about),
        )

    @property
    def permits(self) -> tuple[str, ...]:
        """The ids of the permits among them, sorted."""
        return tuple(sorted(id for id, one in self.rules.items() if one.rule.effect == "permit"))

    def named(self, ids: Iterable[str], effect: str) -> list[Rule]:
        """The rules of one effect among those that Cedar names."""
        found = (self.rules[id].rule for id in ids)
        return [rule for rule in found if rule.effect == effect]


def _set(rules: Iterable[CedarRule]) -> cedarpy.PolicySet:
    """A policy set in which Cedar calls each rule by its `@id`."""
    policies: dict[str, Any] = {rule.rule.id: rule.form for rule in rules}
    return cedarpy.PolicySet.from_json_str(
        json.dumps({"templates": {}, "staticPolicies": policies, "templateLinks": []})
    )
