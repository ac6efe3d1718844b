"""Two policies held against one another: by rule, and by what they say of the same calls."""

from dataclasses import replace

from lockstep.case import Case, Cases, PlanCase, ReplanCase
from lockstep.decision import Outcome
from policies.graph.coded import OwnRules
from policies.graph.combinations import AtMost
from policies.graph.rules import Mandatory, Rules
from policies.trials.backtest import moved, policy_changes
from policies.world import World
from tests.laws.port import PERMIT, under

NO_COAL = (
    '@id("no-coal") @reason("it is over") forbid (principal, action == Action::"ListShips", '
    'resource) when { context.args.cargo.contains("coal") };\n'
)
ASK = NO_COAL.replace("no-coal", "ask").replace('"it is over")', '"r") @approvers("m")')


def told(old: World, new: World) -> list[tuple[str, str]]:
    found = policy_changes((old.texts, old.rules, old.own), (new.texts, new.rules, new.own))
    return [(change.kind, change.at) for change in found]


def listing(cargo: str, **fields: object) -> Case:
    given = {"env": "test", "tool": "ListShips", "args": {"cargo": [cargo]}, "expect": "ALLOW"}
    return Case.model_validate(given | fields)


def test_rules_are_found_by_id_wherever_they_stand() -> None:
    """In another order, another file, with other white space around: the same rule, or what of it
    is different.
    """
    old, new = under(PERMIT + NO_COAL), under(f"\n// first\n{NO_COAL}\n\n{PERMIT}")
    assert [] == told(old, new)
    assert [("added", "/rules/no-coal")] == told(under(), old)
    assert [("removed", "/rules/no-coal")] == told(old, under())
    reworded = under(PERMIT + NO_COAL.replace("it is over", "no more"))
    assert [("changed", "/rules/no-coal/reason"), ("changed", "/rules/no-coal/text")] == told(
        old, reworded
    )
    assert [("changed", "/rules/no-coal/file")] == told(old, under(PERMIT, shadow=NO_COAL))


def test_rules_about_plans_are_compared_too() -> None:
    """Those in `rules.toml` field by field, the code of others by its digest."""
    old = replace(under(), rules=Rules(mandatory=(Mandatory(id="m", tool="A", reason="r"),)))
    rules = Rules(at_most=(AtMost(id="m", tool="A", calls=2, reason="r"),))
    assert {"/rules/m/effect", "/rules/m/calls"} <= {
        at for _, at in told(old, replace(old, rules=rules))
    }
    coded = replace(old, own=OwnRules(text="RULE = 1\n"))
    assert [("added", "/files/rules.py")] == told(old, coded)


def asking(*cases: Case) -> Cases:
    return Cases(lockstep="cases/1", case=cases)


def test_a_case_is_told_where_two_policies_answer_otherwise() -> None:
    """With what each says and by which rule; what both say alike is not."""
    cases = asking(listing("coal"), listing("grain"))
    (found,) = moved(cases, under(), under(PERMIT + NO_COAL))
    assert ("case 1", "test") == (found.case, found.environment)
    assert ("ALLOW by all", "DENY by no-coal") == (str(found.old), str(found.new))
    (tried,) = moved(cases, under(), under(PERMIT, shadow=NO_COAL))
    assert "ALLOW by all, shadow no-coal DENY" == str(tried.new)


def test_what_a_case_expects_plays_no_part() -> None:
    """It may name a rule that one of the policies does not have, or a yes to one."""
    expects = listing("coal", expect="DENY", rules=["no-coal"], reason="it is over")
    (found,) = moved(asking(expects), under(), under(PERMIT + NO_COAL))
    assert Outcome.ALLOW is found.old.outcome
    approved = listing("coal", approved=["ask"])
    assert ["ALLOW by all"] == [
        str(one.old) for one in moved(asking(approved), under(), under(PERMIT + NO_COAL, ASK))
    ]
    assert [] == list(moved(asking(approved), under(), under(PERMIT, ASK)))


def test_cases_of_whole_plans_are_asked_of_both() -> None:
    """A policy that does not speak of plans is not asked, and that is an answer too."""
    whole = (
        '@id("big") @reason("r") forbid (principal, action == Action::"plan.submit", resource) '
        "when { context.steps > 1 };"
    )
    case = PlanCase.model_validate(
        {"env": "test", "tools": ["ListShips", "PostNotice"], "expect": "ALLOW"}
    )
    (found,) = moved(Cases(lockstep="cases/1", plan=(case,)), under(), under(PERMIT + whole))
    assert "DENY by big" == str(found.new)
    assert str(found.old).startswith("not asked (no rule names `plan.submit`")


def test_cases_of_planning_anew_are_asked_of_both() -> None:
    """Where one policy speaks of it and the other leaves it to a human."""
    forbid = (
        '@id("stop") @reason("r") forbid (principal, action == Action::"plan.replan", resource) '
        "when { context.unknown };"
    )
    case = ReplanCase.model_validate(
        {
            "env": "test",
            "errors": ["FogTooThick"],
            "tools": ["ListShips"],
            "unknown": True,
            "expect": "DENY",
        }
    )
    cases = Cases(lockstep="cases/1", replan=(case,))
    (found,) = moved(cases, under(), under(PERMIT + forbid))
    assert ("replan case 1", "DENY by stop") == (found.case, str(found.new))
    assert "REQUIRE_APPROVAL" in str(found.old)
