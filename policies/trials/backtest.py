"""Two policies held against one another: which rules came, went or changed, and which calls that
somebody thought of are answered otherwise.

Rules are found by id, wherever they stand. What a case expects plays no part here: it is asked of
both policies, and told where the answers differ.
"""

from collections.abc import Iterator

from pydantic import JsonValue

from lockstep.case import AnyCase, Cases, ReplanCase
from lockstep.decision import Outcome
from lockstep.difference import Change, changes
from lockstep.names import RuleId
from lockstep.record import Record
from policies.decider import PolicyTexts
from policies.graph.coded import OwnRules
from policies.graph.rules import Rules
from policies.trials.cases import tried
from policies.trials.expected import Tried, rules_in, rules_of
from policies.world import World

Written = tuple[PolicyTexts, Rules, OwnRules]
"""All rules of one policy, as they are written."""


class Answer(Record):
    """What a policy says of a case; no outcome where it is not asked, and why."""

    outcome: Outcome | None
    rules: tuple[RuleId, ...] = ()
    why: str = ""
    shadow: dict[RuleId, Outcome] = {}

    def __str__(self) -> str:
        if self.outcome is None:
            return f"not asked ({self.why})"
        by = f" by {', '.join(self.rules)}" if self.rules else ""
        tried = "".join(f", shadow {id} {would}" for id, would in self.shadow.items())
        return f"{self.outcome}{by}{tried}"


class Moved(Record):
    """A case that two policies answer differently."""

    case: str
    name: str
    environment: str
    old: Answer
    new: Answer


def policy_changes(old: Written, new: Written) -> tuple[Change, ...]:
    """By rule: `/rules/ID`, and `/rules/ID/reason` for a part of one."""
    return tuple(changes(_document(*old), _document(*new)))


def moved(cases: Cases, old: World, new: World) -> Iterator[Moved]:
    """The cases of one environment that are answered differently."""
    for place, case in cases.every:
        if new.environment.name in case.environments:
            before, after = (tried(place, _bare(case, at), at) for at in (old, new))
            yield from _compared(place, case, before, after)


def _compared(place: str, case: AnyCase, before: Tried, after: Tried) -> Iterator[Moved]:
    old, new = _answer(before), _answer(after)
    if old != new:
        yield Moved(case=place, name=case.called, environment=after.environment, old=old, new=new)


def _answer(found: Tried) -> Answer:
    made = found.decision
    if made is None:
        return Answer(outcome=None, why=found.findings[0].problem if found.findings else "")
    return Answer(
        outcome=made.outcome,
        rules=tuple(rule.id for rule in made.rules),
        why=made.why if made.errors else "",
        shadow={rule.id: rule.would for rule in made.shadow.would} if made.shadow else {},
    )


_EXPECTED = {"rules": None, "reason": None, "shadow": None}


def _bare(case: AnyCase, at: World) -> AnyCase:
    """Without what it expects, and without a yes to rules that this policy does not have."""
    if isinstance(case, ReplanCase):
        return case.model_copy(update=_EXPECTED)
    known = {*rules_of(at.texts)}
    approved = tuple(id for id in case.approved if id in known)
    return case.model_copy(update={**_EXPECTED, "approved": approved})


def _document(texts: PolicyTexts, rules: Rules, own: OwnRules) -> dict[str, JsonValue]:
    found: dict[str, JsonValue] = {}
    for one in rules_in(texts):
        found[one.rule.id] = {
            "file": one.file,
            "effect": one.rule.effect,
            "reason": one.rule.reason,
            "approvers": list(one.rule.approvers),
            "text": one.text.strip(),
        }
    declared = rules.model_dump(mode="json", exclude={"lockstep"})
    for kind, listed in declared.items():
        for one_ in listed:
            fields = {name: value for name, value in one_.items() if name != "id"}
            found[one_["id"]] = {"file": "rules.toml", "effect": kind, **fields}
    for coded in own.rules:
        found[coded.id] = {"file": "rules.py", "effect": "rule", "reason": coded.rule.reason}
    files: dict[str, JsonValue] = {"rules.py": own.source} if own.source else {}
    return {"rules": found, "files": files}
