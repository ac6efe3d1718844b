"""Bounds: what a run may take at most, in whatever way it goes."""

import heapq
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockstep.bounds import Bounds
from lockstep.plan import Plan
from policies.checks.bounds import bounds, worst
from policies.locks.freeze import pauses
from tests.laws.port import LIST, POST, STEPS, WEIGH, Json, checked, plan, with_, world, world_with

SECOND = timedelta(seconds=1)
SPECS = {
    "ListShips": world().tools["ListShips"].model_copy(update={"timeout": SECOND, "attempts": 1})
}
NEAR: Json = {"id": "near", "tool": "ListShips", "args": {"cargo": ["coal"]}}
SHIPS = {"$from": "list", "path": "/ships"}


def calling(proposed: Plan, parallel: int) -> timedelta:
    found = bounds(proposed.steps, SPECS, parallel, {}).calling
    assert found is not None
    return found


def one(id: str, *after: str, **fields: Any) -> Json:
    return {"id": id, "tool": "ListShips", "args": {}, "after": list(after), **fields}


def test_a_chain_takes_as_long_as_its_calls() -> None:
    """However many slots there are; a fan takes as many rounds as it needs."""
    chain = plan(one("a"), one("b", "a"), one("c", "b"))
    assert [3 * SECOND] * 2 == [calling(chain, 1), calling(chain, 8)]
    fan = plan(*(one(f"s{n}") for n in range(8)))
    assert [8 * SECOND, 5 * SECOND, 2 * SECOND] == [calling(fan, n) for n in (1, 2, 8)]


def test_attempts_and_the_pauses_between_them_are_counted() -> None:
    """The longest that one step can keep others waiting."""
    found = checked(*STEPS).bounds.calling
    specs = world().tools
    long = [specs[name] for name in ("ListShips", "WeighCargo", "PostNotice")]
    each = [one.timeout * one.attempts + pauses(one.attempts) for one in long]
    assert sum(each, timedelta()) == found


def test_a_stand_in_begins_when_its_step_has_signalled() -> None:
    """Both may have to be waited for, and what the stand-in needs besides."""
    fallen = one("a", on_error={"FogTooThick": {"step": "b"}})
    assert 3 * SECOND == calling(plan(fallen, one("b"), one("c", "a")), 100)
    late = plan(fallen, one("b", "y"), one("x"), one("y", "x"), one("c", "a"))
    # Four in a chain and one beside it, rounded up to whole seconds.
    assert 5 * SECOND == calling(late, 1000)


def test_a_loop_takes_as_many_rounds_as_there_are_slots() -> None:
    """And is counted as often as it may go round, in calls and in the history."""
    tell = {"id": "tell", "tool": "PostNotice", "args": {"text": {"$item": "/name"}}}
    small, large = (
        checked(LIST, with_(tell, for_each={"in": SHIPS, "max": n}), here=world_with()).bounds
        for n in (1, 10)
    )
    assert 9 * 6 == large.events - small.events
    assert 9 * 18 * 1024 < large.bytes - small.bytes < 9 * 25 * 1024
    assert large.calling is not None
    assert small.calling is not None
    assert large.calling > small.calling


def test_what_is_read_beside_the_calls_is_in_the_history() -> None:
    """A guard is an activity, and so is an output that the plan gives."""
    plain = checked(*STEPS).bounds.events
    guard = {"left": {"$from": "list", "path": "/count"}, "is": ">", "right": 0}
    assert 6 == checked(LIST, with_(WEIGH, when=[guard]), POST).bounds.events - plain


def test_a_history_that_would_not_fit_is_a_finding() -> None:
    """By day, since the server would end the run in the middle."""
    limits = world().environment.limits.model_copy(
        update={"calls": 10**6, "tokens": 10**6, "steps": 1000}
    )
    loops = [
        {
            "id": f"s{n}",
            "tool": "PostNotice",
            "args": {"text": {"$item": "/name"}},
            "for_each": {"in": SHIPS, "max": 100},
        }
        for n in range(70)
    ]
    found = checked(LIST, *loops, here=world_with(limits=limits)).findings
    assert ["LS-PLAN-012"] * 2 == [one.code for one in found]
    assert "events" in found[0].problem
    assert "bytes" in found[1].problem
    assert () == checked(LIST, *loops[:15], here=world_with(limits=limits)).findings


def test_of_a_plan_that_is_no_graph_nothing_is_promised() -> None:
    """Nor of one with a step that nobody knows."""
    assert checked(with_(LIST, after=["list"]), WEIGH).bounds.calling is None
    assert checked(LIST, {"id": "x", "tool": "Unknown"}).bounds.calling is None


@st.composite
def graphs(draw: st.DrawFn) -> Plan:
    ids = [f"s{n}" for n in range(draw(st.integers(1, 8)))]
    return plan(
        *(
            one(id, *draw(st.lists(st.sampled_from(ids[:n]), max_size=2, unique=True)) if n else [])
            for n, id in enumerate(ids)
        )
    )


@given(graphs(), st.integers(1, 4), st.randoms(use_true_random=False))
@settings(max_examples=60)
def test_no_order_of_ready_steps_takes_longer(proposed: Plan, slots: int, chance: Any) -> None:
    """Whatever a run happens to start first, and however long each call takes within its bound."""
    lasts = {step.id: chance.choice([0.25, 0.5, 1.0]) for step in proposed.steps}
    waiting = {step.id: {*step.needs} for step in proposed.steps}
    running: list[tuple[float, str]] = []
    now = 0.0
    while waiting or running:
        ready = sorted(id for id, needs in waiting.items() if not needs)
        chance.shuffle(ready)
        for id in ready[: slots - len(running)]:
            del waiting[id]
            heapq.heappush(running, (now + lasts[id], id))
        now, ended = heapq.heappop(running)
        for needs in waiting.values():
            needs.discard(ended)
    assert now <= calling(proposed, slots).total_seconds()


@pytest.mark.parametrize("most", [1, 7])
def test_the_worst_case_counts_every_way_that_is_open(most: int) -> None:
    """A guard is taken to hold, a stand-in to be needed, a loop to be as long as it may."""
    steps = plan(one("a", for_each={"in": SHIPS, "max": most}), one("b")).steps
    assert most + 1 == worst(steps, SPECS, {}).calls


def test_a_run_that_goes_on_has_room_only_after_what_is_there() -> None:
    """Both parts of a history are the server's to count, and it ends what is too long."""
    reach = Bounds(events=40_000, bytes=40 * 1024 * 1024)
    assert reach.fit_after(10_000, 8 * 1024 * 1024)
    assert not reach.fit_after(10_001, 0)
    assert not reach.fit_after(0, 8 * 1024 * 1024 + 1)
