"""What policy sees is what the tool gets: defaults and conversions of its own model count.

And what is true of a call is true of one that a mock answers, but that nobody is called.
"""

import asyncio
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import cycle
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import ConfigDict, Field, JsonValue, model_validator
from temporalio.testing import ActivityEnvironment

from activities.attempts import MAX_MADE, MAX_PROGRESS, Attempts
from activities.failure import MAX_MESSAGE, MAX_TOLD, briefly
from activities.perform import Performer
from activities.store import FolderStore
from lockstep import Agent, Environment, Plan, Record, Resource, Tool, tool
from lockstep.agent import Asking
from lockstep.canonical import MAX_DEPTH, Digest, digest
from lockstep.decision import Grant, Outcome, StandingGrant
from lockstep.environment import Binding
from lockstep.finding import Finding
from lockstep.lock import Lock
from lockstep.mock import Mock
from lockstep.outcome import (
    Attempt,
    AttemptEnd,
    Completed,
    Dispatch,
    Report,
    Signalled,
    Unfit,
    Withheld,
)
from lockstep.recovery import Recovery
from lockstep.standing import StandingGrants
from policies.cedar.decider import CedarDecider
from policies.check import check
from policies.decider import PolicyTexts
from policies.graph.rules import Rules
from policies.locks.freeze import freeze
from policies.world import World
from tests.effects.facts import DUE, facts

CALLED: list[str] = []
SPARES = cycle(["spare", "side"])
"""What a model makes up for itself, another each time."""

Valve = Annotated[str, Resource("valve")]


class Opening(Record):
    """A valve to open; one that is not named is the main valve, and names may be sloppy."""

    model_config = ConfigDict(str_strip_whitespace=True)

    valve: Valve = "main"
    spare: Valve = Field(default_factory=lambda: next(SPARES))


class Opened(Record):
    """What was opened."""

    valve: str


@tool("Open", effect="write", idempotency="natural", signals=("ValveStuck",))
def open_valve(request: Opening) -> Opened:
    """Open a valve."""
    CALLED.append(request.valve)
    return Opened(valve=request.valve)


AUTHORIZE = """
@id("open") @reason("valves may be opened") permit (principal, action, resource);
@id("main") @reason("the main valve stays shut")
forbid (principal, action == Action::"Open", resource is Valve) when { resource.main };
"""
APPROVALS = """
@id("old") @reason("the old valve leaks") @approvers("fitter")
forbid (principal, action == Action::"Open", resource is Valve) when { resource.old };
"""


@pytest.fixture
def world() -> World:
    agent = Agent.model_validate({"lockstep": "agent/1", "name": "valves", "role": "fitter"})
    environment = Environment.model_validate(
        {
            "lockstep": "environment/1",
            "name": "plant",
            "stage": "sandbox",
            "tools": {"Open": {}},
            "resources": {
                "valve": {
                    "main": {"main": True, "old": False},
                    "side": {"main": False, "old": False},
                    "spare": {"main": False, "old": False},
                    "rusty": {"main": False, "old": True},
                }
            },
        }
    )
    specs = {"Open": open_valve.spec}
    texts = PolicyTexts(authorize=AUTHORIZE, approvals=APPROVALS)
    decider = CedarDecider.load(texts, specs, environment)
    return World(agent, environment, specs, texts, Rules(), decider, {"Open": open_valve})


def planned(args: dict[str, JsonValue]) -> Plan:
    step = {"id": "open", "tool": "Open", "args": args}
    return Plan.model_validate({"lockstep": "plan/1", "steps": [step]})


def locked(world: World) -> Lock:
    side = planned({"valve": "side", "spare": "spare"})
    return Lock.freeze(freeze(side, check(side, world, "ana"), world))


async def performed(
    world: World,
    args: dict[str, JsonValue],
    folder: Path,
    *grants: Grant,
    at: datetime = DUE,
    taken: datetime = DUE,
    tool: Tool = open_valve,
) -> Any:
    """One attempt at opening, due and taken at a time, with arguments that only the run knows."""
    body = locked(world).body
    call = Dispatch(run=facts(body, "Open"), step=body.steps[0], edited=args, grants=grants)
    return await attempted(world, call, folder, at=at, taken=taken, tool=tool)


async def attempted(
    world: World,
    call: Dispatch,
    folder: Path,
    *,
    at: datetime = DUE,
    taken: datetime = DUE,
    tool: Tool = open_valve,
    before: tuple[Attempt, ...] = (),
    environ: dict[str, str] | None = None,
) -> Any:
    """The next attempt after those `before`, by a worker with this environment."""
    with ThreadPoolExecutor(1) as threads:
        kept = FolderStore(folder)
        house = Performer(world, {"Open": tool}, kept, folder, threads, environ or {})
        environment = ActivityEnvironment()
        told = {"attempts": [one.model_dump(mode="json") for one in before], "progress": None}
        environment.info = replace(
            environment.info,
            current_attempt_scheduled_time=at,
            started_time=taken,
            attempt=len(before) + 1,
            heartbeat_details=[told],
        )
        report: Report = await environment.run(house.activity_for(tool), call)
    return report.outcome


def without(world: World, valve: str, **errors: Recovery) -> World:
    """The same plant with one valve fewer, and with these errors in its catalogue."""
    valves = world.environment.resources["valve"]
    left = {name: said for name, said in valves.items() if name != valve}
    changed = {"resources": {"valve": left}, "errors": errors}
    return replace(world, environment=world.environment.model_copy(update=changed))


async def test_a_default_is_decided_like_an_argument(world: World, tmp_path: Path) -> None:
    """A target that the tool's model fills in is a target: the call is withheld."""
    CALLED.clear()

    outcome = await performed(world, {}, tmp_path)

    assert isinstance(outcome, Withheld)
    assert outcome.decision is not None
    assert Outcome.DENY is outcome.decision.outcome
    assert [] == CALLED


async def test_arguments_that_nobody_could_read_again_are_withheld(
    world: World, tmp_path: Path
) -> None:
    """What a step brings together may be deeper than any of it was; it is said, and not tried."""
    CALLED.clear()
    deep: JsonValue = "x"
    for _ in range(MAX_DEPTH):
        deep = [deep]

    outcome = await performed(world, {"valve": "side", "spare": deep}, tmp_path)

    assert isinstance(outcome, Withheld)
    assert (["LS-PLAN-008"], None) == ([one.code for one in outcome.findings], outcome.args)
    assert [] == CALLED


async def test_a_converted_value_is_decided_as_converted(world: World, tmp_path: Path) -> None:
    """Where the model strips a name, the stripped name is what policy is asked about."""
    CALLED.clear()

    denied = await performed(world, {"valve": " main ", "spare": "spare"}, tmp_path)
    allowed = await performed(world, {"valve": " side ", "spare": "spare"}, tmp_path)

    assert isinstance(denied, Withheld)
    assert isinstance(allowed, Completed)
    assert ["side"] == CALLED


def test_a_stated_default_is_foreseen_at_plan_time(world: World) -> None:
    """A plan that says nothing about the valve is rejected, since the main valve is what opens."""
    checked = check(planned({"spare": "spare"}), world, "ana")

    assert ["LS-POLICY-002"] == [finding.code for finding in checked.errors]


def test_a_default_that_no_schema_states_is_not_foreseen(world: World) -> None:
    """What only the model can say is unknown at plan time, and nothing is promised about it."""
    checked = check(planned({"valve": "side"}), world, "ana")

    assert () == checked.errors
    assert [Outcome.UNDECIDED] == [decision.outcome for decision in checked.decisions]


def with_fitters(world: World, *people: str, standing: timedelta | None) -> World:
    """The plant with people who may lift the rule about old valves, for so long."""
    update = {"approvers": {"fitter": people}, "asking": Asking(standing=standing)}
    return replace(world, agent=world.agent.model_copy(update=update))


RUSTY: dict[str, JsonValue] = {"valve": "rusty", "spare": "spare"}
MONTH = timedelta(days=30)


def kept(folder: Path, world: World, **otherwise: Any) -> StandingGrant:
    """A standing grant for the rusty valve, in a file of the agent's."""
    given: dict[str, Any] = {
        "lock": locked(world).digest,
        "step": "open",
        "rule": "old",
        "args_digest": digest(RUSTY),
        "policy": world.decider.policy,
        "by": "ana",
        "given_at": DUE - timedelta(days=7),
        "expires_at": DUE + timedelta(days=7),
        "run": "another",
        "question": "open.1",
    }
    grant = StandingGrant.model_validate(given | otherwise)
    plans = folder / "plans"
    plans.mkdir(exist_ok=True)
    (plans / "any.grants.json").write_text(StandingGrants.of({grant}).model_dump_json())
    return grant


async def test_a_yes_that_stands_lets_every_run_of_its_lock_call(
    world: World, tmp_path: Path
) -> None:
    """And the decision says whose yes it was, and until when."""
    CALLED.clear()
    here = with_fitters(world, "ana", standing=MONTH)
    grant = kept(tmp_path, here)

    done = await performed(here, RUSTY, tmp_path)

    assert isinstance(done, Completed)
    assert (grant,) == done.decision.grants
    assert "old approved by ana, standing until 2026-01-12" == done.decision.why
    assert ["rusty"] == CALLED


OTHERWISE: dict[str, dict[str, Any]] = {
    "another lock": {"lock": digest("another")},
    "another step": {"step": "shut"},
    "another rule": {"rule": "other"},
    "other arguments": {"args_digest": digest({"valve": "rusty"})},
    "another policy": {"policy": digest("another")},
    "somebody else": {"by": "eve"},
    "not given yet": {"given_at": DUE + timedelta(seconds=1)},
    "expired": {"expires_at": DUE},
    "longer than allowed": {"expires_at": DUE + timedelta(days=24)},
}


@pytest.mark.parametrize("how", OTHERWISE)
async def test_a_yes_to_anything_else_is_none(world: World, tmp_path: Path, how: str) -> None:
    """Another lock, step, rule, argument, policy or person; the future, the past, too long."""
    CALLED.clear()
    here = with_fitters(world, "ana", standing=MONTH)
    kept(tmp_path, here, **OTHERWISE[how])

    held = await performed(here, RUSTY, tmp_path)

    assert isinstance(held, Withheld)
    assert held.decision is not None
    assert (Outcome.REQUIRE_APPROVAL, ()) == (held.decision.outcome, held.decision.grants)
    assert [] == CALLED


def given(world: World, **otherwise: Any) -> Grant:
    """A yes of this run to opening the rusty valve."""
    said: dict[str, Any] = {
        "run": "run",
        "step": "open",
        "rule": "old",
        "args_digest": digest(RUSTY),
        "policy": world.decider.policy,
        "by": "ana",
        "expires_at": DUE + timedelta(hours=1),
    }
    return Grant.model_validate(said | otherwise)


async def test_a_yes_of_this_run_lets_it_call(world: World, tmp_path: Path) -> None:
    """From whoever holds the rule's role, or where anyone may."""
    CALLED.clear()
    for here, by in (
        (with_fitters(world, "ana", standing=None), "ana"),
        (with_fitters(world, "*", standing=None), "eve"),
    ):
        grant = given(here, by=by)
        done = await performed(here, RUSTY, tmp_path, grant)
        assert isinstance(done, Completed)
        assert (grant,) == done.decision.grants
    assert ["rusty"] * 2 == CALLED


@pytest.mark.parametrize(
    "otherwise",
    [
        {"by": "eve"},
        {"run": "another"},
        {"step": "shut"},
        {"rule": "other"},
        {"args_digest": digest({"valve": "rusty"})},
        {"policy": digest("another")},
        {"expires_at": DUE},
    ],
    ids=lambda given: next(iter(given)),
)
async def test_a_yes_that_is_not_this_one_opens_nothing(
    world: World, tmp_path: Path, otherwise: dict[str, Any]
) -> None:
    """The place of the call takes nobody's word for it that the right person was asked."""
    CALLED.clear()
    here = with_fitters(world, "ana", standing=None)
    held = await performed(here, RUSTY, tmp_path, given(here, **otherwise))
    assert isinstance(held, Withheld)
    assert held.decision is not None
    assert (Outcome.REQUIRE_APPROVAL, ()) == (held.decision.outcome, held.decision.grants)
    assert [] == CALLED


async def test_a_yes_ends_with_the_role_the_file_and_the_leave(
    world: World, tmp_path: Path
) -> None:
    """Whoever lost the role, an agent that lets no yes stand, a file that is damaged or gone."""
    CALLED.clear()
    here = with_fitters(world, "ana", standing=MONTH)
    kept(tmp_path, here)
    file = tmp_path / "plans" / "any.grants.json"
    demoted = with_fitters(world, "ben", standing=MONTH)
    forbidden = with_fitters(world, "ana", standing=None)
    shorter = with_fitters(world, "ana", standing=timedelta(days=13))
    # These worlds have other locks, and the grant names theirs.
    for other in (demoted, forbidden, shorter):
        kept(tmp_path, other)
        assert isinstance(await performed(other, RUSTY, tmp_path), Withheld)
    kept(tmp_path, here)
    text = file.read_text()
    for damaged in ("", "{", text.replace("grants/1", "grants/2"), text.replace("ana", "")):
        file.write_text(damaged)
        assert isinstance(await performed(here, RUSTY, tmp_path), Withheld)
    file.unlink()
    assert isinstance(await performed(here, RUSTY, tmp_path), Withheld)
    assert [] == CALLED


async def test_a_yes_that_stands_lifts_no_denial(world: World, tmp_path: Path) -> None:
    """A rule that denies has no grant, whatever a file says."""
    here = with_fitters(world, "ana", standing=MONTH)
    main: dict[str, JsonValue] = {"valve": "main", "spare": "spare"}
    kept(tmp_path, here, rule="main", args_digest=digest(main))

    held = await performed(here, main, tmp_path)

    assert isinstance(held, Withheld)
    assert held.decision is not None
    assert Outcome.DENY is held.decision.outcome


async def test_an_approval_that_has_expired_is_none(world: World, tmp_path: Path) -> None:
    """An attempt may be due long after the approval was given, or be due in time and wait for a
    worker until it is too late.
    """
    CALLED.clear()
    here, over = with_fitters(world, "ana", standing=None), DUE + timedelta(hours=1)

    in_time = await performed(here, RUSTY, tmp_path, given(here))
    late = await performed(here, RUSTY, tmp_path, given(here), at=over, taken=over)
    waited = await performed(here, RUSTY, tmp_path, given(here), taken=over)

    assert isinstance(in_time, Completed)
    for held in (late, waited):
        assert isinstance(held, Withheld)
        assert held.decision is not None
        assert Outcome.REQUIRE_APPROVAL is held.decision.outcome
    assert ["rusty"] == CALLED


async def test_a_default_made_up_anew_is_no_new_effect(world: World, tmp_path: Path) -> None:
    """Attempts with the same written arguments have one key, whatever the model adds to them."""
    first = await performed(world, {"valve": "side"}, tmp_path)
    second = await performed(world, {"valve": "side"}, tmp_path)

    assert first.decision.args_digest != second.decision.args_digest
    assert first.idempotency_key == second.idempotency_key


def mocked(world: World, *answers: Any, **environment: Any) -> World:
    """The world in which a mock answers for the valve, with no value for its endpoint."""
    bound = Binding(mock="mocks/valve.json", endpoint="${NOBODY_SET_THIS}")
    changed = {"tools": {"Open": bound}, **environment}
    mock = Mock.model_validate({"lockstep": "mock/1", "answers": answers})
    manifest = world.environment.model_copy(update=changed)
    return replace(world, environment=manifest, mocks={"Open": mock})


SIDE: dict[str, JsonValue] = {"valve": " side ", "spare": "spare"}
STUCK = {"signal": {"name": "ValveStuck", "detail": "rust", "data": {"name": "x", "turns": 2}}}


async def test_a_mock_answers_and_nobody_is_called(world: World, tmp_path: Path) -> None:
    """With the output, the decision, the key and the cost of a real call; and it says so."""
    CALLED.clear()
    real = await performed(world, SIDE, tmp_path)
    assert ["side"] == CALLED

    answer = {"when": {"valve": "side"}, "output": {"valve": "side"}}
    made_up = await performed(mocked(world, answer), SIDE, tmp_path)

    assert isinstance(made_up, Completed)
    assert ["side"] == CALLED
    assert real.model_copy(update={"mocked": True}) == made_up


async def test_a_mock_does_not_get_around_policy(world: World, tmp_path: Path) -> None:
    """What would be denied is denied, whatever the mock would have said."""
    here = mocked(world, {"output": {"valve": "main"}})

    outcome = await performed(here, {"valve": "main", "spare": "spare"}, tmp_path)

    assert isinstance(outcome, Withheld)
    assert outcome.decision is not None
    assert Outcome.DENY is outcome.decision.outcome


async def test_a_mocked_signal_is_the_tools_own(world: World, tmp_path: Path) -> None:
    """With its data, and with the way out that the environment names for it."""
    recovery = {"ValveStuck": Recovery(recovery="open the spare")}

    plain = await performed(mocked(world, STUCK), SIDE, tmp_path)
    known = await performed(mocked(world, STUCK, errors=recovery), SIDE, tmp_path)

    assert isinstance(plain, Signalled)
    assert ("ValveStuck", "rust", "", True) == (
        plain.name, plain.detail, plain.recovery, plain.mocked
    )  # fmt: skip
    assert {"name": "x", "turns": 2} == plain.data
    assert plain.model_copy(update={"recovery": "open the spare"}) == known


async def test_a_name_that_is_not_there_is_the_error_that_the_tool_declares(
    world: World, tmp_path: Path
) -> None:
    """Nothing is called, and the finding says which error it is; where the tool does not declare
    it, or something else is wrong as well, it is a finding and no more.
    """
    recovery = Recovery(resource="valve", recovery="open the spare")
    call = Dispatch(run=facts(locked(world).body, "Open"), step=locked(world).body.steps[0])

    gone = await attempted(without(world, "side", ValveStuck=recovery), call, tmp_path)
    unnamed = await attempted(without(world, "side"), call, tmp_path)
    other = await attempted(without(world, "side", Lost=recovery), call, tmp_path)
    said = call.model_copy(update={"edited": {"valve": "side", "spare": "spare"}})
    human = await attempted(without(world, "side", ValveStuck=recovery), said, tmp_path)

    assert isinstance(gone, Withheld)
    assert gone.error is not None
    assert ("ValveStuck", '"side"', "open the spare", False) == (
        gone.error.name, gone.error.detail, gone.error.recovery, gone.error.called
    )  # fmt: skip
    assert [AttemptEnd.WITHHELD] == [one.end for one in gone.attempts]
    assert [None] * 3 == [one.error for one in (unnamed, other, human)]
    assert ["LS-ENV-003"] * 4 == [one.findings[0].code for one in (gone, unnamed, other, human)]


@pytest.mark.parametrize(
    ("before", "recovered"),
    [
        (Attempt(number=1, end=AttemptEnd.FAILED, failure="the store is away"), True),
        (Attempt(number=1, end=AttemptEnd.FAILED, decision=digest("made")), False),
        (Attempt(number=1), False),
    ],
    ids=["not called", "called", "unrecorded"],
)
async def test_what_may_have_happened_is_not_recovered_from_as_if_it_had_not(
    world: World, tmp_path: Path, before: Attempt, recovered: bool
) -> None:
    """An attempt before this one may have had its effect, when the name was still there: then a
    human is asked, and nothing is put in its place.
    """
    recovery = Recovery(resource="valve", recovery="open the spare")
    call = Dispatch(run=facts(locked(world).body, "Open"), step=locked(world).body.steps[0])

    held = await attempted(
        without(world, "side", ValveStuck=recovery), call, tmp_path, before=(before,)
    )

    assert isinstance(held, Withheld)
    assert ["LS-ENV-003"] == [one.code for one in held.findings]
    assert (recovered, not recovered) == (held.error is not None, held.called)


async def test_what_is_told_of_a_call_that_is_held_back_is_short(
    world: World, tmp_path: Path
) -> None:
    """A name may be megabytes of somebody's words, with a secret in it; people are asked about the
    arguments, which are kept beside.
    """
    key = "h4nd-m3-th3-k3y-0f-th3-t4p"
    named: dict[str, JsonValue] = {"valve": f"{key} {'x' * 2**21}", "spare": "spare"}
    call = Dispatch(
        run=facts(locked(world).body, "Open"), step=locked(world).body.steps[0], edited=named
    )

    held = await attempted(world, call, tmp_path, environ={"TAP_SECRET_KEY": key})

    assert isinstance(held, Withheld)
    (found,) = held.findings
    assert ("LS-ENV-003", True) == (found.code, len(found.problem) <= MAX_MESSAGE)
    assert (True, False) == ("${TAP_SECRET_KEY}" in found.problem, key in found.problem)
    assert held.args is not None
    assert 2**21 < held.args.size


async def test_a_decision_leaves_the_account_room_for_progress(
    world: World, tmp_path: Path
) -> None:
    """It travels with every heartbeat in full, and by its digest alone where it is a large one: of
    more than 2 MiB nothing would arrive.
    """
    done = await performed(world, {"valve": "side", "spare": "spare"}, tmp_path)
    small = done.decision
    large = small.model_copy(update={"errors": ("x" * MAX_MADE,)})
    told: dict[Digest, dict[str, Any]] = {}

    async def decide() -> None:
        for made in (small, large):
            attempts = Attempts(1, ())
            attempts.report("y" * (MAX_PROGRESS - 2))
            attempts.decided(made, None)
            told[made.digest] = attempts.details

    await ActivityEnvironment().run(decide)

    assert small.model_dump(mode="json") == told[small.digest]["decision"]
    assert "decision" not in told[large.digest]
    for name, details in told.items():
        assert [name] == [one["decision"] for one in details["attempts"]]
        assert len(json.dumps(details)) < 2 * 2**20


def test_of_many_findings_the_first_are_told() -> None:
    """And how many there are besides."""
    one = Finding(code="LS-ENV-003", place="step `open`", problem="gone", fix="name another")

    few = briefly([one] * MAX_TOLD, lambda text, _: text)
    many = briefly([one] * 100_000, lambda text, _: text)

    assert (one,) * MAX_TOLD == few
    assert few[:-1] == many[:-1]
    assert "gone; and 99,980 findings more" == many[-1].problem


async def test_what_no_answer_fits_ends_the_step(world: World, tmp_path: Path) -> None:
    """It is not tried again and nothing is made up: the finding names the file and the call."""
    here = mocked(world, {"when": {"valve": "rusty"}, "output": {"valve": "rusty"}})

    outcome = await performed(here, SIDE, tmp_path)

    assert isinstance(outcome, Unfit)
    assert (
        "LS-STEP-008 step `open`: mock `mocks/valve.json` has no answer to "
        'Open(valve="side", spare="spare"); '
        "add an answer whose `when` fits, or a last one without `when`"
    ) == str(outcome.finding)
    assert (True, [AttemptEnd.FAILED]) == (outcome.mocked, [one.end for one in outcome.attempts])


async def test_a_mocked_output_is_held_to_the_limit(world: World, tmp_path: Path) -> None:
    """A sandbox has the same bounds as what it stands for."""
    limits = world.environment.limits.model_copy(update={"output_bytes": 1024})
    long = mocked(world, {"output": {"valve": "x" * 2000}}, limits=limits)

    outcome = await performed(long, SIDE, tmp_path)

    assert isinstance(outcome, Unfit)
    assert "LS-STEP-002" == outcome.finding.code


LOOKED, SEEN = threading.Event(), threading.Event()


class Slow(Opening):
    """A model that takes its time over what it is given."""

    @model_validator(mode="after")
    def _waits(self) -> "Slow":
        LOOKED.set()
        assert SEEN.wait(10), "nothing else went on"
        return self


@tool("Open", effect="write", idempotency="natural")
def open_slowly(request: Slow) -> Opened:
    """Open a valve."""
    return Opened(valve=request.valve)


async def test_looking_at_arguments_holds_nobody_up(world: World, tmp_path: Path) -> None:
    """They may be megabytes that somebody else wrote: the steps beside are heard of meanwhile."""

    async def beside() -> None:
        await asyncio.to_thread(LOOKED.wait, 10)
        SEEN.set()

    there = replace(world, tools={"Open": open_slowly.spec}, code={"Open": open_slowly})
    done, _ = await asyncio.gather(
        performed(there, {"valve": "side", "spare": "spare"}, tmp_path, tool=open_slowly), beside()
    )

    assert isinstance(done, Completed)
