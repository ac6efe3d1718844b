"""An environment is looked at before the first step, by calls that policy decides as any."""

from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from lockstep.decision import Outcome
from lockstep.finding import Finding
from lockstep.lock import Lock
from lockstep.preflight import Preflight, name_of, step_of
from policies.check import check
from policies.checks.bounds import EVENTS
from policies.checks.preflight import impossible
from policies.locks.claims import claims
from policies.locks.drift import drift
from policies.locks.freeze import freeze
from policies.world import World
from tests.laws.port import BY, LIST, STEPS, Json, checked, frozen, plan, world, world_with

LOOK: Json = {
    "tool": "ListShips",
    "args": {"cargo": ["coal"]},
    "expect": [{"at": "/count", "is": ">=", "value": 1}],
    "reason": "without a ship there is nothing to tell",
}


def with_looks(**looks: Json) -> World:
    found = {name: Preflight.model_validate(one) for name, one in looks.items()}
    return world_with(preflight=found)


def said(**looks: Json) -> list[tuple[str, str]]:
    here = with_looks(**looks)
    found = impossible(here.environment, here.tools, "test.toml")
    return [(one.place, one.problem) for one in found]


def test_a_preflight_is_a_call_and_what_must_hold_of_it() -> None:
    """Nothing is said of one that can be made."""
    assert [] == said(ships=LOOK)


def with_(**changes: Any) -> Json:
    return {**LOOK, **changes}


@pytest.mark.parametrize(
    ("look", "at", "says"),
    [
        (with_(tool="ListShip"), "tool", "tool `ListShip` is not in environment `test`"),
        (with_(tool="FireCannon"), "tool", "tool `FireCannon` is not in environment `test`"),
        (with_(tool="PostNotice"), "tool", "tool `PostNotice` is of effect `write`"),
        (with_(args={}), "args", "argument `cargo` is missing"),
        (with_(args={"cargo": ["coal"], "boat": 1}), "args", "argument `boat` is not known"),
        (with_(args={"cargo": "coal"}), "args/cargo", "wanted `array`"),
        (with_(expect=[{"at": "/cuont", "is": "==", "value": 1}]), "expect/0", "names `cuont`"),
        (
            with_(expect=[*LOOK["expect"], {"at": "/count", "is": "==", "value": "1"}]),
            "expect/1",
            "is never ==",
        ),
    ],
)
def test_one_that_could_not_be_made_is_refused_at_load(look: Json, at: str, says: str) -> None:
    """By its place in the manifest: the tool, an argument, an expectation."""
    ((place, problem),) = said(ships=look)
    assert f"test.toml/preflight/ships/{at}" == place
    assert says in problem


@pytest.mark.parametrize(
    "look",
    [
        with_(expect=[]),
        with_(expect=[{"at": "count", "is": "==", "value": 1}]),
        with_(expect=[{"at": "/count", "is": "~", "value": 1}]),
        with_(args={"cargo": {"$from": "list", "path": "/names"}}),
        with_(args={"cargo": ["coal"], "when": {"days": {"$input": "/days"}}}),
        with_(expect=[{"at": "/count", "is": "==", "value": {"$run": "/id"}}]),
        with_(after=["list"]),
    ],
)
def test_a_preflight_is_literal_and_expects_something(look: Json) -> None:
    """Nothing has run that it could refer to."""
    with pytest.raises(ValidationError):
        Preflight.model_validate(look)


def test_its_call_is_decided_and_counted_with_every_plan() -> None:
    """A decision of its own, and its worst case on top of the plan's, before the first step."""
    plain, looked = checked(*STEPS), checked(*STEPS, here=with_looks(ships=LOOK))
    assert plain.passed
    assert looked.passed
    first, *rest = looked.decisions
    assert (step_of("ships"), Outcome.ALLOW) == (first.step, first.outcome)
    assert plain.decisions == tuple(rest)
    assert 2 == looked.worst.calls - plain.worst.calls
    assert plain.bounds.calling is not None
    assert looked.bounds.calling is not None
    assert 61 == (looked.bounds.calling - plain.bounds.calling).total_seconds()
    assert 2 * EVENTS == looked.bounds.events - plain.bounds.events


def only(here: World) -> Finding:
    (found,) = check(plan(*STEPS), here, BY).findings
    return found


def test_policy_may_forbid_a_look() -> None:
    """Then no plan passes: what cannot be looked at is not known to be as expected."""
    spec = world().tools["ListShips"].model_copy(update={"name": "FindShips"})
    tools = {**world().tools, "FindShips": spec}
    here = world_with(
        specs=tools,
        tools={**world().environment.tools, "FindShips": world().environment.tools["ListShips"]},
        preflight={"ships": Preflight.model_validate(with_(tool="FindShips"))},
    )
    found = only(here)
    assert "step `preflight-ships`" == found.place
    assert found.code in ("LS-POLICY-002", "LS-POLICY-003")


def test_a_look_names_what_exists() -> None:
    """As a step does."""
    found = only(with_looks(ships=with_(args={"cargo": ["gold"]})))
    assert ("LS-ENV-003", "step `preflight-ships` /cargo/0") == (found.code, found.place)


def test_a_step_is_not_called_as_a_look_is() -> None:
    """Nobody could tell which of them an account means."""
    step = {**LIST, "id": "preflight-ships"}
    found = check(plan(step), with_looks(ships=LOOK), BY).findings
    assert ["LS-PLAN-002"] == [one.code for one in found]
    assert "ships" == name_of(step_of("ships"))


def test_a_lock_holds_its_looks_and_an_old_one_is_what_it_was() -> None:
    """Each with its verdict and its times; where there is none, nothing is written down."""
    assert "preflight" not in frozen(*STEPS).model_dump(mode="json")
    body = frozen(*STEPS, here=with_looks(ships=LOOK))
    (look,) = body.preflight
    assert ("preflight-ships", 2, Outcome.ALLOW) == (
        look.step.id,
        look.step.attempts,
        look.step.expected,
    )
    assert ["`preflight-ships/count >= 1`"] == [f"`{guard}`" for guard in look.expect]
    assert ["preflight-ships", "list", "weigh", "post"] == [step.id for step in body.calls]
    lock = Lock.freeze(body)
    assert lock == Lock.model_validate_json(lock.model_dump_json())


def test_a_look_that_came_went_or_changed_is_drift() -> None:
    """Whoever adds one wants it made before every run."""
    here, plain = with_looks(ships=LOOK), world()
    body = frozen(*STEPS, here=here)
    assert () == drift(body, here)
    assert [] == list(claims(body, here))
    part = "environment `test`: `preflight.ships`"
    changed = with_looks(ships=with_(expect=[{"at": "/count", "is": ">=", "value": 2}]))
    assert [f"{part} has changed"] == [one.problem for one in drift(body, changed)]
    assert [f"{part} is gone"] == [one.problem for one in drift(body, plain)]
    old = frozen(*STEPS)
    assert [f"{part} is new"] == [one.problem for one in drift(old, here)]


def test_a_lock_cannot_claim_other_looks() -> None:
    """A digest does not say who froze: what is looked at is held against the manifest."""
    here = with_looks(ships=LOOK)
    body = frozen(*STEPS, here=here)
    (look,) = body.preflight
    for forged in ((), (look, look), (look.model_copy(update={"expect": look.expect * 2}),)):
        said = claims(body.model_copy(update={"preflight": forged}), here)
        assert ["claims something else of `preflight` than the agent and its manifest say"] == [
            one.problem for one in said
        ]


def test_a_look_of_which_policy_would_have_somebody_asked_is_refused() -> None:
    """Nobody is asked about a run that has not begun."""
    here = with_looks(ships=LOOK)
    (look, *_) = check(plan(*STEPS), here, BY).decisions
    asked = look.model_copy(update={"outcome": Outcome.REQUIRE_APPROVAL})

    class Asks:
        """A decider that wants every look approved."""

        policy, engine = here.decider.policy, here.decider.engine
        grounds, submits = here.decider.grounds, here.decider.submits
        weighs_plans, names_steps = here.decider.weighs_plans, True
        submit, replan = here.decider.submit, here.decider.replan

        def decide(self, request: Any) -> Any:
            made = here.decider.decide(request)
            return asked if request.step == asked.step else made

    found = only(replace(here, decider=Asks()))
    assert ("LS-ENV-010", "step `preflight-ships`") == (found.code, found.place)
    assert not check(plan(*STEPS), replace(here, decider=Asks()), BY).passed
    with pytest.raises(ValueError, match="did not pass"):
        freeze(plan(*STEPS), check(plan(*STEPS), replace(here, decider=Asks()), BY), here)
