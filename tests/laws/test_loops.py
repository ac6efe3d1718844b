"""Loops: a list and an item by schema, a bound in the plan, and an account that counts it."""

from typing import Any

import jsonschema_rs
import pytest
from pydantic import ValidationError

from lockstep.lock import Lock
from lockstep.loop import label, listed
from lockstep.schemas import published
from lockstep.stepped import StepCompleted, StepCounted, StepGathered
from lockstep.value import Value
from policies.checks.arguments import check_value
from tests.laws.port import (
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
)
from worker.cli.drawing import conditions
from worker.cli.story import told

SHIPS = {"$from": "list", "path": "/ships"}


def each(over: Any = SHIPS, most: int = 3, **args: Any) -> Json:
    """A notice for each ship."""
    given = {"text": {"$item": "/name"}, **args}
    return {
        "id": "tell",
        "tool": "PostNotice",
        "args": given,
        "for_each": {"in": over, "max": most},
    }


def test_an_item_is_checked_field_by_field() -> None:
    """By the schema of the list's items; what it does not have is not to be referred to."""
    assert () == checked(LIST, each()).findings
    (wrong,) = checked(LIST, each(text={"$item": "/tons"})).findings
    assert ("LS-PLAN-010", "step `tell` /text") == (wrong.code, wrong.place)
    (gone,) = checked(LIST, each(text={"$item": "/nmae"})).findings
    assert ("LS-PLAN-009", "did you mean `name`?") == (gone.code, gone.fix)
    assert "which the item does not have" in gone.problem
    names = {"$from": "list", "path": "/names"}
    assert () == checked(LIST, each(names, text={"$item": ""})).findings


def test_an_item_outside_a_loop_is_a_finding() -> None:
    """In arguments, in guards, and as a loop's own list."""
    assert "LS-PLAN-017" == only(LIST, {**POST, "args": {"text": {"$item": ""}}}).code
    guarded = with_(each(), when=[{"left": {"$item": "/tons"}, "is": ">", "right": 1}])
    assert "LS-PLAN-017" == only(LIST, guarded).code
    assert "LS-PLAN-017" in codes(LIST, each({"$item": ""}))


@pytest.mark.parametrize(
    ("over", "code"),
    [
        ({"$from": "list", "path": "/count"}, "LS-PLAN-017"),
        ({"$from": "list", "path": ""}, "LS-PLAN-017"),
        (["a", "b"], "LS-PLAN-017"),
        ({"$from": "list", "path": "/shpis"}, "LS-PLAN-009"),
        ({"$from": "lits", "path": "/ships"}, "LS-PLAN-005"),
        ({"$list": "ships"}, "LS-PLAN-011"),
    ],
)
def test_a_loop_goes_through_a_list_that_is_referred_to(over: Any, code: str) -> None:
    """A literal list is so many steps, and anything else no list."""
    assert code == codes(LIST, each(over))[0]


@pytest.mark.parametrize("most", [0, 101, -1, 1.5])
def test_a_loop_has_a_bound(most: Any) -> None:
    """Between 1 and 100, written in the plan."""
    with pytest.raises(ValidationError):
        plan(LIST, each(most=most))


def test_a_loop_gives_a_list() -> None:
    """Whole, or one of its items; not as if it had been one call."""
    after = {"id": "end", "tool": "PostNotice", "args": {"text": "x"}}
    first = with_(after, args={"text": {"$from": "tell", "path": "/0/url"}})
    assert () == checked(LIST, each(), first).findings
    flat = with_(after, args={"text": {"$from": "tell", "path": "/url"}})
    assert ["LS-PLAN-009"] == codes(LIST, each(), flat)
    fleets = {**LIST, "id": "fleets", "args": {"cargo": ["coal"]}}
    looped = with_(fleets, for_each={"in": SHIPS, "max": 2})
    weigh = with_(WEIGH, args={"ships": {"$from": "fleets", "path": "/1/ships"}})
    assert () == checked(LIST, looped, weigh).findings


def test_a_list_of_outputs_fits_its_schema() -> None:
    """Shared definitions stay where references find them."""
    spec = plan(LIST).steps["list"]
    fleet: Json = {
        "$defs": {"Ship": {"type": "object", "required": ["name"]}},
        "type": "object",
        "properties": {"ships": {"type": "array", "items": {"$ref": "#/$defs/Ship"}}},
    }
    schema = listed(fleet, 2)
    assert [] == list(check_value(spec.id, schema, [{"ships": [{"name": "a"}]}], "X"))
    assert list(check_value(spec.id, schema, [{"ships": [{}]}], "X"))
    assert list(check_value(spec.id, schema, [{}, {}, {}], "X"))


def test_a_loop_is_counted_as_often_as_it_may_go_round() -> None:
    """What is promised of calls and money holds for the longest list."""
    alone = checked(LIST).worst
    once = checked(LIST, each(most=1)).worst
    many = checked(LIST, each(most=10)).worst
    assert 10 * (once.calls - alone.calls) == many.calls - alone.calls
    assert "LS-PLAN-012" in codes(LIST, each(most=100))


def test_a_loop_counts_for_no_rule_since_its_list_may_be_empty() -> None:
    """A mandatory step is one that is done."""
    empty = {**LIST, "id": "more", "args": {"cargo": ["coal"]}, "for_each": {"in": SHIPS, "max": 2}}
    post = {**POST, "after": ["more"], "args": {"text": "x"}}
    assert [] == codes(LIST, empty, post)
    of_input = with_(LIST, when=[{"left": {"$input": "/days"}, "is": ">", "right": 1}])
    assert ["LS-RULE-001", "LS-RULE-002"] == codes(of_input, empty, post)


def test_nothing_stands_in_for_one_item_of_many() -> None:
    """A step runs once; an item may be given an output, or leave the loop out."""
    near = {**LIST, "id": "near", "args": {"cargo": ["coal"]}}
    fleets = with_(near, id="fleets", for_each={"in": SHIPS, "max": 2})
    wrong = with_(fleets, on_error={"FogTooThick": {"step": "near"}})
    assert "give an `output` for the item" in checked(LIST, wrong, near).findings[0].fix
    given = {"output": {"ships": [], "names": [], "count": 0}}
    assert [] == codes(LIST, with_(fleets, on_error={"FogTooThick": given}))
    assert [] == codes(LIST, with_(fleets, on_error={"FogTooThick": {"skip": True}}))


def test_a_loop_is_locked_as_it_was_written() -> None:
    """And a step that is none is written as it always was."""
    body = frozen(LIST, each())
    lock = Lock.freeze(body)
    assert {"in": SHIPS, "max": 3} == body.model_dump(mode="json")["steps"][-1]["for_each"]
    assert lock == Lock.model_validate_json(lock.model_dump_json())
    assert all("for_each" not in step for step in frozen(*STEPS).model_dump(mode="json")["steps"])
    assert ("list",) == body.steps["tell"].needs == body.steps["tell"].draws


def test_each_item_has_a_name_of_its_own() -> None:
    """So that it has an activity, a key, a reservation and questions of its own."""
    assert ("tell", "tell[0]", "tell[12]") == (
        label("tell", None),
        label("tell", 0),
        label("tell", 12),
    )


def test_a_loop_is_drawn_and_told() -> None:
    """Whoever reviews it sees the list and the bound."""
    step = plan(LIST, each(most=20)).steps["tell"]
    assert ["for each of list/ships (at most 20)"] == list(conditions(step))
    value, _ = Value.of([])
    assert "Step tell: goes through 1 item" == told(StepCounted(step="tell", items=1))
    gathered = told(StepGathered(step="tell", items=2, value=value))
    assert gathered.startswith("Step tell: 2 items done, 2 bytes, sha256:")
    made = StepCompleted.model_validate(
        {
            "step": "tell",
            "item": 3,
            "value": value,
            "spent": {},
            "decision": value.digest,
            "idempotency_key": "",
        }
    )
    assert told(made).startswith("Step tell[3]: completed")


def test_the_published_schema_has_the_whole_language() -> None:
    """An editor that knows the schema takes what the reader takes, and refuses what it refuses."""
    schema = jsonschema_rs.validator_for(published("plan"))
    guard = {"left": {"$from": "list", "path": "/count"}, "is": ">", "right": 0}
    said = with_(each(), when=[guard], on_error={"FogTooThick": {"skip": True}})
    given = {"lockstep": "plan/1", "steps": [LIST, said]}
    assert schema.is_valid(given)
    assert schema.is_valid(plan(LIST, said).model_dump(mode="json"))
    assert not schema.is_valid({**given, "steps": [with_(said, when=[{**guard, "is": "~"}])]})
    assert not schema.is_valid({**given, "steps": [with_(said, for_each={"in": SHIPS})]})
