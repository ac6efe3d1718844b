"""A plan is data: steps that are found by what they are, and one digest for what it says."""

import json
import pickle
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from lockstep.plan import Plan, Steps, ToolStep
from tests.laws.port import LIST, POST, STEPS, WEIGH, Json, plan, with_


def shuffled(value: Any, draw: Any) -> Any:
    """The same value with the keys of each object in another order."""
    if isinstance(value, dict):
        return {key: shuffled(value[key], draw) for key in draw(st.permutations(list(value)))}
    if isinstance(value, list):
        return [shuffled(child, draw) for child in value]
    return value


@given(st.data())
@settings(max_examples=30)
def test_key_order_does_not_change_the_digest(data: st.DataObject) -> None:
    """A plan is what it says, not how its file was written."""
    written = {"lockstep": "plan/1", "goal": "tell", "steps": list(STEPS)}
    other = json.loads(json.dumps(shuffled(written, data.draw), indent=3))
    assert Plan.model_validate(written).digest == Plan.model_validate(other).digest


@pytest.mark.parametrize(
    "other",
    [
        (with_(LIST, args={"cargo": ["grain"]}), WEIGH, POST),
        (with_(LIST, reason="because"), WEIGH, POST),
        (with_(LIST, after=["weigh"]), WEIGH, POST),
        (with_(LIST, timeout="1s"), WEIGH, POST),
        (with_(LIST, attempts=1), WEIGH, POST),
        (LIST, WEIGH),
    ],
)
def test_every_word_of_a_plan_counts(other: tuple[Json, ...]) -> None:
    """Arguments, reasons, edges and limits each change the digest."""
    assert plan(*STEPS).digest != plan(*other).digest


def test_what_is_written_out_and_what_is_left_out_are_one_plan() -> None:
    """A default that somebody wrote down is still the default; a length has one spelling."""
    short = plan({"id": "list", "tool": "ListShips", "timeout": "60s"})
    long = plan(
        {
            "kind": "tool", "id": "list", "tool": "ListShips", "args": {}, "after": [],
            "reason": "", "timeout": "1m", "attempts": None,
        }
    )  # fmt: skip
    assert short.digest == long.digest


def test_a_plan_survives_being_written_and_read() -> None:
    """As JSON, as Python's data, and as a pickle."""
    one = plan(*STEPS)
    assert one == Plan.model_validate_json(one.model_dump_json())
    assert one == Plan.model_validate(one.model_dump())
    assert one == pickle.loads(pickle.dumps(one))


def test_steps_are_found_by_place_by_id_and_by_name() -> None:
    """`steps[0]`, `steps["post"]`, `"PostNotice" in steps`, and a slice."""
    steps = plan(*STEPS).steps
    assert ("list", "ListShips") == (steps[0].id, steps[0].name)
    assert steps[2] == steps["post"] == steps[-1]
    assert steps[1:] == (steps["weigh"], steps["post"])
    assert "PostNotice" in steps
    assert "post" in steps
    assert steps[0] in steps
    assert 3 == len(steps)


def test_what_is_not_in_a_plan_is_not_found() -> None:
    """Neither a tool that no step names, nor an id, nor a step of another plan."""
    steps = plan(*STEPS).steps
    assert "ScuttleShip" not in steps
    assert "postnotice" not in steps
    assert ToolStep(id="post", tool="PostNotice") not in steps
    assert 3 not in steps
    with pytest.raises(KeyError, match="PostNotice"):
        steps["PostNotice"]
    assert "x" not in Steps[ToolStep]()


def test_a_step_needs_what_it_names_and_what_it_refers_to() -> None:
    """Each once, sorted; inputs and the run are no steps, and malformed references name none."""
    (step,) = plan(
        {
            "id": "post",
            "tool": "PostNotice",
            "after": ["weigh", "ask", "weigh"],
            "args": {
                "a": {"$from": "list", "path": "/ships/0"},
                "b": [[{"c": {"$from": "deep"}}], {"$from": "list"}],
                "d": {"$input": "/days"},
                "e": {"$run": "/id"},
                "f": {"$from": 5},
                "g": {"$from": "lost", "$input": "/x"},
                "h": "$from",
            },
        }
    ).steps
    assert ("ask", "deep", "list", "weigh") == step.needs


@pytest.mark.parametrize(
    "fields",
    [
        {"id": ""},
        {"id": "1st"},
        {"id": "a b"},
        {"id": "a" * 64},
        {"id": "list\n"},
        {"id": "../list"},
        {"id": "--list"},
        {"tool": "List-Ships"},
        {"tool": "List.Ships"},
        {"kind": "shell"},
        {"attempts": 0},
        {"attempts": 21},
        {"timeout": "0s"},
        {"timeout": 30},
        {"reason": "r" * 1001},
        {"after": "list"},
        {"arguments": {}},
        {"args": [1]},
        {"args": {"x": float("nan")}},
        {"args": {"x": [2**53]}},
        {"args": {"x": {"\ud800": 1}}},
    ],
    ids=repr,
)
def test_a_step_of_another_shape_is_refused(fields: Json) -> None:
    """Names that could be paths or flags, unknown fields, and arguments that have no digest."""
    with pytest.raises(ValidationError):
        plan({"id": "list", "tool": "ListShips", **fields})


def test_a_plan_is_closed_and_says_its_version() -> None:
    """An unknown field is a mistake, and an unknown version is another language."""
    others: list[Json] = [{"lockstep": "plan/2"}, {"lockstep": None}, {"stages": []}]
    for fields in others:
        with pytest.raises(ValidationError):
            Plan.model_validate({"lockstep": "plan/1", "steps": [], **fields})
    with pytest.raises(ValidationError):
        Plan.model_validate({"steps": []})


def test_what_a_step_does_not_say_is_what_it_may_say() -> None:
    """Its defaults are taken as they stand, and are such as would pass; no two steps share one."""
    step, other = (ToolStep(id="post", tool="PostNotice") for _ in range(2))
    assert step == ToolStep.model_validate(dict(step))
    assert step.on_error is not other.on_error
    assert step.args is not other.args
