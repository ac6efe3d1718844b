"""Guards: found wrong before anything runs where they could only come out one way, and weighed
without guessing when the values are there.
"""

from itertools import product
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from lockstep.finding import Finding
from lockstep.guard import Comparator, Guard, Weighed, weighed
from lockstep.lock import Lock
from lockstep.reference import resolve
from lockstep.stepped import StepGuarded
from policies.checks.arguments import Sources
from policies.checks.guards import check_guards
from tests.laws.port import LIST, POST, STEPS, WEIGH, Json, checked, frozen, only, plan, with_
from worker.cli.drawing import conditions
from worker.cli.story import told

COMPARATORS: tuple[Comparator, ...] = get_args(Comparator)
COUNT = {"$from": "list", "path": "/count"}
NAMES = {"$from": "list", "path": "/names"}
FLAG = {"$from": "list", "path": "/ships/0/flag"}
BERTH = {"$input": "/berth"}


def guard(left: Any, how: str, right: Any) -> Json:
    return {"left": left, "is": how, "right": right}


def found(*guards: Json) -> list[Finding]:
    """What is wrong with a plan whose middle step has these guards."""
    return list(checked(LIST, with_(WEIGH, when=list(guards)), POST).findings)


def weigh(left: Any, how: str, right: Any, **outputs: Any) -> Weighed:
    one = Guard.model_validate(guard(left, how, right))
    return weighed(one, lambda value: resolve(value, outputs=outputs, inputs={}, run={}))


@pytest.mark.parametrize(
    ("left", "how", "right"),
    [
        (COUNT, ">", 0),
        (COUNT, "==", 1.5),
        (0, "<=", COUNT),
        (FLAG, "!=", "NO"),
        (BERTH, "==", "north"),
        (BERTH, "in", ["north", "south"]),
        ("aurora", "in", NAMES),
        (BERTH, "not in", NAMES),
        ({"$run": "/scheduled_at"}, ">=", "2026-01-01"),
    ],
)
def test_a_guard_of_two_things_that_can_be_compared_passes(left: Any, how: str, right: Any) -> None:
    """Numbers with numbers, words with words, on whichever side the reference stands."""
    assert [] == found(guard(left, how, right))


@pytest.mark.parametrize(
    ("left", "how", "right", "problem"),
    [
        (COUNT, ">", "0", "`number` is never > `string`"),
        (NAMES, "==", "aurora", "`==` compares"),
        (COUNT, "in", NAMES, "`number` is never in `string`"),
        (COUNT, "in", 3, "wants a list on its right, found `number`"),
        (FLAG, "<", True, "`<` compares `number` or `string`, found `boolean`"),
        (FLAG, "==", None, "found `null`"),
        (1, "<", 2, "compares two literals"),
        (COUNT, "==", COUNT, "compares a value with itself"),
        (BERTH, "not in", [], "the list is empty"),
        (BERTH, "==", "nroth", '"nroth" is nothing that it can be'),
        (BERTH, "in", ["south", "east"], '"east" is nothing that it can be'),
    ],
)
def test_a_guard_that_can_only_come_out_one_way_is_a_finding(
    left: Any, how: str, right: Any, problem: str
) -> None:
    """Whoever wrote it meant something else, and is told by day."""
    (one,) = found(guard(left, how, right))
    assert ("LS-PLAN-015", "step `weigh` /when/0") == (one.code, one.place[:20])
    assert problem in one.problem


@pytest.mark.parametrize(
    ("right", "passes"),
    [(True, True), (False, True), ("auto", True), ("autp", False), (1, False), (0, False)],
)
def test_a_word_or_a_boolean_may_be_either(right: Any, passes: bool) -> None:
    """An enumeration beside a boolean does not list all that the value can be; and to Python `1`
    is `true`, which it is nowhere else.
    """
    mode: Json = {"anyOf": [{"const": "auto", "type": "string"}, {"type": "boolean"}]}
    output: Json = {"type": "object", "properties": {"mode": mode}, "required": ["mode"]}
    sources = Sources(outputs={"list": output}, inputs={})
    one = Guard.model_validate(guard({"$from": "list", "path": "/mode"}, "==", right))
    assert passes == (not list(check_guards("weigh", (one,), sources)))


def test_a_misspelt_word_is_guessed() -> None:
    """An enumeration knows its words."""
    (one,) = found(guard(BERTH, "==", "nroth"))
    assert "did you mean `north`?" == one.fix


def test_a_guard_s_references_are_checked_like_an_argument_s() -> None:
    """A field that is not there, an object that is no reference, a reference inside a literal."""
    gone = guard({"$from": "list", "path": "/cuont"}, ">", 0)
    (one,) = found(gone)
    assert ("LS-PLAN-009", "did you mean `count`?") == (one.code, one.fix)
    assert ["LS-PLAN-011"] == [one.code for one in found(guard({"$step": "list"}, ">", 0))]
    assert ["LS-PLAN-011"] == [one.code for one in found(guard(BERTH, "in", [BERTH]))]


def test_a_guard_is_an_edge() -> None:
    """What a guard looks at is needed and drawn from, although no argument names it."""
    step = plan(LIST, with_(POST, when=[guard(COUNT, ">", 0)], after=[])).steps["post"]
    assert ("list", "weigh") == step.draws == step.needs
    lone = with_({**WEIGH, "args": {"ships": []}}, when=[guard(COUNT, ">", 0)])
    assert ("list",) == plan(LIST, lone).steps["weigh"].draws
    other = with_(lone, when=[guard({"$from": "lits", "path": "/count"}, ">", 0)])
    assert "LS-PLAN-005" == only(LIST, other).code
    circle = with_(LIST, when=[guard({"$from": "weigh", "path": "/tons"}, ">", 0)])
    assert "LS-PLAN-003" in [one.code for one in checked(circle, WEIGH, POST).findings]


def test_a_step_without_guards_is_written_as_it_always_was() -> None:
    """So that locks from before there were guards keep their digests."""
    body = frozen(*STEPS)
    assert all("when" not in step for step in body.model_dump(mode="json")["steps"])
    assert all("when" not in step for step in plan(*STEPS).model_dump(mode="json")["steps"])


def test_a_guard_is_locked_as_it_was_written() -> None:
    """And read back the same: its key is `is`, on paper and in the lock."""
    given = guard(COUNT, ">", 0)
    body = frozen(LIST, WEIGH, with_(POST, when=[given]))
    lock = Lock.freeze(body)
    assert [given] == body.model_dump(mode="json")["steps"][-1]["when"]
    assert lock == Lock.model_validate_json(lock.model_dump_json())
    assert lock.digest != Lock.freeze(frozen(*STEPS)).digest


def test_more_guards_than_anybody_needs_are_refused() -> None:
    """Sixteen of one step, and nothing that is called by another name."""
    with pytest.raises(ValidationError, match="at most 16"):
        plan(LIST, with_(WEIGH, when=[guard(COUNT, ">", 0)] * 17))
    with pytest.raises(ValidationError, match="extra_forbidden"):
        plan(LIST, with_(WEIGH, when=[{"left": 1, "is_": "==", "right": 1}]))


SCALARS = st.one_of(st.integers(-3, 3), st.sampled_from([0.5, 1.0, 2.5]), st.sampled_from("abc"))
PYTHON = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


@given(SCALARS, SCALARS, st.sampled_from(sorted(PYTHON)))
def test_values_of_one_kind_compare_as_they_do_anywhere(left: Any, right: Any, how: str) -> None:
    """And of two kinds not at all: then the guard does not hold, and says why."""
    made = weigh({"$from": "a"}, how, {"$from": "b"}, a=left, b=right)
    if isinstance(left, str) is isinstance(right, str):
        assert ("", PYTHON[how](left, right)) == (made.problem, made.holds)
    else:
        assert made.problem
        assert not made.holds


@given(SCALARS, st.lists(SCALARS, max_size=4))
def test_a_list_has_what_is_in_it(left: Any, members: list[Any]) -> None:
    """`in` and `not in` are each other's opposite wherever either can be told."""
    there = weigh({"$from": "a"}, "in", {"$from": "b"}, a=left, b=members)
    absent = weigh({"$from": "a"}, "not in", {"$from": "b"}, a=left, b=members)
    if there.problem:
        assert absent.problem
        assert not there.holds
        assert not absent.holds
    else:
        assert (left in members, left not in members) == (there.holds, absent.holds)


@pytest.mark.parametrize(("value", "how"), [*product([None, [1], {"x": 1}], COMPARATORS)])
def test_what_cannot_be_compared_does_not_hold(value: Any, how: str) -> None:
    """Whichever way round it is asked: a null is no yes to `!=`."""
    made = weigh({"$from": "a"}, how, 1, a=value)
    assert not made.holds
    assert made.problem


@pytest.mark.parametrize("how", COMPARATORS)
def test_a_field_that_is_not_there_does_not_hold_and_is_named(how: str) -> None:
    """An optional field may be absent: that is an answer, and not a failure."""
    made = weigh({"$from": "a", "path": "/flag"}, how, "NO", a={})
    assert not made.holds
    assert "`a/flag`: `flag` is not there" == made.problem


def test_a_number_is_no_truth() -> None:
    """1 is not true, in a comparison as in a list."""
    assert weigh({"$from": "a"}, "==", 1, a=True).problem
    assert not weigh({"$from": "a"}, "in", [1, False], a=True).holds


def test_a_large_operand_is_compared_and_not_shown() -> None:
    """What the run records of it stays small."""
    text = "x" * 1000
    made = weigh({"$from": "a"}, "==", text, a=text)
    assert (True, None, None) == (made.holds, made.left, made.right)
    assert len(str(made)) < 300


def test_a_guard_is_drawn_as_it_reads() -> None:
    """Whoever reviews a plan sees on what each step depends."""
    given = [guard(COUNT, ">", 0), guard(BERTH, "in", ["north"])]
    step = plan(LIST, with_(WEIGH, when=given)).steps["weigh"]
    assert ['when list/count > 0 and $input/berth in ["north"]'] == list(conditions(step))


def test_a_guard_s_outcome_is_told_in_words() -> None:
    """What was compared, what was found, and what could not be told."""
    made = (weigh({"$from": "a"}, ">", 0, a=3), weigh({"$from": "a", "path": "/x"}, ">", 0, a={}))
    told_ = told(StepGuarded(step="s", holds=False, comparisons=made))
    assert (
        "Step s: is not wanted, `a > 0` holds (3 and 0); "
        "`a/x > 0` cannot be told: `a/x`: `x` is not there"
    ) == told_
