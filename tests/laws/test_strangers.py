"""Rules about what nothing and nobody is called are warned of."""

import pytest

from activities.package import load_package
from policies.cedar.rules import read
from policies.cedar.strangers import strangers
from policies.trials.expected import rules_in
from tests.laws.port import ROOT, world

FLAGSHIP = ROOT / "examples" / "cluster_digest"


def told(scope: str = "principal, action, resource", when: str = "", approvers: str = "") -> str:
    """What is said of one rule in the harbour; empty if nothing is."""
    file = "approvals.cedar" if approvers else "authorize.cedar"
    asks = f'@approvers("{approvers}")' if approvers else ""
    condition = f" when {{ {when} }}" if when else ""
    text = f'@id("r") @reason("why") {asks} forbid ({scope}){condition};'
    rules, wrong = read(file, text)
    assert [] == wrong
    found = list(strangers(rules, [world()]))
    assert {"LS-POLICY-007"} >= {one.code for one in found}
    return "; ".join(f"{one.problem}; {one.fix}" for one in found)


@pytest.mark.parametrize(
    ("scope", "when"),
    [
        ('principal, action, resource == Ship::"aurora"', ""),
        ('principal == Agent::"harbour", action, resource', ""),
        ("principal, action, resource", 'resource == Ship::"aurora"'),
        ("principal, action, resource", 'resource in [Ship::"aurora"]'),
        ('principal, action == Action::"ScuttleShip", resource is Ship', "resource.listed"),
        ("principal, action, resource", 'context.flow.sources.contains(Tool::"ListShips")'),
        ("principal, action, resource", 'context.step == "aurorra"'),
    ],
)
def test_what_there_is_needs_no_word(scope: str, when: str) -> None:
    """Resources, agents and environments; tools and actions are Cedar's own to know."""
    assert "" == told(scope, when)


@pytest.mark.parametrize(
    ("scope", "when", "expected"),
    [
        (
            'principal, action, resource == Ship::"aurorra"',
            "",
            "names `Ship` `aurorra`, which no environment has; did you mean `aurora`?",
        ),
        (
            'principal == Agent::"x", action, resource',
            "",
            "names `Agent` `x`, which no environment has; correct the name, or drop the rule",
        ),
        (
            "principal, action, resource",
            '!(resource in [Ship::"aurora", Ship::"zzz"])',
            "names `Ship` `zzz`, which no environment has; correct the name, or drop the rule",
        ),
        (
            "principal, action, resource",
            'resource == Environment::"tests"',
            "names `Environment` `tests`, which no environment has; did you mean `test`?",
        ),
    ],
)
def test_a_name_that_nothing_has_is_told(scope: str, when: str, expected: str) -> None:
    """In a rule's scope or its conditions: Cedar takes it for a rule that is never true."""
    assert expected == told(scope, when)


def test_a_yes_that_nobody_can_give_is_told() -> None:
    """Of several roles one that somebody holds is enough."""
    assert "" == told(approvers="pilots")
    assert "" == told(approvers="nobody,pilots")
    assert (
        "asks for a yes of `nobody`, and nobody holds that role; "
        "name people under [approvers] in agent.toml"
    ) == told(approvers="nobody")
    assert told(approvers="pilot").endswith("did you mean `pilots`?")


def test_the_flagship_speaks_of_nobody_who_is_not_there() -> None:
    """Over all of its environments."""
    package = load_package(FLAGSHIP)
    worlds = [package.world(name) for name in package.environments]
    assert [] == list(strangers(rules_in(package.texts), worlds))
