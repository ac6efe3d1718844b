"""Fallbacks: what may stand in for a step, found wrong before anything runs where it cannot."""

from typing import Any

import pytest
from pydantic import ValidationError

from lockstep.canonical import digest
from lockstep.fallback import Fallback, last
from lockstep.lock import Lock
from lockstep.stepped import StepCaught, StepReplaced
from lockstep.value import Value
from tests.laws.port import LIST, POST, STEPS, WEIGH, Json, checked, frozen, only, plan, with_
from worker.cli.drawing import conditions
from worker.cli.story import told

FLEET: Json = {"ships": [], "names": [], "count": 0}
NEAR: Json = {"id": "near", "tool": "ListShips", "args": {"cargo": ["coal"]}}


def falling(**fallback: Any) -> Json:
    """The first step, with a fallback for the one error that its tool declares."""
    return with_(LIST, on_error={"FogTooThick": fallback})


def test_a_declared_error_may_have_a_fallback_of_each_kind() -> None:
    """Another step, an output, or nothing."""
    assert () == checked(falling(step="near"), NEAR, WEIGH, POST).findings
    assert (
        () == checked(with_(WEIGH, args={"ships": []}), NEAR, with_(POST, after=["near"])).findings
    )
    given = checked(with_(falling(output=FLEET)), WEIGH, with_(POST, after=[]), NEAR).findings
    assert ["LS-RULE-001"] == [one.code for one in given]
    skipped = checked(falling(skip=True), WEIGH, POST).findings
    assert ["LS-RULE-002"] == [one.code for one in skipped]


@pytest.mark.parametrize(
    "fallback",
    [{}, {"step": "near", "skip": True}, {"output": None}, {"skip": False}, {"go": "on"}],
)
def test_a_fallback_is_exactly_one_thing(fallback: Json) -> None:
    """Neither none nor two, and nothing that nobody knows."""
    with pytest.raises(ValidationError):
        plan(falling(**fallback), NEAR)


@pytest.mark.parametrize(
    ("steps", "code", "problem"),
    [
        ([with_(LIST, on_error={"FogTooThin": {"skip": True}}), NEAR], "LS-PLAN-016", "FogTooThin"),
        ([falling(step="naer"), NEAR], "LS-PLAN-005", "falls back on step `naer`"),
        ([falling(step="list")], "LS-PLAN-003", "a cycle"),
        (
            [falling(step="weigh"), {**WEIGH, "args": {"ships": []}}],
            "LS-PLAN-016",
            "an object without",
        ),
        ([falling(output={"ships": [], "names": []})], "LS-PLAN-016", "`count` is missing"),
        ([falling(output={**FLEET, "count": "none"})], "LS-PLAN-016", "wanted `integer`"),
        (
            [
                falling(step="near"),
                with_(
                    NEAR,
                    when=[{"left": {"$from": "list", "path": "/count"}, "is": ">", "right": 0}],
                ),
            ],
            "LS-PLAN-016",
            "which then has no output",
        ),
        (
            [falling(step="near"), NEAR, with_(WEIGH, after=["near"])],
            "LS-PLAN-016",
            "only stands in",
        ),
        (
            [
                falling(step="near"),
                NEAR,
                with_(LIST, id="other", on_error={"FogTooThick": {"step": "near"}}),
            ],
            "LS-PLAN-016",
            "stands in for",
        ),
    ],
)
def test_what_cannot_stand_in_is_found(steps: list[Json], code: str, problem: str) -> None:
    """An error that is not declared, a step that is not there, an output that does not fit, a
    stand-in that is used for something else.
    """
    found = [one for one in checked(*steps).findings if one.code == code]
    assert [True] == [problem in one.problem for one in found], found


def test_a_stand_in_that_waits_for_whoever_waits_for_it_is_a_cycle() -> None:
    """Its step is over when it is, and so it may need nothing that comes after its step."""
    assert () == checked(falling(step="near"), with_(NEAR, after=["list"]), WEIGH).findings
    circle = with_(NEAR, after=["weigh"])
    assert "LS-PLAN-003" == only(falling(step="near"), circle, WEIGH).code


def test_a_misspelt_error_is_guessed() -> None:
    """The tool says which it declares."""
    (one, *_) = checked(with_(LIST, on_error={"FogTooThik": {"skip": True}})).findings
    assert "did you mean `FogTooThick`?" == one.fix
    assert "step `list` /on_error/FogTooThik" == one.place


def test_a_stand_in_is_locked_behind_its_step_and_counted() -> None:
    """Its edge is in the lock, and its worst case in the account: both may have to be paid."""
    steps = (falling(step="near"), NEAR, WEIGH, POST)
    body = frozen(*steps)
    assert ("list",) == body.steps["near"].needs
    assert ["list", "near", "weigh", "post"] == [step.id for step in body.steps]
    assert 2 == checked(*steps).worst.calls - checked(*STEPS).worst.calls
    assert ("post",) == last(body.steps)
    lock = Lock.freeze(body)
    assert lock == Lock.model_validate_json(lock.model_dump_json())


def test_a_step_without_fallbacks_is_written_as_it_always_was() -> None:
    """So that locks from before there were fallbacks keep their digests."""
    assert all("on_error" not in step for step in frozen(*STEPS).model_dump(mode="json")["steps"])


def test_a_fallback_is_drawn_and_told() -> None:
    """Whoever reviews a plan, and whoever reads the account, sees what was provided for."""
    steps = plan(with_(falling(step="near"), when=[])).steps
    assert ["on FogTooThick: near"] == list(conditions(steps["list"]))
    caught = StepCaught.model_validate(
        {
            "step": "list",
            "error": "FogTooThick",
            "detail": "no sight",
            "fallback": Fallback(step="near"),
            "spent": {"calls": 1},
        }
    )
    assert "Step list: signalled FogTooThick(no sight), so step near stands in for it" == told(
        caught
    )
    value = Value(digest=digest({}), size=2)
    replaced = told(StepReplaced(step="list", by="near", value=value))
    assert replaced.startswith("Step list: its output is that of step near, 2 bytes, sha256:")
