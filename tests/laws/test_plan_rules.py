"""Forbidden combinations, so many at most, and rules that are code: of the worst run, or broken."""

from pathlib import Path
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from activities.files.rules import load_rules
from activities.package import load_package
from lockstep.canonical import digest_bytes
from lockstep.finding import Finding
from lockstep.resource import Resource
from lockstep.tool import ToolSpec, tool
from policies.check import check
from policies.graph.certainty import Shape
from policies.graph.coded import OwnRules
from policies.graph.combinations import AtMost, NeverTogether
from policies.graph.rules import Rules
from tests.laws.port import BY, STEPS, checked, copied, plan, refusal, world, world_with


class Metric(BaseModel):
    metric: str = "load"


class Several(BaseModel):
    names: list[str]


class Nothing(BaseModel):
    pass


@tool("Remove", effect="destructive")
def remove(request: Metric) -> Nothing:
    return Nothing()


@tool("Create", effect="write")
def create(request: Several) -> Nothing:
    return Nothing()


SPECS: dict[str, ToolSpec] = {one.name: one.spec for one in (remove, create)}
SAME = NeverTogether(
    id="no-swap",
    tools=("Remove", "Create"),
    same={"Remove": "/metric", "Create": "/names"},
    reason="what goes does not come back",
)
FROM = {"$from": "x", "path": ""}


def step(id: str, tool: str, args: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": id, "tool": tool, "args": args, **more}


def shape(*steps: dict[str, Any], edits: dict[str, Any] | None = None) -> Shape:
    return Shape.of(plan(*steps).steps, SPECS, edits or {})


def broken(rule: Any, given: Shape) -> list[Finding]:
    return list(rule.violations(given))


def test_tools_that_must_not_meet_do_not_meet() -> None:
    """Without a word on what they are about, one of each is one too many."""
    rule = NeverTogether(id="n", tools=("Remove", "Create"), reason="r")
    both = shape(step("a", "Remove", {}), step("b", "Create", {"names": ["x"]}))
    (found,) = broken(rule, both)
    assert ("LS-RULE-004", "step `b`") == (found.code, found.place)
    assert "policy violation: r (n): `a` (Remove) and `b` (Create)" == found.problem
    assert [] == broken(rule, shape(step("a", "Remove", {}), step("b", "Remove", {})))


@given(st.sets(st.sampled_from("abcd")), st.sets(st.sampled_from("abcd"), min_size=1))
def test_what_is_compared_is_found_exactly_where_it_is_the_same(
    removed: set[str], created: set[str]
) -> None:
    """One finding for each thing that both are about, and none for the rest."""
    steps = [step(f"r{one}", "Remove", {"metric": one}) for one in sorted(removed)]
    found = broken(SAME, shape(*steps, step("c", "Create", {"names": sorted(created)})))
    expected = [f'`r{one}` (Remove) and `c` (Create) about `"{one}"`' for one in "abcd"]
    expected = [line for line, one in zip(expected, "abcd", strict=True) if one in removed]
    expected = [line for line in expected if line[-3] in created]
    assert expected == [one.problem.partition(": ")[2].partition(": ")[2] for one in found]


def test_a_default_counts_as_what_the_tool_is_given() -> None:
    """Who leaves an argument out still calls with it."""
    found = broken(SAME, shape(step("a", "Remove", {}), step("b", "Create", {"names": ["load"]})))
    assert ["LS-RULE-004"] == [one.code for one in found]


@pytest.mark.parametrize(
    ("metric", "names", "count"),
    [
        (FROM, ["y"], 1),
        ("x", FROM, 1),
        ("x", ["y", FROM], 1),
        (FROM, [], 0),
        ("x", ["y"], 0),
    ],
)
def test_what_only_the_run_knows_cannot_be_shown_to_differ(
    metric: Any, names: Any, count: int
) -> None:
    """So the rule is broken, unless the other is certainly about nothing."""
    found = broken(
        SAME, shape(step("a", "Remove", {"metric": metric}), step("b", "Create", {"names": names}))
    )
    assert count == len(found)
    assert all("which only a run knows" in one.problem for one in found)


def test_an_edit_by_a_human_is_held_to_the_rule() -> None:
    """The last arguments of a step count; of a loop those of every item."""
    steps = (step("a", "Remove", {"metric": "x"}), step("b", "Create", {"names": ["y"]}))
    assert [] == broken(SAME, shape(*steps))
    assert 1 == len(broken(SAME, shape(*steps, edits={"b": ({"names": ["x"]},)})))
    after = {"b": ({"names": ["x"]}, {"names": ["z"]})}
    assert [] == broken(SAME, shape(*steps, edits=after))
    loop = step("a", "Remove", {"metric": "x"}, for_each={"in": FROM, "max": 3})
    edited = shape(loop, steps[1], edits={"a": ({"metric": "q"}, {"metric": "y"})})
    assert 1 == len(broken(SAME, edited))


def test_resources_are_compared_wherever_their_names_stand() -> None:
    """By kind: a list, a default and a reference are looked at as policy would look at them."""

    class One(BaseModel):
        ship: Annotated[str, Resource("ship")]
        note: str = ""

    class Many(BaseModel):
        ships: list[Annotated[str, Resource("ship")]]

    @tool("Sink", effect="destructive")
    def sink(request: One) -> Nothing:
        return Nothing()

    @tool("Load", effect="write")
    def load(request: Many) -> Nothing:
        return Nothing()

    rule = NeverTogether(id="n", tools=("Sink", "Load"), resource="ship", reason="r")
    specs = {one.name: one.spec for one in (sink, load)}

    def found(one: dict[str, Any], many: Any) -> int:
        steps = plan(step("s", "Sink", one), step("l", "Load", {"ships": many})).steps
        return len(broken(rule, Shape.of(steps, specs)))

    assert 1 == found({"ship": "ada"}, ["bea", "ada"])
    assert 0 == found({"ship": "ada"}, ["bea"])
    assert 1 == found({"ship": "ada"}, ["bea", FROM])
    # What the run decides here is no ship.
    assert 0 == found({"ship": "ada", "note": FROM}, ["bea"])


@given(st.lists(st.integers(0, 5), max_size=5), st.integers(0, 12))
def test_at_most_counts_steps_and_every_round_of_a_loop(loops: list[int], most: int) -> None:
    """A loop counts with its maximum; retries and other tools do not count."""
    steps = [
        step(
            f"s{n}",
            "Remove",
            {},
            **({"for_each": {"in": FROM, "max": rounds}} if rounds else {}),
        )
        for n, rounds in enumerate(loops)
    ]
    given_ = shape(*steps, step("other", "Create", {"names": []}))
    calls = sum(max(rounds, 1) for rounds in loops)
    by_calls = broken(AtMost(id="m", tool="Remove", calls=most, reason="r"), given_)
    by_steps = broken(AtMost(id="m", tool="Remove", steps=most, reason="r"), given_)
    assert (calls > most, len(loops) > most) == (bool(by_calls), bool(by_steps))


def test_at_most_says_how_many_and_where() -> None:
    """The finding names the steps, what there is and what is allowed."""
    loop = step("a", "Remove", {}, for_each={"in": FROM, "max": 9})
    (found,) = broken(AtMost(id="m", tool="Remove", calls=5, reason="r"), shape(loop))
    assert ("LS-RULE-005", "plan") == (found.code, found.place)
    assert "policy violation: r (m): 9 calls of `Remove` in `a`, and 5 are allowed" == found.problem
    assert "take out steps, or lower `max` of their loops" == found.fix


@pytest.mark.parametrize(
    ("rule", "fields", "why"),
    [
        (NeverTogether, {"tools": ["A"]}, "at least 2"),
        (NeverTogether, {"tools": ["A", "A"]}, "stands twice"),
        (NeverTogether, {"tools": ["A", "B"], "same": {"A": "/x"}}, "for each of `tools`"),
        (
            NeverTogether,
            {"tools": ["A", "B"], "same": {"A": "/x", "B": "/y"}, "resource": "k"},
            "keep one",
        ),
        (AtMost, {"tool": "A"}, "neither"),
    ],
)
def test_a_rule_that_says_too_little_or_too_much_is_refused(
    rule: type[BaseModel], fields: dict[str, Any], why: str
) -> None:
    """Before it is asked anything."""
    with pytest.raises(ValidationError, match=why):
        rule.model_validate({"id": "x", "reason": "r", **fields})


def test_rules_without_the_new_kinds_have_the_digest_they_had() -> None:
    """Locks that were made before do not drift."""
    assert {"lockstep", "before", "mandatory"} == {*world().rules.model_dump(mode="json")}


OWN = """
from lockstep import PlanView, Violation, plan_rule

@plan_rule("own.notice", reason="a notice is no novel")
def notice(plan: PlanView):
    for step in plan.steps_of("PostNotice"):
        if step.effect != "write" or step.calls > 1:
            yield Violation(steps=(step.id,), problem="it is long", fix="shorten it")

class Looked:
    id = "own.looked"
    reason = "looking comes first"
    def violations(self, plan):
        for step in plan.steps_of("PostNotice"):
            early = plan.steps_of("ListShips")
            if not any(plan.before(step.id, one.id) for one in early):
                walk = plan.walk(step.id, early[0].id) if early else None
                yield Violation(steps=(step.id, *(walk or ())[1:]))

looked = Looked()
also_looked = looked
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return copied(tmp_path)


def own(tmp_path: Path, text: str) -> OwnRules:
    path = tmp_path / "rules.py"
    path.write_text(text)
    return load_rules(path, world().rules)


def test_rules_of_an_agent_are_functions_and_objects(folder: Path) -> None:
    """Loaded with the package, asked with the check, pinned by the digest of their source."""
    (folder / "policy" / "rules.py").write_text(OWN)
    here = load_package(folder).world("test")
    assert ["own.looked", "own.notice"] == [rule.id for rule in here.own.rules]
    assert digest_bytes(OWN.encode()) == here.pins.policy["rules.py"]
    assert () == check(plan(*STEPS), here, BY).findings
    listed, weighed, posted = STEPS
    looped = {**posted, "for_each": {"in": {"$from": "list", "path": "/names"}, "max": 2}}
    found = check(plan(listed, weighed, looped), here, BY).findings
    assert [
        "LS-RULE-006 step `post`: policy violation: a notice is no novel (own.notice): it is long; "
        "shorten it"
    ] == [str(one) for one in found]


def test_a_lock_drifts_when_the_code_of_its_rules_does(folder: Path) -> None:
    """A comment is enough: what a change means is nobody's to guess."""
    before = load_package(folder).world("test").pins.policy
    (folder / "policy" / "rules.py").write_text(OWN)
    with_ = load_package(folder).world("test").pins.policy
    (folder / "policy" / "rules.py").write_text(f"{OWN}# no more\n")
    changed = load_package(folder).world("test").pins.policy
    assert "rules.py" not in before
    assert with_["rules.py"] != changed["rules.py"]


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("raise OSError('a secret')", "OSError"),
        ("return ['words']", "TypeError"),
        ("return 3", "TypeError"),
        ("return [Violation(steps=(1,))]", "ValidationError"),
        ("plan.before('post', 'nobody')", "KeyError"),
    ],
)
def test_a_rule_that_breaks_has_not_been_kept(tmp_path: Path, body: str, error: str) -> None:
    """Whatever it raises or answers; its message may hold anything and is not shown."""
    head = "from lockstep import Violation, plan_rule\n@plan_rule('own.bad', reason='r')\n"
    rules = own(tmp_path, f"{head}def bad(plan):\n    {body}\n")
    (found,) = rules.violations(Shape.of(plan(*STEPS).steps))
    assert ("LS-RULE-003", "rule `own.bad`") == (found.code, found.place)
    assert f"could not be evaluated: {error}" == found.problem


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "has no rule in it"),
        ("def rule(plan): ...", "has no rule in it"),
        ("import nonsense_of_no_kind", "cannot be imported: ModuleNotFoundError"),
        ("from .tools import list_ships", "cannot be imported: ImportError"),
        ("def (", "cannot be imported: SyntaxError"),
        ("exit()", "cannot be imported: "),
        ("from lockstep import plan_rule\nplan_rule('no id', reason='')", "ValidationError"),
        ("class R:\n id='x y'\n reason='r'\n def violations(self, plan): ...\nr=R()", "an id"),
        (OWN.replace("own.looked", "harbour.looked"), "two rules are called `harbour.looked`"),
    ],
)
def test_a_module_that_is_none_or_says_nothing_is_refused(
    tmp_path: Path, text: str, problem: str
) -> None:
    """With its file, and what is wrong with it."""
    found = refusal(lambda: own(tmp_path, text))
    assert ("LS-POLICY-001", str(tmp_path / "rules.py")) == (found.code, found.place)
    assert problem in found.problem


@pytest.mark.parametrize(
    "rule",
    [
        '[[at_most]]\nid = "m"\ntool = "ListShip"\nsteps = 1\nreason = "r"\n',
        '[[never_together]]\nid = "n"\ntools = ["ListShip", "PostNotice"]\nreason = "r"\n',
    ],
)
def test_a_rule_about_a_tool_that_is_misspelt_is_refused(folder: Path, rule: str) -> None:
    """It would forbid nothing, and nobody would know."""
    with (folder / "policy" / "rules.toml").open("a") as rules:
        rules.write(f"\n{rule}")
    found = refusal(lambda: load_package(folder))
    assert ("LS-AGENT-003", "did you mean `ListShips`?") == (found.code, found.fix)


def test_the_model_is_told_of_rules_that_are_code(folder: Path) -> None:
    """By id and reason, as far as words go."""
    (folder / "policy" / "rules.py").write_text(OWN)
    told = load_package(folder).world("test").own.told
    assert {"id": "own.looked", "reason": "looking comes first"} in told


def test_new_rules_are_asked_with_the_check() -> None:
    """They stand beside the others in `rules.toml`."""
    rules = Rules.model_validate(
        {"at_most": [{"id": "m", "tool": "ListShips", "calls": 0, "reason": "r"}]}
    )
    assert ["LS-RULE-005"] == [
        found.code for found in checked(*STEPS, here=world_with(rules=rules)).findings
    ]
