"""Policy cases: what is asked is what a plan and a run are asked, and silence never passes."""

from functools import cache
from typing import Any

import pytest
from pydantic import ValidationError

from activities.files.cases import CASES, answered
from activities.package import AgentPackage, load_package
from lockstep.case import Case, Cases
from lockstep.decision import Outcome, Phase
from lockstep.loading import load
from lockstep.provenance import Provenance
from policies.trials.cases import tried
from policies.trials.expected import Tried, rules_of, unreached
from tests.laws.port import LIST, ROOT, checked, package, world, world_with

FLAGSHIP = ROOT / "examples" / "cluster_digest"


def case(**fields: Any) -> Case:
    given = {"env": "test", "tool": "ScuttleShip", "expect": "DENY"}
    return Case.model_validate({**given, **fields})


def asked(**fields: Any) -> Tried:
    return tried("case 1", case(**fields), world())


def problem(**fields: Any) -> str:
    """The one thing that a case is told."""
    (found,) = asked(**fields).findings
    assert ("LS-POLICY-004", "case 1") == (found.code, found.place)
    return found.problem


@cache
def flagship() -> AgentPackage:
    return load_package(FLAGSHIP)


def test_the_flagships_cases_are_answered_as_expected() -> None:
    """Each in each of its environments; a change of policy that matters shows here."""
    assert [] == [found for one in answered(flagship()) for found in one.findings]


def test_the_flagships_cases_reach_every_rule_in_every_environment_that_has_a_manifest() -> None:
    """No rule is untried, and no environment is left out."""
    results = answered(flagship())
    assert [] == list(unreached(rules_of(flagship().texts), results))
    assert set(flagship().environments) == {one.environment for one in results}


def test_a_case_of_a_plan_is_decided_as_check_decides_it() -> None:
    """The same decision, by its digest, but for the step's name."""
    (made,) = checked(LIST).decisions
    args = {"cargo": ["coal"], "when": {}}
    one = asked(tool="ListShips", args=args, unknown=["/berth", "/when/days"], expect="ALLOW")
    assert one.passed
    assert one.decision is not None
    assert made == one.decision.model_copy(update={"step": "list"})


def test_a_case_of_a_run_is_given_the_defaults_of_the_tools_model() -> None:
    """Policy judges what the tool would be given, here as in a run."""
    short, long = (
        asked(tool="ListShips", args=args, expect="ALLOW").decision
        for args in (
            {"cargo": ["coal"]},
            {"cargo": ["coal"], "berth": "north", "when": {"days": 7}},
        )
    )
    assert short is not None
    assert (Phase.RUN, short) == (short.phase, long)


def test_what_was_expected_and_found_is_told() -> None:
    """The verdict, the rules, the reason: whichever is the first that differs."""
    args = {"ship": "aurora"}
    right = asked(args=args, rules=["harbour.listed-ship"], reason="a listed ship stays afloat")
    assert right.passed
    found = "found DENY by harbour.listed-ship (harbour.listed-ship: a listed ship stays afloat)"
    assert f"expected ALLOW, {found}" == problem(args=args, expect="ALLOW")
    assert f"expected DENY by harbour.work, {found}" == problem(args=args, rules=["harbour.work"])
    assert f"expected DENY by no rule, {found}" == problem(args=args, rules=[])
    assert 'expected the reason "so", found "a listed ship stays afloat"' == problem(
        args=args, reason="so"
    )


def test_an_approval_lifts_what_asks_for_it_and_nothing_else() -> None:
    """With these arguments and under this policy, as a grant does in a run."""
    review = ["harbour.second-pair-of-eyes"]
    needed = asked(args={"ship": "skiff"}, expect="REQUIRE_APPROVAL", rules=review)
    lifted = asked(args={"ship": "skiff"}, approved=review, expect="ALLOW")
    denied = asked(args={"ship": "aurora"}, approved=review, expect="DENY")
    assert (True, True, True) == (needed.passed, lifted.passed, denied.passed)
    assert {"harbour.second-pair-of-eyes", "harbour.scuttling"} == lifted.reached


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"args": {"ship": "titanic"}}, "ship `titanic` is not in environment `test`"),
        ({"args": {"ship": "titanic"}, "unknown": ["/crew"]}, "ship `titanic` is not in env"),
        ({"args": {"ship": 1}}, "wanted `string`, found `1`"),
        ({"args": {}}, "argument `ship` is missing"),
        ({"args": {"ship": "skiff", "sip": 1}}, "argument `sip` is not known"),
        ({"args": {"ship": 1}, "unknown": ["/crew"]}, "wanted `string`, found `1`"),
    ],
)
def test_a_call_that_policy_would_never_see_fails_its_case(
    fields: dict[str, Any], says: str
) -> None:
    """Even where a denial is expected: nothing was denied by policy."""
    assert f"policy is not asked about this call: {says}" in problem(**fields)


def test_names_that_nobody_has_fail_a_case() -> None:
    """Tools, tools that are not in the environment, rules; with the nearest that there is."""
    (found,) = asked(tool="ScuttleShips").findings
    assert "tool `ScuttleShips` does not exist; did you mean `ScuttleShip`?" in str(found)
    assert "tool `FireCannon` is not in environment `test`" == problem(tool="FireCannon")
    assert "rule `harbour.wrok` does not exist" == problem(rules=["harbour.wrok"])
    assert "rule `x` does not exist" == problem(approved=["x"])


def test_a_policy_that_cannot_be_evaluated_is_not_taken_for_a_denial() -> None:
    """A case that expects DENY would pass for as long as policy is broken."""
    broken = world_with(name="elsewhere")
    (found,) = tried("case 1", case(args={"ship": "skiff"}), broken).findings
    assert "expected DENY, and policy could not be evaluated (environment)" == found.problem


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"phase": "run", "unknown": ["/ship"]}, "a run knows all arguments"),
        ({"expect": "UNDECIDED"}, "only a plan is UNDECIDED"),
        ({"unknown": ["/ship"], "trigger": "schedule"}, "are of a run, and this case is of a plan"),
        ({"phase": "plan", "approved": ["x"]}, "are of a run, and this case is of a plan"),
        ({"env": []}, "names no environment"),
        ({"args": {"ship": "a"}, "unknown": ["/ship"]}, "is in `args` and `unknown`: keep one"),
        ({"args": {"ship": "a"}, "unknown": ["/ship/x"]}, "has no place in `args`"),
        ({"args": {"crew": []}, "unknown": ["/crew/1"]}, "has no place in `args`"),
        ({"args": {"crew": []}, "unknown": ["/crew/-"]}, "has no place in `args`"),
        ({"unknown": ["ship"]}, "pattern"),
    ],
)
def test_a_case_that_nobody_could_ask_is_refused(fields: dict[str, Any], says: str) -> None:
    """When it is read, and with what is wrong with it."""
    with pytest.raises(ValidationError, match=says):
        case(**fields)


def test_an_unknown_argument_stands_where_it_is_named() -> None:
    """At the top, in an object that is not there yet, at the end of a list, in a list's object."""
    reference = {"$from": "before", "path": ""}
    made = case(
        args={"crew": ["skiff"], "ships": [{"a": 1}]},
        unknown=["/ship", "/when/days", "/crew/1", "/ships/0/b", "/a~1b"],
        expect="UNDECIDED",
    )
    assert {
        "crew": ["skiff", reference],
        "ships": [{"a": 1, "b": reference}],
        "ship": reference,
        "when": {"days": reference},
        "a/b": reference,
    } == made.planned_args()


def test_a_rule_that_no_case_reaches_is_listed() -> None:
    """As a warning: a rule that nobody tried is not broken."""
    rules = rules_of(package().texts)
    results = [asked(args={"ship": "aurora"}), asked(unknown=["/ship"], expect="UNDECIDED")]
    found = list(unreached(rules, results))
    assert {"LS-POLICY-005"} == {one.code for one in found}
    assert {"warning"} == {one.severity for one in found}
    assert {f"rule `{id}`" for id in rules} - {"rule `harbour.listed-ship`"} == {
        one.place for one in found
    }


def test_cases_are_not_policy() -> None:
    """They lie where no lock pins them, and the flagship's are a document like any other."""
    assert not CASES.startswith("policy/")
    assert Outcome.UNDECIDED in {one.expect for one in load(Cases, FLAGSHIP / CASES).case}


def test_a_case_says_whose_words_an_argument_is_made_of() -> None:
    """As a plan would; a name that the tool does not take, or a tool that there is not, is told."""
    made = asked(
        args={"ship": "skiff"},
        untrusted=["/ship"],
        steered=True,
        sensitive=True,
        sources=["WeighCargo", "ListShips"],
        expect="REQUIRE_APPROVAL",
    ).decision
    assert made is not None
    assert made.provenance == Provenance(
        untrusted=("/ship",), steered=True, sensitive=True, sources=("ListShips", "WeighCargo")
    )
    assert "takes no argument `shp`" in problem(args={"ship": "skiff"}, untrusted=["/shp"])
    assert "`ListShip` does not exist" in problem(args={"ship": "skiff"}, sources=["ListShip"])
