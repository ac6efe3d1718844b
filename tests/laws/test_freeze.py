"""From a plan that passed to a lock: nothing is left to choose, and nothing depends on luck."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockstep.amount import Amount
from lockstep.decision import Outcome
from lockstep.duration import LONGEST
from lockstep.lock import Body, Lock
from lockstep.provenance import Provenance
from lockstep.trust import Trust
from policies.check import check
from policies.lineage.labels import planner_reads
from policies.locks.claims import claims
from policies.locks.freeze import MAX_BACKOFF, SLACK, deadline, freeze
from tests.laws.port import BY, LIST, STEPS, WEIGH, frozen, plan, with_, without, world

BODY = frozen()
EXTRA = (
    {"id": "again", "tool": "ListShips", "args": {"cargo": ["grain"]}},
    {"id": "sink", "tool": "ScuttleShip", "args": {"ship": "tender"}, "after": ["again", "weigh"]},
)


@given(st.permutations([*STEPS, *EXTRA]))
@settings(max_examples=10)
def test_one_plan_in_any_order_of_its_steps_gives_one_lock(steps: list[Any]) -> None:
    """The order of the file means nothing: same digest, byte for byte."""
    assert Lock.freeze(frozen(*STEPS, *EXTRA)).digest == Lock.freeze(frozen(*steps)).digest


@given(st.data())
@settings(max_examples=10)
def test_one_plan_in_any_order_of_its_arguments_gives_one_lock(data: st.DataObject) -> None:
    """Keys may stand as they like, also where what they hold may not be believed."""
    steps = [
        {**step, "args": dict(data.draw(st.permutations([*step["args"].items()])))}
        for step in STEPS
    ]
    assert Lock.freeze(frozen(*STEPS)).digest == Lock.freeze(frozen(*steps)).digest


def test_two_machines_give_one_lock() -> None:
    """Freezing is a function: no clock, no chance, no name of who asked."""
    proposed = plan(*STEPS)
    bodies = [
        freeze(proposed, check(proposed, world(), by), world()) for by in ("ana", "somebody else")
    ]
    assert BODY == bodies[0] == bodies[1]


def test_steps_stand_in_an_order_that_can_be_run() -> None:
    """Each after all it needs, and where there is a choice by id."""
    body = frozen(*reversed((*STEPS, *EXTRA)))
    assert ["again", "list", "weigh", "post", "sink"] == [step.id for step in body.steps]
    assert [(), (), ("list",), ("list", "weigh"), ("again", "weigh")] == [
        step.needs for step in body.steps
    ]


def test_every_default_is_written_out() -> None:
    """What the plan left open is what the tool declares; what it said is what it said."""
    first = BODY.steps["list"]
    assert (timedelta(seconds=30), timedelta(seconds=10), 2) == (
        first.timeout,
        first.heartbeat,
        first.attempts,
    )
    assert ("read", "natural", Amount(calls=1, tokens=10), Outcome.ALLOW) == (
        first.effect,
        first.idempotency,
        first.cost,
        first.expected,
    )
    tight = frozen(with_(LIST, timeout="5s", attempts=1)).steps["list"]
    assert (timedelta(seconds=5), 1) == (tight.timeout, tight.attempts)
    missing = [
        f"{step.id}.{name}"
        for step in BODY.steps
        for name, value in step.model_dump().items()
        if value is None
    ]
    assert [] == missing


def test_the_goal_is_the_plans_or_else_the_agents() -> None:
    """A plan need not say it again."""
    assert "Post a notice of what lies in the harbour." == BODY.goal
    proposed = plan(*STEPS, goal="just this once")
    assert "just this once" == freeze(proposed, check(proposed, world(), BY), world()).goal


def test_the_lock_holds_what_the_agent_and_the_environment_say() -> None:
    """Whose it is, where it runs, within which limits, and who may be asked."""
    here = world()
    assert ("harbour", "harbourmaster", "test", "sandbox", "harbour.test") == (
        BODY.agent,
        BODY.role,
        BODY.environment,
        BODY.stage,
        BODY.task_queue,
    )
    assert (here.environment.limits, here.agent.approvers, here.agent.asking, here.pins) == (
        BODY.limits,
        BODY.approvers,
        BODY.asking,
        BODY.pins,
    )
    assert here.agent.input_schema == BODY.inputs


def test_a_reviewer_sees_what_will_be_touched() -> None:
    """The part of the catalogue that the plan names, with its attributes, and no more."""
    assert {"cargo": {"coal": {}}} == BODY.resources
    assert {
        "cargo": {"coal": {}, "grain": {}},
        "ship": {"tender": {"listed": False, "owner": "port"}},
    } == frozen(*STEPS, *EXTRA).resources


def test_an_expected_approval_is_written_down() -> None:
    """A run is held to the stricter of what was expected and what is decided then."""
    assert Outcome.REQUIRE_APPROVAL is frozen(*STEPS, *EXTRA).steps["sink"].expected
    found: Any = {"ship": {"$from": "list", "path": "/names/0"}}
    body = frozen(LIST, {"id": "sink", "tool": "ScuttleShip", "args": found})
    assert body.steps["sink"].expected in {Outcome.UNDECIDED, Outcome.REQUIRE_APPROVAL}
    assert {"cargo": {"coal": {}}} == body.resources


def test_a_plan_that_did_not_pass_is_not_frozen() -> None:
    """Whoever forgot to look at the findings is stopped here."""
    proposed = plan(without(LIST, "cargo"), WEIGH)
    with pytest.raises(ValueError, match="did not pass"):
        freeze(proposed, check(proposed, world(), BY), world())


@given(st.integers(1, 20), st.integers(1, 100_000))
@settings(max_examples=25)
def test_a_deadline_leaves_room_for_every_attempt(attempts: int, seconds: int) -> None:
    """All attempts at their longest, a pause between each two, and the wait for a worker."""
    timeout = timedelta(seconds=seconds)
    longest = timeout * attempts + MAX_BACKOFF * (attempts - 1) + SLACK
    assert timeout * attempts + SLACK <= deadline(timeout, attempts) <= longest
    assert deadline(timeout, attempts) < deadline(timeout, attempts + 1)


def test_a_deadline_can_always_be_written_down() -> None:
    """Twenty attempts of the longest timeout are cut to what a lock can say."""
    assert LONGEST == deadline(LONGEST, 20)
    spec = world().tools["ListShips"].model_copy(update={"timeout": LONGEST - timedelta(1)})
    here = replace(world(), tools={**world().tools, "ListShips": spec})
    body = frozen(LIST, here=here)
    assert body == Body.model_validate_json(body.model_dump_json())


def test_a_lock_says_where_arguments_come_from() -> None:
    """As far as policy is told, and nothing where there is nothing to tell."""
    assert Provenance() == BODY.steps["list"].provenance
    assert Provenance(untrusted=("/text", "/weight"), sources=("ListShips", "WeighCargo")) == (
        BODY.steps["post"].provenance
    )
    written = BODY.model_dump(mode="json")
    assert "provenance" not in written["steps"][0]
    assert "literals" not in written


def test_a_model_s_plan_is_the_same_lock_where_all_it_read_is_trusted() -> None:
    """Who wrote it is then a statement about the lock; else the lock doubts its literals."""
    proposed = plan(*STEPS)
    trusted = check(proposed, world(), BY, planner_reads(world()))
    assert BODY == freeze(proposed, trusted, world())

    doubted = check(proposed, world(), BY, Trust.UNTRUSTED)
    body = freeze(proposed, doubted, world())
    assert Trust.UNTRUSTED is body.literals
    assert ("/cargo",) == body.steps["list"].provenance.untrusted
    assert () == tuple(claims(body, world()))
