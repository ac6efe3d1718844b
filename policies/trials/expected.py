"""What is expected of policy, held against what it says: the same for every kind of case."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from lockstep.case import AnyCase
from lockstep.decision import Decision, Shadow
from lockstep.finding import Finding, Severity
from policies.cedar.rules import CedarRule, read
from policies.checks.misfit import did_you_mean
from policies.decider import PolicyTexts
from policies.world import World

LATER = datetime(9999, 1, 1, tzinfo=UTC)
"""A grant is looked at without a clock, as the decider does."""


@dataclass(frozen=True)
class Tried:
    """A case in one environment: what policy said, or why it was not asked. `place` is what the
    case is called, as `plan case 2`; `findings` say what is not as expected.
    """

    place: str
    case: AnyCase
    environment: str
    decision: Decision | None
    findings: tuple[Finding, ...]

    @property
    def passed(self) -> bool:
        return not self.findings

    @property
    def reached(self) -> frozenset[str]:
        """The rules that took part in the decision, or that were tried on it and had a say."""
        if self.decision is None:
            return frozenset()
        grants = {grant.rule for grant in self.decision.grants}
        shadow = self.decision.shadow
        tried = {rule.id for rule in shadow.would} if shadow else set()
        return frozenset(rule.id for rule in self.decision.rules) | grants | tried


def rules_of(texts: PolicyTexts) -> tuple[str, ...]:
    """The ids of all Cedar rules, sorted."""
    return tuple(sorted(rule.rule.id for rule in rules_in(texts)))


def rules_in(texts: PolicyTexts) -> Iterator[CedarRule]:
    """All Cedar rules, those that are only tried among them."""
    for name, text in texts.every().items():
        yield from read(name, text)[0]


def unreached(rules: Iterable[str], seen: Iterable[Tried]) -> Iterator[Finding]:
    """A warning for each rule that takes part in no case's decision."""
    reached = frozenset(id for one in seen for id in one.reached)
    for id in rules:
        if id not in reached:
            yield Finding(
                code="LS-POLICY-005",
                place=f"rule `{id}`",
                problem="no case reaches it, so nothing shows what it does",
                fix="add a case that it decides",
                severity=Severity.WARNING,
            )


def known_tool(tool: str, world: World) -> Iterator[Finding]:
    """What is wrong with naming the tool."""
    if tool not in world.tools:
        yield failed(
            "",
            f"tool `{tool}` does not exist",
            did_you_mean(tool, world.tools) or "use one of the agent's tools",
        )
    elif not world.offers(tool):
        yield failed(
            "",
            f"tool `{tool}` is not in environment `{world.environment.name}`",
            "use a tool that its manifest names",
        )


def known_rules(named: Iterable[str], world: World) -> Iterator[Finding]:
    """What is wrong with naming these rules."""
    rules = rules_of(world.texts)
    for id in named:
        if id not in rules:
            yield failed(
                "", f"rule `{id}` does not exist", did_you_mean(id, rules) or "name a rule by `@id`"
            )


def wrong(place: str, case: AnyCase, made: Decision) -> Iterator[Finding]:
    """What is not as expected."""
    ids = tuple(rule.id for rule in made.rules)
    by = f" by {', '.join(ids)}" if ids else ""
    found = f"found {made.outcome}{by} ({made.why})"
    fix = "correct the policy, or what is expected of it"
    if made.outcome is not case.expect:
        yield failed(place, f"expected {case.expect}, {found}", fix)
    elif made.errors:
        yield failed(place, f"expected {case.expect}, and {made.why}", "correct the policy")
    elif case.rules is not None and tuple(sorted(case.rules)) != ids:
        wanted = ", ".join(sorted(case.rules)) or "no rule"
        yield failed(place, f"expected {case.expect} by {wanted}, {found}", fix)
    elif case.reason is not None and case.reason not in {rule.reason for rule in made.rules}:
        reasons = ", ".join(f'"{rule.reason}"' for rule in made.rules) or "none"
        yield failed(place, f'expected the reason "{case.reason}", found {reasons}', fix)
    yield from _wrong_shadow(place, case, made)


def _wrong_shadow(place: str, case: AnyCase, made: Decision) -> Iterator[Finding]:
    if case.shadow is None:
        return
    shadow = made.shadow or Shadow(policy=made.policy)
    for name in shadow.errors:
        yield failed(place, f"shadow rule `{name}` could not be evaluated", "correct the rule")
    found = {rule.id: rule.would for rule in shadow.would}
    for id in sorted({*case.shadow, *found} - {*shadow.errors}):
        wanted, would = case.shadow.get(id), found.get(id)
        if wanted != would:
            yield failed(
                place,
                f"expected shadow rule `{id}` to say {wanted or 'nothing'}, found "
                f"{would or 'nothing'}",
                "correct the rule, or what is expected of it",
            )


def failed(place: str, problem: str, fix: str) -> Finding:
    return Finding(code="LS-POLICY-004", place=place, problem=problem, fix=fix)
