"""What is tried for a rule is what makes it fire, where a comparison says what that is."""

import json
from typing import Any

import cedarpy
import pytest

from policies.cedar.forms import policy_set
from policies.cedar.witness import telling

ENTITIES = cedarpy.Entities.from_json_str("[]")


def form(condition: str) -> Any:
    text = f"forbid (principal, action, resource) when {{ {condition} }};"
    return json.loads(cedarpy.policies_to_json_str(text))["staticPolicies"]["policy0"]


def fires(rule: Any, value: Any) -> bool:
    who = {"type": "Agent", "id": "a"}
    answer = cedarpy.is_authorized(
        {
            "principal": who,
            "action": {"type": "Action", "id": "Act"},
            "resource": who,
            "context": {"args": {"x": value}},
        },
        policy_set({"r": rule}),
        ENTITIES,
    )
    return bool(answer.diagnostics.reasons)


@pytest.mark.parametrize(
    ("condition", "plain"),
    [
        ('context.args.x == "db-1"', ""),
        ('"db-1" == context.args.x', ""),
        ('context.args.x like "db-*"', ""),
        ('context.args.x like "*-eu-*.internal"', ""),
        ('["db-1", "db-2"].contains(context.args.x)', ""),
        ('context.args.x.contains("db-1")', []),
        ("context.args.x > 5", 0),
        ("context.args.x >= 5", 0),
        ("context.args.x < -5", 0),
        ("context.args.x <= -5", 0),
        ("5 < context.args.x", 0),
        ("5 <= context.args.x", 0),
        ("-5 > context.args.x", 0),
        ("-5 >= context.args.x", 0),
        ("context.args.x", False),
        ("true && context.args.x", False),
        ("false || context.args.x", False),
        ('if context.args.x == "a" then true else false', ""),
    ],
)
def test_what_a_rule_compares_with_makes_it_fire(condition: str, plain: Any) -> None:
    """Where a plain value does not, on either side of the comparison."""
    rule = form(condition)
    tried = telling([rule])

    assert not fires(rule, plain)
    assert [("args", "x")] == [*tried]
    assert fires(rule, tried["args", "x"])


@pytest.mark.parametrize(
    "condition",
    [
        "resource == principal",
        'principal.role == "r"',
        "context.args has x",
        "context.args == {x: 1}",
        "context.args.x == context.args.y",
        "context.args.x + 1 > 5",
    ],
)
def test_where_a_rule_compares_with_nothing_plain_nothing_is_tried(condition: str) -> None:
    """No field of the context, no value, or one that has to be worked out."""
    assert ("args", "x") not in telling([form(condition)])


def test_the_first_comparison_of_a_field_is_tried() -> None:
    """One value for each: what does not fire for it is asked about in full."""
    first, second = form("context.args.x == 1"), form("context.args.x == 2")
    assert {("args", "x"): 1} == telling([first, second])
