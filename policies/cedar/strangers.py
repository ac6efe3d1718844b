"""Names in policy that nothing and nobody bears.

To Cedar a rule about `Metric::"nope"` is sound. It is only never true, and a prohibition that is
never true prohibits nothing; an approval by a role that nobody holds is never given. One policy
serves all environments of an agent, so a name is known if any of them has it: a prohibition about
production names what development does not have.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from lockstep.finding import Finding, Severity
from policies.cedar.question import Uid
from policies.cedar.rules import CedarRule
from policies.cedar.schema import AGENT, ENVIRONMENT, vocabulary
from policies.checks.misfit import did_you_mean
from policies.world import World


def strangers(rules: Iterable[CedarRule], worlds: Iterable[World]) -> Iterator[Finding]:
    """A warning for each name of a rule that no agent, environment or resource of the worlds has,
    and for each rule that asks for a yes that nobody can give; the worlds are all of one agent.
    """
    known: dict[str, set[str]] = {}
    held: set[str] = set()
    for world in worlds:
        held.update(role for role, people in world.agent.approvers.items() if people)
        for type_, names in _bearers(world):
            known.setdefault(type_, set()).update(names)
    for rule in rules:
        roles = rule.rule.approvers
        if roles and held.isdisjoint(roles):
            asked = " or ".join(f"`{role}`" for role in roles)
            yield _warning(
                rule,
                f"asks for a yes of {asked}, and nobody holds that role",
                did_you_mean(roles[0], held) or "name people under [approvers] in agent.toml",
            )
        for type_, name in sorted(set(_named(rule.form))):
            # Of tools and actions Cedar itself knows which there are.
            if type_ in known and name not in known[type_]:
                yield _warning(
                    rule,
                    f"names `{type_}` `{name}`, which no environment has",
                    did_you_mean(name, known[type_]) or "correct the name, or drop the rule",
                )


def _warning(rule: CedarRule, problem: str, fix: str) -> Finding:
    return Finding(
        code="LS-POLICY-007",
        place=rule.place,
        problem=problem,
        fix=fix,
        severity=Severity.WARNING,
    )


def _bearers(world: World) -> Iterator[tuple[str, Iterable[str]]]:
    """All that has a name, by its type to Cedar."""
    environment = world.environment
    yield AGENT, (world.agent.name,)
    yield ENVIRONMENT, (environment.name,)
    for kind, type_ in vocabulary(world.tools, environment).types.items():
        yield type_, environment.resources.get(kind, {})


def _named(node: Any) -> Iterator[Uid]:
    """Every entity in Cedar's own JSON, of the scope and of the conditions."""
    if isinstance(node, Mapping):
        match node.get("entity") or node.get("__entity"):
            case {"type": str(type_), "id": str(name)}:
                yield Uid(type_, name)
            case _:
                pass
        for child in node.values():
            yield from _named(child)
    elif isinstance(node, list):
        for child in node:
            yield from _named(child)
