"""What a fork carries from the run it goes on from, what it does again, and what it asks about."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from lockstep.canonical import digest
from lockstep.fork import Carried, Fork, over
from lockstep.lock import Body, Lock
from lockstep.outcome import Dispatch, RunFacts
from lockstep.past import UNKNOWN, Ancestor, Past
from lockstep.value import Value
from policies.forks.course import Course, about, belongs, course
from policies.forks.unlike import draws_on
from policies.world import World
from tests.laws.port import LIST, POST, WEIGH, Json, frozen, with_, world
from workflows.run_request import RunRequest

AT = datetime(2026, 11, 16, 6, tzinfo=UTC)
HEAD = digest("the last event")
OUTPUT = Value.of({"ships": [], "names": ["aurora", "skiff"], "count": 2})[0]
INPUTS: dict[str, JsonValue] = {"berth": "north", "days": 7}
LOOK: Json = {"tool": "ListShips", "args": {"cargo": ["coal"]}}
EACH: Json = {
    "id": "post",
    "tool": "PostNotice",
    "args": {"text": {"$item": ""}},
    "for_each": {"in": {"$from": "list", "path": "/names"}, "max": 5},
}
few = settings(max_examples=40, deadline=None)


def past(*done: str, **changes: Any) -> Past:
    """A run of which these steps are over, each after one call."""
    return Past(
        **{
            "inputs": INPUTS,
            "scheduled_at": AT,
            "done": dict.fromkeys(done, OUTPUT),
            "completed": {(id, None) for id in done},
            **changes,
        }
    )


def begun(*steps: str, how: str = UNKNOWN) -> dict[tuple[str, int | None], set[str]]:
    """Calls that did not complete."""
    return {(step, None): {how} for step in steps}


def forked(
    then: Past,
    body: Body | None = None,
    *,
    redo: Iterable[str] = (),
    again: Iterable[str] = (),
    before: Body | None = None,
    inputs: dict[str, JsonValue] = INPUTS,
    here: World | None = None,
) -> Course:
    body = body or frozen()
    fork = Fork(run="then", execution="x", head=HEAD, redo=tuple(redo), again=tuple(again))
    return course(fork, Ancestor("then", before or body, then), body, inputs, here or world())


def ids(carried: Iterable[Carried]) -> list[str]:
    return [one.step for one in carried]


def codes(made: Course) -> list[str]:
    return [found.code for found in made.findings]


# What is carried


@st.composite
def runs(draw: st.DrawFn) -> tuple[Body, set[str], set[str]]:
    """A plan of up to six steps, a part of it that is done, and some of it to do again."""
    names = [f"s{n}" for n in range(draw(st.integers(1, 6)))]
    edges = {
        id: draw(st.lists(st.sampled_from(names[:n]), max_size=3, unique=True)) if n else []
        for n, id in enumerate(names)
    }
    body = frozen(*({**LOOK, "id": id, "after": after} for id, after in edges.items()))
    done: set[str] = set()
    for id in names:
        # A run does nothing before what it needs.
        if done.issuperset(edges[id]) and draw(st.booleans()):
            done.add(id)
    return body, done, draw(st.sets(st.sampled_from(names), max_size=2))


@given(runs())
@few
def test_what_is_carried_is_closed_under_what_it_needs(
    given_: tuple[Body, set[str], set[str]],
) -> None:
    """Nothing is carried that is not over, that is to be done again, or that was made of what is.
    Everything else is done again for a reason: it is not over, is named, or hangs on such a step.
    """
    body, done, redo = given_
    made = forked(past(*done), body, redo=redo)
    carried = {*ids(made.carried)}
    assert carried <= done - redo
    assert all(carried.issuperset(body.steps[id].needs) for id in carried)
    for step in body.steps:
        if step.id not in carried:
            first = step.id not in done or step.id in redo
            assert first or not carried.issuperset(step.needs), step.id


@given(runs())
@few
def test_a_fork_comes_by_what_it_carries_and_by_nothing_else(
    given_: tuple[Body, set[str], set[str]],
) -> None:
    """Where there are no stand-ins."""
    body, done, redo = given_
    made = forked(past(*done), body, redo=redo)
    assert {*ids(made.carried)} == over(body.steps, {one.step: one for one in made.carried})


def test_what_was_left_out_stays_left_out() -> None:
    """Whatever decided over it is carried too, or it is done again."""
    left: dict[str, Any] = {"because": {"weigh": "2 > 3 does not hold"}}
    made = forked(past("list", **left))
    assert [("list", ""), ("weigh", "2 > 3 does not hold")] == [
        (one.step, one.because) for one in made.carried
    ]
    assert () == forked(past("list", **left), redo=["list"]).carried


def test_a_step_that_draws_from_another_input_is_done_again() -> None:
    """With all that hangs on it; an input that is what it was by default is no other one."""
    then = past("list", "weigh", inputs={"days": 7})
    assert ["list", "weigh"] == ids(forked(then, inputs={"days": 7, "berth": "north"}).carried)
    made = forked(then, inputs={"days": 8, "berth": "north"})
    assert ((), ("list", "weigh")) == (made.carried, made.redone)
    every = frozen().steps["post"].model_copy(update={"args": {"all": {"$input": ""}}})
    assert (True, False) == (draws_on(every, {"days"}), draws_on(every, set()))


def test_a_stand_in_that_was_not_wanted_belongs_to_the_step_that_did_without_it() -> None:
    """It is carried with it; and whoever wants the stand-in done again wants the other one done."""
    body = frozen(
        {**LIST, "on_error": {"FogTooThick": {"step": "other"}}}, {**LOOK, "id": "other"}, WEIGH
    )
    unused = past("list", because={"other": "it stands in for `list`, which gave an output"})
    made = forked(unused, body)
    assert ["list"] == ids(made.carried)
    assert {"list", "other"} == over(body.steps, {one.step: one for one in made.carried})
    assert () == forked(unused, body, redo=["other"]).carried
    used = past("list", "other", used={"other"})
    assert ["list", "other"] == ids(forked(used, body).carried)
    assert () == forked(used, body, redo=["other"]).carried


def test_a_stand_in_of_the_old_lock_that_was_not_wanted_is_a_step_to_do_in_the_new_one() -> None:
    """It was left out for another's sake, and nobody decided that it need not be done."""
    before = frozen(
        {**LIST, "on_error": {"FogTooThick": {"step": "other"}}}, {**LOOK, "id": "other"}
    )
    then = past("list", because={"other": "it stands in for `list`, which gave an output"})
    made = forked(then, frozen(LIST, {**LOOK, "id": "other"}), before=before)
    assert [] == [one for one in made.carried if one.because]


def test_a_loop_that_is_not_over_goes_on_with_the_items_that_are_not_done() -> None:
    """Unless it is to be done again as a whole, or its list is."""
    body = frozen(LIST, EACH)
    items = {0: OUTPUT, 2: OUTPUT}
    then = past("list", items={"post": items}, completed={("post", 0), ("post", 2)})
    made = forked(then, body)
    assert ["list", "post"] == ids(made.carried)
    assert [0, 2] == [part.item for part in made.carried[1].items]
    assert [] == codes(made)
    assert frozenset({"list"}) == over(body.steps, {one.step: one for one in made.carried})
    for redo in ("list", "post"):
        whole = forked(then, body, redo=[redo])
        assert "post" not in ids(whole.carried)
        assert (("post",), {}) == (whole.twice, whole.keys)


# What may have had an effect


@pytest.mark.parametrize(
    ("then", "redo", "expected"),
    [
        (past("list", "weigh"), [], []),
        (past("list", "weigh", "post"), ["post"], ["LS-FORK-003"]),
        (past("list", "weigh", "post"), ["list"], ["LS-FORK-003"]),
        (past("list", "weigh", ends=begun("post")), [], []),
        (past("list", "weigh", ends=begun("post")), ["weigh"], ["LS-FORK-003"]),
        (past("list", "weigh", ends=begun("post"), varied={"post"}), [], ["LS-FORK-003"]),
        (past("list", ends=begun("weigh")), [], []),
    ],
    ids=["not begun", "done", "hangs on it", "same call", "other arguments", "edited", "reads"],
)
def test_what_may_have_had_an_effect_is_called_again_only_by_consent(
    then: Past, redo: list[str], expected: list[str]
) -> None:
    """The notice has a key: the same call, begun and not completed, keeps it and needs no yes."""
    made = forked(then, redo=redo)
    assert expected == codes(made)
    consented = forked(then, redo=redo, again=["post"] if expected else [])
    assert [] == codes(consented)


def test_the_same_call_keeps_the_key_of_the_run_that_it_was_begun_in() -> None:
    """However often it was forked since."""
    then = past("list", "weigh", ends=begun("post"))
    assert {"post": "then"} == forked(then).keys
    assert {"post": "before"} == forked(
        past("list", "weigh", ends=begun("post"), keys={"post": "before"})
    ).keys
    by_run = with_(POST, args={"extra": {"at": {"$run": "/id"}}})
    assert ({}, ("post",)) == (
        (made := forked(then, frozen(LIST, WEIGH, by_run))).keys,
        made.twice,
    )


def test_a_call_without_a_key_that_was_begun_is_asked_about() -> None:
    """Sinking cannot be done twice, and a failure does not say that nothing sank."""
    sink: Json = {"id": "sink", "tool": "ScuttleShip", "args": {"ship": "skiff"}}
    made = forked(past("list", ends=begun("sink")), frozen(LIST, sink))
    (found,) = made.findings
    assert ("LS-FORK-003", "step `sink`") == (found.code, found.place)
    assert "--again sink" in found.fix


def test_a_signal_that_says_nothing_happened_is_asked_about_by_nobody() -> None:
    """The tool says which of its errors come before its effect."""
    here = world()
    spec = here.tools["PostNotice"].model_copy(
        update={"signals": ("BoardFull",), "no_effect": ("BoardFull",)}
    )
    tools = {**here.tools, "PostNotice": spec}
    other = replace(here, tools=tools)
    then = past("list", "weigh", ends=begun("post", how="BoardFull"))
    assert ((), {}) == ((made := forked(then, here=other)).twice, made.keys)


# What speaks against it


def test_a_step_that_is_over_is_the_same_in_another_lock_or_is_not_carried() -> None:
    """It is said what differs, and how it is done again. How long it might have taken is nothing
    that it was made of.
    """
    then = past("list", "weigh")
    patient = frozen(with_(LIST, timeout="5s"), WEIGH, POST)
    assert [] == codes(forked(then, patient, before=frozen()))
    other = frozen(with_(LIST, args={"cargo": ["grain"]}), WEIGH, POST)
    (found,) = forked(then, other, before=frozen()).findings
    assert ("LS-FORK-004", "step `list`") == (found.code, found.place)
    assert '`/args/cargo/0` was "coal", and is "grain"' in found.problem
    assert [] == codes(forked(then, other, before=frozen(), redo=["list"]))


def test_a_tool_that_was_another_one_gave_something_else() -> None:
    """Its labels and its schema are in its digest; and what it gave has to have room."""
    body, then = frozen(), past("list")
    pins = body.pins.model_copy(update={"tools": {**body.pins.tools, "ListShips": digest("old")}})
    before = body.model_copy(update={"pins": pins})
    assert ["LS-FORK-004"] == codes(forked(then, body, before=before))
    small = body.limits.model_copy(update={"output_bytes": 10})
    narrow = body.model_copy(update={"limits": small})
    assert ["LS-FORK-004"] == codes(forked(then, narrow, before=body))


def test_rules_see_the_whole_plan_as_it_really_was() -> None:
    """What was left out was not done, and what a human gave was not called."""
    alone: Json = {"id": "post", "tool": "PostNotice", "args": {"text": "x"}, "after": ["list"]}
    body = frozen(LIST, alone)
    assert [] == codes(forked(past("list"), body))
    broken = ["LS-RULE-001", "LS-RULE-002"]
    assert broken == sorted(codes(forked(past(because={"list": "`ben` left it out"}), body)))
    assert broken == sorted(codes(forked(past("list", given={"list"}), body)))


def test_answers_of_mocks_stay_in_runs_with_mocks() -> None:
    """A real run begins with what was really done."""
    then = past("list", mocked=frozenset({"ListShips"}))
    assert ["LS-FORK-005"] == codes(forked(then))
    body = frozen()
    pins = {**body.pins.environment, "mocks.ListShips": digest("a mock")}
    mocked = body.model_copy(update={"pins": body.pins.model_copy(update={"environment": pins})})
    assert [] == codes(forked(then, mocked))


@pytest.mark.parametrize(
    ("made", "problem"),
    [
        (lambda: forked(past("list", "weigh", "post")), "nothing is left to be done"),
        (lambda: forked(past("list"), redo=["lst"]), "no step `lst`"),
        (lambda: forked(past("list"), again=["list"]), "would not be called again"),
    ],
)
def test_a_request_that_says_nothing_sensible_is_refused(made: Any, problem: str) -> None:
    """Nobody has a run that does something else than they meant."""
    (found,) = made().findings
    assert "LS-FORK-001" == found.code
    assert problem in found.problem


def test_a_run_is_gone_on_with_where_it_was_and_about_the_time_that_it_was() -> None:
    """By the same agent, in the same environment of the same stage."""
    body, here = frozen(), world()
    assert [] == [*belongs(body, body, here), *about(past(), AT)]
    for field in ("agent", "environment", "stage"):
        other = body.model_copy(update={field: "another"})
        assert ["LS-FORK-001"] == [one.code for one in belongs(other, body, here)]
        assert ["LS-FORK-001"] == [one.code for one in belongs(other, other, here)]
    assert ["LS-FORK-001"] == [one.code for one in about(past(), AT + timedelta(days=7))]


# What does not change


def test_a_run_that_is_no_fork_is_written_down_as_it_always_was() -> None:
    """Neither its request nor its first event nor what its steps are sent out with has a new
    field, so that old histories replay and old chains hold.
    """
    body = frozen()
    request = RunRequest(lock=Lock.freeze(body), started_by="ana")
    assert "fork" not in request.model_dump(mode="json")
    facts = RunFacts(
        id="r", scheduled_at=AT, started_by="ana", trigger="person", inputs={}, lock=HEAD,
        agent="harbour", role="r", environment="test", stage="sandbox", policy={}, tool=HEAD,
        output_bytes=1,
    )  # fmt: skip
    sent = Dispatch(run=facts, step=body.steps["list"])
    assert "keyed" not in sent.model_dump(mode="json")
    assert sent == Dispatch.model_validate(sent.model_dump(mode="json"))
