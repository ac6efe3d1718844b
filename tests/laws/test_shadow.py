"""Rules that are only tried: heard, written down, and never in the way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.package import load_package
from lockstep.case import Case
from lockstep.decision import Outcome, Phase, Request, Shadow, ShadowRule
from lockstep.errors import LockstepError
from lockstep.provenance import Provenance
from lockstep.stepped import StepDecided
from policies.request import planned, real
from policies.trials.cases import tried
from policies.world import World
from tests.laws.port import HARBOUR, LIST, PERMIT, plan, refusal, under, world
from worker.cli.story import told

ALLOW, DENY, ASK = Outcome.ALLOW, Outcome.DENY, Outcome.REQUIRE_APPROVAL

NO_COAL = """
@id("no-coal") @reason("coal is on its way out")
forbid (principal, action == Action::"ListShips", resource)
when { context.args.cargo.contains("coal") };
"""
ASK_FIRST = """
@id("ask-first") @reason("somebody should look") @approvers("harbour-master")
forbid (principal, action == Action::"ListShips", resource);
"""
PERMIT_LIST = """
@id("may-list") @reason("lists harm nobody")
permit (principal, action == Action::"ListShips", resource);
"""
OVERFLOWS = """
@id("broken") @reason("a sum that does not fit")
forbid (principal, action == Action::"ListShips", resource)
when { 9223372036854775807 + 1 > 0 };
"""


def request(at: World, **args: object) -> Request:
    given = {"cargo": ["coal"], "berth": "north", "when": {"days": 3, "unit": "day"}, **args}
    principal = at.principal_of("ana", "person")
    return real(
        principal,
        at.tools["ListShips"],
        environment="test",
        stage=at.environment.stage,
        step="list",
        args=given,  # type: ignore[arg-type]
        provenance=Provenance(),
    )


def would(at: World) -> dict[str, Outcome]:
    shadow = at.decider.decide(request(at)).shadow
    assert shadow is not None
    return {rule.id: rule.would for rule in shadow.would}


def test_a_tried_forbid_would_have_denied_and_an_approval_would_have_asked() -> None:
    """Each by its own id; both are told, though one would have been enough."""
    at = under(shadow=NO_COAL + ASK_FIRST)
    assert {"no-coal": DENY, "ask-first": ASK} == would(at)
    assert ALLOW is at.decider.decide(request(at)).outcome


@pytest.mark.parametrize("authorize", [PERMIT, "", PERMIT + NO_COAL.replace("no-coal", "real")])
@pytest.mark.parametrize("approvals", ["", ASK_FIRST.replace("ask-first", "real-ask")])
@pytest.mark.parametrize("shadow", [NO_COAL, ASK_FIRST, PERMIT_LIST, OVERFLOWS])
def test_nothing_that_is_tried_changes_a_decision(
    authorize: str, approvals: str, shadow: str
) -> None:
    """Neither the outcome nor its grounds nor its digest nor the policy's; not even by an error."""
    without, with_ = under(authorize, approvals), under(authorize, approvals, shadow)
    before = without.decider.decide(request(without))
    after = with_.decider.decide(request(with_))
    assert before == after.model_copy(update={"shadow": None})
    assert before.digest == after.digest
    assert without.pins == with_.pins


def test_a_tried_permit_is_told_only_where_nothing_permits() -> None:
    """Where a call is allowed or forbidden already, one more permit would have changed nothing."""
    assert {"may-list": ALLOW} == would(under("", shadow=PERMIT_LIST))
    assert {} == would(under(PERMIT, shadow=PERMIT_LIST))
    forbidden = PERMIT + NO_COAL.replace("no-coal", "real")
    assert {} == would(under(forbidden, shadow=PERMIT_LIST))


def test_a_tried_rule_that_cannot_be_evaluated_says_so() -> None:
    """It would have denied, as any rule that breaks; the call goes on."""
    made = (at := under(shadow=OVERFLOWS)).decider.decide(request(at))
    assert made.shadow is not None
    assert (ALLOW, ("broken",)) == (made.outcome, made.shadow.errors)
    assert "broken could not be evaluated, and would have DENIED" in made.shadow.lines


def test_of_a_plan_only_what_is_certain_is_told() -> None:
    """What the unknown decides is asked again with the real arguments."""
    at = under(shadow=NO_COAL + ASK_FIRST)
    (step,) = plan({**LIST, "args": {**LIST["args"], "cargo": {"$from": "x", "path": ""}}}).steps
    asked = planned(step, at, "ana", Provenance())
    made = at.decider.decide(asked)
    assert Phase.PLAN is asked.phase
    assert made.shadow is not None
    assert ["ask-first"] == [rule.id for rule in made.shadow.would]


@given(st.text(max_size=200))
def test_a_shadow_of_garbage_does_not_load_and_is_told(text: str) -> None:
    """Whoever tries a rule must learn that it is not being tried; blank text is no rule at all."""
    said = "shadow.cedar"
    try:
        under(shadow=text)
    except LockstepError as error:
        said = str(error)
    assert "shadow.cedar" in said


def test_its_rules_are_held_to_what_all_rules_are_held_to() -> None:
    """An id of its own, names that exist, and a role where it names approvers."""
    twice = refusal(lambda: under(PERMIT, shadow=PERMIT))
    assert "its id stands at authorize.cedar:1 too" in twice.problem
    wrong = refusal(lambda: under(shadow=NO_COAL.replace("ListShips", "ListShip")))
    assert "did you mean `ListShips`?" == wrong.fix
    role = refusal(lambda: under(shadow=ASK_FIRST.replace("harbour-master", "Harbour Master")))
    assert "is not a role's name" in role.problem


def test_a_case_may_expect_what_is_tried() -> None:
    """By rule and verdict; what is said and not expected, or expected and not said, fails."""
    at = under(shadow=NO_COAL + ASK_FIRST)

    def case(shadow: dict[str, str]) -> Case:
        return Case.model_validate(
            {
                "env": "test",
                "tool": "ListShips",
                "args": {"cargo": ["coal"], "berth": "north", "when": {"days": 3}},
                "expect": "ALLOW",
                "shadow": shadow,
            }
        )

    good = tried("case 1", case({"no-coal": "DENY", "ask-first": "REQUIRE_APPROVAL"}), at)
    assert () == good.findings
    assert {"no-coal", "ask-first"} <= good.reached
    bad = tried("case 1", case({"no-coal": "REQUIRE_APPROVAL"}), at)
    assert [
        "expected shadow rule `ask-first` to say nothing, found REQUIRE_APPROVAL",
        "expected shadow rule `no-coal` to say REQUIRE_APPROVAL, found DENY",
    ] == [found.problem for found in bad.findings]


def test_the_account_says_what_would_have_been() -> None:
    """Below the verdict that counted, in a line for each rule."""
    shadow = Shadow(
        policy=world().decider.policy,
        would=(ShadowRule(id="no-coal", would=DENY, reason="coal is on its way out"),),
    )
    made = (at := under()).decider.decide(request(at)).model_copy(update={"shadow": shadow})
    assert (
        "Step list: policy says ALLOW (all)\n"
        "  shadow: no-coal would have DENIED (coal is on its way out)"
    ) == told(StepDecided(step="list", decision=made))


def test_an_agent_without_the_file_tries_nothing() -> None:
    """And its decisions are written as they always were."""
    made = (at := load_package(HARBOUR).world("test")).decider.decide(request(at))
    assert made.shadow is None
    assert "shadow" not in made.model_dump(mode="json")
