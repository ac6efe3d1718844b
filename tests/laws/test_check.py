"""A plan is checked before anything runs: every code for its own cause, in one line, with a fix."""

import re
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from lockstep.amount import Amount
from lockstep.decision import Outcome
from lockstep.environment import Limits
from lockstep.finding import Finding
from lockstep.trust import Emits, Trust
from policies.cedar.decider import CedarDecider
from policies.check import check
from policies.graph.rules import Before, Mandatory, Rules
from tests.laws.pace import within
from tests.laws.port import (
    BY,
    LIST,
    POST,
    STEPS,
    WEIGH,
    Json,
    checked,
    codes,
    frozen,
    only,
    plan,
    with_,
    without,
    world,
    world_with,
)

SCUTTLE: Json = {"id": "sink", "tool": "ScuttleShip", "args": {"ship": "skiff"}}

NO_RULES = world_with(rules=Rules())
TIGHT = world_with(limits=Limits(steps=2, calls=7, tokens=19))
BLIND = world_with(resources={"ship": {}, "cargo": {"coal": {}}})


def test_a_sound_plan_passes() -> None:
    """Nothing is found, every step is decided, and the worst that it may spend is known."""
    found = checked(*STEPS)
    assert found.passed
    assert ((), (Outcome.ALLOW,) * 3) == (
        found.findings,
        tuple(decision.outcome for decision in found.decisions),
    )


CAUSES: list[Any] = [
    pytest.param((), "LS-PLAN-001", "plan", "add one", id="no steps"),
    pytest.param((*STEPS, LIST), "LS-PLAN-002", "plan", "rename one", id="one id twice"),
    pytest.param(
        (with_(LIST, after=["post"]), WEIGH, POST), "LS-PLAN-003", "step `post` /text",
        "remove one of the edges", id="cycle",
    ),
    pytest.param(
        (with_(LIST, after=["list"]),), "LS-PLAN-003", "step `list`",
        "remove one of the edges", id="loop",
    ),
    pytest.param(
        (*STEPS, {"id": "a", "tool": "ListShip"}), "LS-PLAN-004", "step `a`",
        "did you mean `ListShips`?", id="no such tool",
    ),
    pytest.param(
        (*STEPS, {"id": "a", "tool": "Zzz"}), "LS-PLAN-004", "step `a`",
        "use one of the agent's tools: `ListShips`, `PostNotice`, `ScuttleShip`, `WeighCargo`",
        id="nothing like that tool",
    ),
    pytest.param(
        (LIST, with_(WEIGH, after=["lits"])), "LS-PLAN-005", "step `weigh`",
        "did you mean `list`?", id="no such step",
    ),
    pytest.param(
        (with_(LIST, after=["lists"]),), "LS-PLAN-005", "step `list`",
        "name a step of this plan", id="no step but itself comes close",
    ),
    pytest.param(
        (LIST, with_(WEIGH, args={"ships": {"$from": "zzz"}})), "LS-PLAN-005",
        "step `weigh` /ships", "name a step of this plan", id="output of no step",
    ),
    pytest.param(
        (without(LIST, "cargo"),), "LS-PLAN-006", "step `list`", "add `cargo`: `array`", id="006"
    ),
    pytest.param(
        (with_(LIST, args={"carg": 1}),), "LS-PLAN-007", "step `list`",
        "did you mean `cargo`?", id="unknown argument",
    ),
    pytest.param(
        (with_(LIST, args={"berth": 7}),), "LS-PLAN-008", "step `list` /berth",
        "give a value of that type", id="misfit",
    ),
    pytest.param(
        (with_(LIST, args={"berth": {"$input": "/birth"}}),), "LS-PLAN-009", "step `list` /berth",
        "did you mean `berth`?", id="no such field",
    ),
    pytest.param(
        (with_(LIST, args={"berth": {"$input": "/days"}}),), "LS-PLAN-010", "step `list` /berth",
        "refer to a field of the right type, or write a value of it", id="wrong type",
    ),
    pytest.param(
        (with_(LIST, args={"berth": {"$env": "HOME"}}),), "LS-PLAN-011", "step `list` /berth",
        "correct the reference", id="malformed reference",
    ),
    pytest.param(
        (with_(LIST, timeout="31s"),), "LS-PLAN-012", "step `list`",
        "lower `timeout` or leave it out", id="too much time",
    ),
    pytest.param(
        (with_(LIST, attempts=3),), "LS-PLAN-012", "step `list`",
        "lower `attempts` or leave it out", id="too many attempts",
    ),
    pytest.param(
        (LIST, {"id": "a", "tool": "FireCannon"}), "LS-ENV-002", "step `a`",
        "use a tool that its manifest names", id="tool elsewhere",
    ),
    pytest.param(
        (with_(LIST, args={"cargo": ["coal", "graim"]}),), "LS-ENV-003", "step `list` /cargo/1",
        "did you mean `grain`?", id="no such resource",
    ),
    pytest.param(
        (LIST, with_(SCUTTLE, args={"ship": "zzz"})), "LS-ENV-003", "step `sink` /ship",
        "name a `ship` of its manifest", id="nothing like that resource",
    ),
    pytest.param(
        (LIST, WEIGH, {**without(POST, "text"), "args": {"text": "hi"}, "after": []}),
        "LS-RULE-001", "step `post`", "add the missing edge: `list` to `after` of `post`",
        id="order",
    ),
    pytest.param(
        ({**WEIGH, "args": {"ships": []}},), "LS-RULE-002", "plan", "add a `ListShips` step",
        id="mandatory",
    ),
    pytest.param(
        (LIST, with_(SCUTTLE, args={"ship": "aurora"})), "LS-POLICY-002", "step `sink`",
        "change the arguments or leave the step out", id="denied",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("steps", "code", "place", "fix"), CAUSES)
def test_every_cause_has_its_code_and_no_other(
    steps: tuple[Json, ...], code: str, place: str, fix: str
) -> None:
    """Exactly one thing is found, where it is, with what to do about it."""
    found = only(*steps)
    assert (code, place, fix) == (found.code, found.place, found.fix)


@pytest.mark.parametrize(("steps", "code", "place", "fix"), CAUSES)
def test_every_finding_is_one_line(
    steps: tuple[Json, ...], code: str, place: str, fix: str
) -> None:
    """Code, place, problem and fix, without a capital and without a full stop."""
    found = only(*steps)
    assert f"{code} {place}: {found.problem}; {fix}" == str(found)
    assert 1 == len(str(found).splitlines())
    assert 250 > len(str(found))
    assert not found.problem.endswith(".")
    assert found.problem[0] == found.problem[0].lower() or found.code == "LS-POLICY-002"


def test_the_articles_refusals_read_as_in_the_articles() -> None:
    """The environment says what is not there, and policy what it blocks and why."""
    assert (
        "LS-ENV-003 step `list` /cargo/0: cargo `cole` is not in environment `test`; "
        "did you mean `coal`?"
    ) == str(only(with_(LIST, args={"cargo": ["cole"]})))
    assert (
        "ScuttleShip(`aurora`) is BLOCKED by harbour.listed-ship: a listed ship stays afloat"
    ) == only(LIST, with_(SCUTTLE, args={"ship": "aurora"})).problem
    assert (
        "policy violation: nothing is told that was not looked at (harbour.look-first)"
    ) == only(LIST, {"id": "post", "tool": "PostNotice", "args": {"text": "hi"}}).problem


def test_a_cycle_is_told_as_a_walk() -> None:
    """Each step and the one it needs, back to the first."""
    found = only(with_(LIST, after=["post"]), WEIGH, POST)
    assert found.problem.endswith(": a cycle never ends")
    walk = found.problem.removesuffix(": a cycle never ends").replace("`", "").split(" needs ")
    needs = {step.id: step.needs for step in plan(with_(LIST, after=["post"]), WEIGH, POST).steps}
    assert walk[0] == walk[-1]
    assert all(later in needs[step] for step, later in pairwise(walk))


def test_a_step_that_refers_to_itself_is_told_where_it_does() -> None:
    """Each such step by itself, beside any cycle of several."""
    itself = with_(WEIGH, args={"ships": {"$from": "weigh"}})
    found = checked(with_(LIST, after=["post"]), itself, POST).findings
    assert [
        ("step `weigh` /ships", "`weigh` needs `weigh`: a cycle never ends"),
        ("step `list`", "`list` needs `post` needs `list`: a cycle never ends"),
    ] == [(one.place, one.problem) for one in found if one.code == "LS-PLAN-003"]


def edge(found: Finding) -> tuple[str, str]:
    """The edge that a finding proposes: who is to need, and whom."""
    words = re.fullmatch("add the missing edge: `(.*)` to `after` of `(.*)`", found.fix)
    assert words is not None
    return words[2], words[1]


def test_the_missing_edge_is_proposed_and_mends_the_plan() -> None:
    """Whoever does what the fix says has a plan that passes."""
    loose: Json = {"id": "tell", "tool": "PostNotice", "args": {"text": "hi"}}
    found = only(LIST, loose)
    assert ("tell", "list") == edge(found)
    assert checked(LIST, with_(loose, after=["list"])).passed


def test_one_fault_is_not_told_in_the_words_of_another() -> None:
    """A step whose tool is unknown has no arguments to check, and a broken graph keeps no rules."""
    assert ["LS-PLAN-004"] == codes(
        LIST, {"id": "a", "tool": "Zzz", "args": {"x": {"$from": "list"}}}
    )
    assert ["LS-PLAN-005"] == codes(
        LIST, {"id": "tell", "tool": "PostNotice", "args": {"text": {"$from": "zzz", "path": "/a"}}}
    )
    assert ["LS-PLAN-004"] == codes(
        LIST,
        {"id": "a", "tool": "Zzz"},
        with_(POST, args={"text": {"$from": "a", "path": "/x"}, "weight": None}),
    )


def test_several_faults_are_all_told() -> None:
    """So that a plan is mended once and not five times."""
    found = checked(
        with_(LIST, args={"cargo": ["cole"], "berth": 7}, timeout="1h"),
        with_(WEIGH, args={"limit": {"tons": "x"}}),
        with_(SCUTTLE, args={"ship": "aurora"}),
        {"id": "tell", "tool": "PostNotice", "args": {"text": ""}},
    )
    assert [
        "LS-PLAN-008", "LS-PLAN-012", "LS-ENV-003", "LS-PLAN-008", "LS-PLAN-008", "LS-RULE-001",
        "LS-POLICY-002",
    ] == [one.code for one in found.findings]  # fmt: skip


def test_a_reference_is_not_the_name_of_a_resource() -> None:
    """What it will bring is not known yet: neither its words nor its step are looked up."""
    assert checked(
        LIST, with_(SCUTTLE, args={"ship": {"$from": "list", "path": "/names/0"}})
    ).passed
    assert checked(LIST, with_(SCUTTLE, args={"crew": {"$from": "list", "path": "/names"}})).passed


def test_a_name_beside_a_reference_is_still_a_name() -> None:
    """One list may hold both: what is known of it is checked now, and seen by the reviewer."""
    reference = {"$from": "list", "path": "/names/0"}
    found = only(LIST, with_(SCUTTLE, args={"crew": [reference, "nobody"]}))
    assert ("LS-ENV-003", "step `sink` /crew/1") == (found.code, found.place)
    body = frozen(LIST, with_(SCUTTLE, args={"crew": [reference, "tender"]}))
    assert ["skiff", "tender"] == sorted(body.resources["ship"])


def test_a_resource_is_looked_up_in_this_environment() -> None:
    """The same plan in a world without the resource."""
    assert ["LS-ENV-003"] == codes(LIST, SCUTTLE, here=BLIND)
    assert [] == codes(LIST, SCUTTLE)


def test_budgets_add_up() -> None:
    """The worst case is each step's cost times its attempts, and is held against the limits."""
    assert Amount(calls=2 + 3 + 3, tokens=20) == checked(*STEPS).worst
    once = [with_(step, attempts=1) for step in STEPS]
    assert Amount(calls=3, tokens=10) == checked(*once).worst
    found = checked(*STEPS, here=TIGHT).findings
    assert [
        "3 steps, and `test` allows 2",
        "may spend 8 calls, and `test` allows 7 a run",
        "may spend 20 tokens, and `test` allows 19 a run",
    ] == [one.problem for one in found]
    assert {"LS-PLAN-012"} == {one.code for one in found}
    exact = world_with(limits=Limits(steps=3, calls=8, tokens=20))
    assert checked(*STEPS, here=exact).passed


def test_a_cost_beyond_counting_is_too_much_and_no_accident() -> None:
    """Sums of the largest costs are refused like any other, not raised."""
    spec = world().tools["ListShips"]
    dear = spec.model_copy(update={"cost": Amount(calls=1, tokens=2**53 - 1)})
    here = world_with(specs={**world().tools, "ListShips": dear})
    assert ["LS-PLAN-012"] == codes(*STEPS, here=here)


def test_what_needs_approval_does_not_stop_a_plan() -> None:
    """It is decided, and will be asked, when the step is due."""
    found = checked(LIST, SCUTTLE)
    assert (True, Outcome.REQUIRE_APPROVAL) == (found.passed, found.decisions[-1].outcome)


class Broken:
    """A rule of somebody's own that cannot be evaluated."""

    id = "broken"

    def violations(self, shape: Any) -> Any:
        raise ZeroDivisionError


def test_a_rule_that_breaks_is_a_rule_that_is_not_kept() -> None:
    """What cannot be decided is denied, and says so."""
    broken: Any = (Broken(),)
    rules = Rules.model_construct(before=(), mandatory=broken)
    found = only(*STEPS, here=world_with(rules=rules))
    assert ("LS-RULE-003", "rule `broken`") == (found.code, found.place)
    assert "could not be evaluated: ZeroDivisionError" == found.problem


def test_a_policy_that_cannot_be_evaluated_denies() -> None:
    """Here the decider serves another environment than the plan is for."""
    elsewhere = world_with(name="prod")
    found = checked(LIST, here=elsewhere).findings
    assert {"LS-POLICY-003"} == {one.code for one in found}
    assert "correct the policy" == found[0].fix


def test_five_hundred_steps_are_checked_quickly() -> None:
    """Every step needing the twenty before it, with rules about all of them."""
    rules = Rules(
        before=(
            Before(id="a", first="ListShips", then="PostNotice", reason="r"),
            Before(id="b", first="PostNotice", then="ListShips", reason="r"),
        ),
        mandatory=(Mandatory(id="c", tool="WeighCargo", reason="r"),),
    )
    here = world_with(rules=rules, limits=Limits(steps=1000, calls=10_000, tokens=100_000))
    steps = [
        {
            **({"tool": "ListShips", "args": {"cargo": ["coal"]}} if n % 2 else
               {"tool": "PostNotice", "args": {"text": "hi"}}),
            "id": f"s{n:03}",
            "after": [f"s{m:03}" for m in range(max(0, n - 20), n)],
        }
        for n in range(500)
    ]  # fmt: skip
    proposed = plan(*steps)
    with within(1):
        found = check(proposed, here, BY)
    assert ["LS-RULE-001", "LS-RULE-002"] == [one.code for one in found.findings]


def test_a_plan_too_long_for_anybody_is_not_looked_at() -> None:
    """Ten thousand steps, each of them wrong, are refused by their number."""
    proposed = plan(*({"id": f"s{n}", "tool": "Zzz"} for n in range(10_000)))
    with within(0.1):
        (found,) = check(proposed, world(), BY).findings
    assert "10,000 steps, and no environment allows more than 1,000" == found.problem


def test_of_many_findings_the_first_hundred_are_told() -> None:
    """And that there are more; hostile names do not make the search for a nearer one expensive."""
    names = [f"coal{n}" for n in range(1000)]
    steps = [with_(LIST, id=f"s{n}", args={"cargo": names}) for n in range(5)]
    with within(1):
        found = checked(*steps, here=NO_RULES).findings
    assert (101, "LS-PLAN-012") == (len(found), found[-1].code)
    assert "findings more" in found[-1].problem


def test_a_call_that_is_held_back_says_whose_words_it_would_be_given() -> None:
    """Back through what only passed them on, where the rule looked; a denial says so in place."""
    asks = """
    @id("notice.text") @reason("a stranger writes no notices") @approvers("harbour-master")
    forbid (principal, action == Action::"PostNotice", resource) when { !context.trusted.text };
    """
    specs = {**world().tools}
    specs["WeighCargo"] = specs["WeighCargo"].model_copy(update={"emits": Emits.INHERITED})
    texts = world().texts.model_copy(update={"approvals": asks})
    here = replace(
        world_with(specs=specs), decider=CedarDecider.load(texts, specs, world().environment)
    )
    found = checked(*STEPS, here=here)
    (doubt,) = found.doubts
    assert found.passed
    assert (
        "post",
        "`text` comes from step `weigh` (WeighCargo /heaviest), and so from step `list` "
        "(ListShips /ships), which is untrusted",
    ) == (doubt.step, doubt.says)

    never = asks.replace('@approvers("harbour-master")', "")
    texts = texts.model_copy(update={"authorize": texts.authorize + never, "approvals": ""})
    here = replace(here, decider=CedarDecider.load(texts, specs, world().environment))
    problem = only(*STEPS, here=here).problem
    assert problem.startswith("PostNotice() is BLOCKED by notice.text: a stranger writes no")
    assert problem.endswith(f"({doubt.says})")


def test_what_a_model_wrote_down_is_said_to_be_its_own() -> None:
    """Where what it read may not be believed."""
    asks = """
    @id("ships.cargo") @reason("cargo is chosen by people") @approvers("harbour-master")
    forbid (principal, action == Action::"ListShips", resource) when { !context.trusted.cargo };
    """
    texts = world().texts.model_copy(update={"approvals": asks})
    decider = CedarDecider.load(texts, world().tools, world().environment)
    found = check(plan(LIST), replace(world(), decider=decider), BY, Trust.UNTRUSTED)
    assert ["`cargo` is written in the plan by a model that reads what is untrusted"] == [
        doubt.says for doubt in found.doubts
    ]
    assert () == check(plan(LIST), replace(world(), decider=decider), BY).doubts
