"""The actions of an error catalogue: finite, checked when the manifest is loaded, counted in every
bound, and frozen into the lock.
"""

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from activities.contract.validator import Change
from activities.store import FolderStore
from activities.validate import WorldValidator
from lockstep.action import (
    MAX_DISPATCHES,
    Action,
    Retry,
    Wait,
    dispatches,
    following,
    paused,
)
from lockstep.amount import Amount
from lockstep.canonical import digest
from lockstep.escalation import Question
from lockstep.fallback import Fallback
from lockstep.finding import Severity
from lockstep.lock import Body, Lock
from lockstep.outcome import Dispatch
from lockstep.provenance import Provenance
from lockstep.recovery import Recovery
from lockstep.stepped import StepRecovering, StepReplaced
from lockstep.tool import Effect, Idempotency
from lockstep.trust import Emits
from lockstep.value import Value
from policies.checks.recovery import contradictions
from policies.graph.rules import Rules
from policies.locks.claims import claims
from policies.locks.drift import drift
from policies.locks.thaw import thaw
from policies.request import arguments, provenance
from policies.world import World
from tests.laws.port import (
    LIST,
    POST,
    STEPS,
    WEIGH,
    Json,
    checked,
    codes,
    frozen,
    plan,
    with_,
    world,
    world_with,
)
from worker.cli.drawing import conditions
from worker.cli.story import told

SECOND = timedelta(seconds=1)
NOW = datetime(2026, 11, 21, 3, tzinfo=UTC)
FLEET: Json = {"ships": [], "names": [], "count": 0}
RETRY: Json = {"kind": "retry", "delay": "1s", "times": 3, "backoff": 2}
WAIT: Json = {"kind": "wait", "field": "until", "delay": "30s", "most": "5m"}
OTHER: Json = {"kind": "substitute", "resources": {"cargo": {"coal": "grain"}}}
ASK: Json = {"kind": "escalate"}
GIVE: Json = {"kind": "fallback", "output": FLEET}

WAYS = {"retry": (RETRY,), "other": (RETRY, OTHER)}


def action(given: Json) -> Any:
    return TypeAdapter(Action).validate_python(given)


def entry(*actions: Json, **fields: Any) -> Recovery:
    given = {"recovery": "wait for the wind", "actions": list(actions), **fields}
    return Recovery.model_validate(given)


def here(*actions: Json, **world_: Any) -> World:
    """The harbour, where something is done about fog."""
    return world_with(errors={"FogTooThick": entry(*actions)}, **world_)


def wrong(*actions: Json, **spec: Any) -> list[str]:
    """What is said of a catalogue, of tools one of which may be otherwise."""
    there = here(*actions)
    tools = dict(there.tools)
    tools["ListShips"] = tools["ListShips"].model_copy(update=spec)
    found = contradictions(there.environment, tools, "test.toml")
    return [f"{one.place.removeprefix('test.toml/errors')} {one.problem}" for one in found]


@pytest.mark.parametrize(
    "given",
    [
        {**RETRY, "times": 0},
        {**RETRY, "times": MAX_DISPATCHES},
        {**RETRY, "delay": "0s"},
        {**RETRY, "backoff": 0},
        {**RETRY, "output": {}},
        {"kind": "retry"},
        {**WAIT, "delay": "6m"},
        {**WAIT, "field": ""},
        {"kind": "substitute"},
        {"kind": "substitute", "resources": {"cargo": {}}},
        {"kind": "fallback"},
        {"kind": "fallback", "output": {}, "skip": True},
        {"kind": "fallback", "skip": False},
        {"kind": "fallback", "step": "near"},
        {"kind": "replan", "times": 3},
        {"kind": "escalate", "to": "ann"},
    ],
)
def test_an_action_is_one_of_a_few_and_finite(given: Json) -> None:
    """Whatever has no bound, says nothing or names what nobody knows is refused."""
    with pytest.raises(ValidationError):
        action(given)


@pytest.mark.parametrize("given", [[ASK, RETRY], [GIVE, ASK], [RETRY, RETRY], [RETRY] * 5])
def test_actions_that_could_not_come_about_are_refused(given: list[Json]) -> None:
    """After an end, or twice of one kind, so that what was counted is clear."""
    with pytest.raises(ValidationError):
        entry(*given)


def test_an_entry_of_words_alone_is_written_as_it_always_was() -> None:
    """So that locks from before there were actions have not drifted."""
    assert {"resource": None, "recovery": "ask ashore"} == Recovery(
        recovery="ask ashore"
    ).model_dump(mode="json")


def test_pauses_grow_as_declared_and_never_beyond_a_date() -> None:
    """A factor each time, and all of them counted."""
    retry = Retry(kind="retry", delay=SECOND, times=4, backoff=3)
    assert [1, 3, 9, 27] == [retry.pause(n).total_seconds() for n in (1, 2, 3, 4)]
    assert 40 * SECOND == retry.paused
    longest = Retry(kind="retry", delay=timedelta(days=36_500), times=19, backoff=10)
    assert timedelta(days=36_500) == longest.pause(19) == longest.paused


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (90, 90 * SECOND),
        (0.0015, timedelta(milliseconds=2)),
        (-5, timedelta()),
        ("2026-11-21T03:02:00Z", 120 * SECOND),
        ("2026-11-21T02:00:00+00:00", timedelta()),
        ("2026-11-21T04:02:00+01:00", 120 * SECOND),
        # Without a zone, in words, nothing, and what is none of these: as the manifest says.
        ("2026-11-21T03:02:00", 30 * SECOND),
        ("soon", 30 * SECOND),
        (None, 30 * SECOND),
        (True, 30 * SECOND),
        ([90], 30 * SECOND),
        (-1e308, 30 * SECOND),
    ],
)
def test_a_wait_is_as_long_as_the_signal_says_where_that_can_be_read(
    said: Any, expected: timedelta
) -> None:
    """Seconds, or a time with its zone; what is past is no wait."""
    wait = Wait.model_validate(WAIT)
    assert expected == wait.pause({"until": said}, NOW)
    assert 30 * SECOND == wait.pause({}, NOW)


@pytest.mark.parametrize("said", [1e308, 10**15, "9999-12-31T00:00:00Z"])
def test_a_wait_that_nobody_lives_to_see_is_still_a_number(said: Any) -> None:
    """The run says that it is too long, and nothing overflows."""
    assert timedelta(days=36_500) <= Wait.model_validate(WAIT).pause({"until": said}, NOW)


def test_actions_come_in_their_order_and_each_so_often() -> None:
    """A human may be asked again; a fallback is the step's own and no action here."""
    actions = [action(one) for one in (RETRY, OTHER, ASK)]
    taken: Counter[str] = Counter()
    told_ = []
    for _ in range(6):
        found = following(actions, taken)
        assert found is not None
        one, number = found
        taken[one.kind] = number
        told_.append((one.kind, number))
    assert [("retry", n) for n in (1, 2, 3)] == told_[:3]
    assert [("substitute", 1), ("escalate", 1), ("escalate", 2)] == told_[3:]
    assert following([action(GIVE)], Counter()) is None


def test_every_call_that_an_action_may_make_is_counted() -> None:
    """In calls, in time and in the history; a human's are not."""
    plain, retried = checked(*STEPS, here=here(ASK)), checked(*STEPS, here=here(RETRY, OTHER))
    attempts = world().tools["ListShips"].attempts
    assert 4 * attempts == retried.worst.calls - plain.worst.calls
    errors = {"FogTooThick": entry(RETRY, OTHER).actions}
    assert (5, 7 * SECOND) == (dispatches(errors), paused(errors))
    # Four calls and three pauses, each an activity or less.
    assert 7 * 6 == retried.bounds.events - plain.bounds.events
    assert retried.bounds.calling is not None
    assert plain.bounds.calling is not None
    assert retried.bounds.calling > plain.bounds.calling + 7 * SECOND
    over = here(RETRY, limits=world().environment.limits.model_copy(update={"calls": 6}))
    assert ["LS-PLAN-012"] == codes(*STEPS, here=over)


def test_a_wait_longer_than_any_run_is_refused_at_load() -> None:
    """All pauses together; at run time it would only be found out late."""
    assert [] == wrong(RETRY, ASK)
    assert ["/FogTooThick/actions/0 waits 70m in all, and a run has 1h"] == wrong(
        {**RETRY, "delay": "10m"}
    )
    assert ["/FogTooThick/actions/0 waits 60m in all, and a run has 1h"] == [
        one.replace("1h in all", "60m in all") for one in wrong({**WAIT, "most": "1h"})
    ]


def test_a_step_that_could_be_called_too_often_is_refused_at_load() -> None:
    """All errors of its tool together."""
    there = world_with(
        errors={name: entry({**RETRY, "times": 10}) for name in ("FogTooThick", "Gale")}
    )
    spec = there.tools["ListShips"].model_copy(update={"signals": ("FogTooThick", "Gale")})
    tools = {**there.tools, "ListShips": spec}
    (found,) = contradictions(there.environment, tools, "test.toml")
    assert found.problem == (
        "a step of `ListShips` would be called up to 21 times, and 20 are allowed"
    )


@pytest.mark.parametrize("given", [RETRY, WAIT, OTHER])
def test_what_does_harm_twice_is_not_called_again_unasked(given: Json) -> None:
    """A signal is no promise that nothing was done, unless the tool makes it one."""
    once = {"effect": Effect.WRITE, "idempotency": Idempotency.NONE, "attempts": 1}
    (problem,) = wrong(given, **once)
    assert "`ListShips` is not idempotent, and does not say that nothing was done" in problem
    assert [] == wrong(given, **once, no_effect=("FogTooThick",))
    assert [] == wrong(given, effect=Effect.WRITE, idempotency=Idempotency.KEYED)
    assert [] == wrong(ASK, **once) + wrong(GIVE, **once)


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"args": {"brth": "south"}}, "/args/brth `ListShips`, which signals the error, takes no"),
        ({"args": {"berth": "west"}}, '/berth for `ListShips`: `"west"` is not one of'),
        ({"args": {"cargo": ["peat"]}}, "/args/cargo/0 cargo `peat` is not in environment `test`"),
        ({"resources": {"cargo": {"coal": "cole"}}}, "/resources/cargo cargo `cole` is not in"),
        ({"resources": {"ship": {"skiff": "tender"}}}, "takes no `ship`"),
    ],
)
def test_a_substitute_that_could_not_be_called_is_refused_at_load(
    given: Json, problem: str
) -> None:
    """An argument nobody takes, a value that does not fit, a resource that does not exist."""
    (found,) = wrong({"kind": "substitute", **given})
    assert problem in found


def test_a_fallback_of_a_manifest_is_what_each_of_its_tools_could_give() -> None:
    """It stands in for all of them."""
    (found,) = wrong({"kind": "fallback", "output": {"ships": [], "names": []}})
    assert "/output for `ListShips`: argument `count` is missing" in found


def test_what_is_done_about_errors_is_frozen_into_the_lock() -> None:
    """With the resources that may be put in; where nothing is done a lock has no such field."""
    there = here(RETRY, OTHER)
    body = frozen(*STEPS, here=there)
    assert {"ListShips": {"FogTooThick": entry(RETRY, OTHER).actions}} == body.recoveries
    assert {"coal", "grain"} == body.resources["cargo"].keys()
    lock = Lock.freeze(body)
    assert lock == Lock.model_validate_json(lock.model_dump_json())
    assert "recoveries" not in frozen(*STEPS).model_dump(mode="json")
    assert [] == [*claims(body, there)]
    assert ["environment `test`: `errors.FogTooThick` has changed"] == [
        one.problem for one in drift(body, here(RETRY))
    ]


def test_a_substitute_is_chosen_by_whoever_signals() -> None:
    """A tool that may not be believed then steers its step, and what draws from it; one call made
    again is the same call, whoever says so.
    """
    doubted = {name: frozen(*STEPS, here=here(*ways)).steps for name, ways in WAYS.items()}
    assert {"retry": False, "other": True} == {
        name: steps["list"].provenance.steered for name, steps in doubted.items()
    }
    assert doubted["other"]["weigh"].provenance.steered
    spec = world().tools["ListShips"].model_copy(update={"emits": Emits.TRUSTED})
    believed = here(OTHER, specs={**world().tools, "ListShips": spec})
    assert not frozen(*STEPS, here=believed).steps["list"].provenance.steered


def rewritten(world: World, args: Json, doubt: Provenance, edited: Json, **more: Any) -> Dispatch:
    """A call of `list` with other arguments than the lock's, which a human has edited."""
    step = frozen(*STEPS, here=world).steps["list"]
    facts: Json = {
        "id": "r", "scheduled_at": NOW, "started_by": "ana", "trigger": "person", "inputs": {},
        "lock": digest({}), "agent": "harbour", "role": "r", "environment": "test", "policy": {},
        "stage": "sandbox", "tool": digest({}), "output_bytes": 1024,
    }  # fmt: skip
    locked = {**step.model_dump(mode="json"), "args": args, "provenance": doubt}
    return Dispatch.model_validate({"run": facts, "step": locked, "edited": edited, **more})


def test_a_place_that_was_put_in_is_not_a_human_s_for_being_left() -> None:
    """Whoever edits a substituted call saw what was put in, and is asked of what they changed."""
    there = here(OTHER)
    doubt = Provenance(untrusted=("/cargo/1",))
    edited: Json = {"cargo": ["grain", "grain"], "berth": "south"}
    call = rewritten(
        there,
        {"cargo": ["coal", "grain"], "berth": "north"},
        doubt,
        edited,
        substitutes={"FogTooThick": action(OTHER)},
        substituted=["FogTooThick"],
    )
    schema = there.tools["ListShips"].input
    assert edited == arguments(call, schema, lambda _: None)
    assert doubt == provenance(call, edited, schema, lambda _: None, lambda args: args)


def test_what_a_tool_would_not_have_taken_is_still_what_was_left() -> None:
    """Whoever edits such a call was shown the words as they came, and not as the tool's model
    writes them.
    """
    there = here(OTHER)
    edited: Json = {"cargo": ["coal"], "berth": "north"}
    doubt = Provenance(untrusted=("/berth", "/cargo/0"))
    call = rewritten(there, {"cargo": ["coal"], "berth": "?"}, doubt, edited)

    def accept(args: Json) -> Json:
        raise ValueError("there is no such berth")

    written: Json = {"cargo": ["COAL"], "berth": "north"}
    schema = there.tools["ListShips"].input
    told = provenance(call, written, schema, lambda _: None, accept)
    assert ("/cargo/0",) == told.untrusted


@pytest.mark.parametrize(
    "forged",
    [
        {},
        {"ListShips": {"FogTooThick": entry({**RETRY, "times": 19}).actions}},
        {"ListShips": {"FogTooThick": entry(RETRY).actions}, "PostNotice": {}},
        {"ListShips": {"FogTooThick": entry(RETRY).actions, "Gale": entry(ASK).actions}},
    ],
)
def test_a_lock_that_claims_other_recoveries_is_refused(forged: Any) -> None:
    """A digest does not say who wrote that a call may be made nineteen times more."""
    there = here(RETRY)
    body = frozen(*STEPS, here=there).model_copy(update={"recoveries": forged})
    assert any("`recoveries." in one.problem for one in claims(body, there))


def thawed(body: Body) -> list[Json]:
    """The steps of the plan that a lock was made of."""
    steps: Any = thaw(body, world().tools)["steps"]
    return list(steps)


def test_a_fallback_of_the_environment_is_a_default_of_the_plan() -> None:
    """Frozen as if the plan had said it, held to the same rules, and given way to what it says."""
    there = here(RETRY, GIVE)
    # The harbour wants every plan to look at the ships, and an output that was written down is no
    # look at them.
    assert ["LS-RULE-001", "LS-RULE-002"] == codes(*STEPS, here=there)
    free = replace(there, rules=Rules(lockstep="rules/1"))
    body = frozen(LIST, WEIGH, here=free)
    assert {"FogTooThick": Fallback(output=FLEET)} == body.steps["list"].on_error
    assert [] == [*claims(body, free)]
    own = frozen(with_(LIST, on_error={"FogTooThick": {"skip": True}}), WEIGH, here=free)
    assert {"FogTooThick": Fallback(skip=True)} == own.steps["list"].on_error
    # Which of the two said so cannot be told from a lock; made anew, it says so whoever did.
    assert [["list"]] * 2 == [
        [one["id"] for one in thawed(made) if "on_error" in one] for made in (body, own)
    ]


def test_an_error_that_nobody_provides_for_is_a_warning() -> None:
    """It does not reject; it names the tool, its errors and the environment, once."""
    again = with_(LIST, id="again")
    bare = world_with(errors={})
    found = checked(*STEPS, again, here=bare)
    assert found.passed
    (warning,) = found.findings
    assert (Severity.WARNING, "LS-PLAN-018", "step `list`") == (
        warning.severity,
        warning.code,
        warning.place,
    )
    assert (
        "tool `ListShips` may signal `FogTooThick`, for which neither the plan nor environment "
        "`test` provides"
    ) == warning.problem
    assert "sha256:" in Lock.freeze(frozen(*STEPS, here=bare)).digest
    handled = with_(LIST, on_error={"FogTooThick": {"output": FLEET}})
    assert ["LS-RULE-002"] == codes(handled, WEIGH, here=bare)
    assert () == checked(*STEPS, here=here()).findings


def test_warnings_reject_no_plan_however_many_there_are() -> None:
    """They make room for what does."""
    signals = tuple(f"Fog{n}" for n in range(200))
    spec = world().tools["ListShips"].model_copy(update={"signals": signals})
    tools = {f"List{n}": spec.model_copy(update={"name": f"List{n}"}) for n in range(150)}
    bare = world_with(errors={}, specs={**world().tools, **tools})
    there = replace(
        bare,
        environment=bare.environment.model_copy(
            update={"tools": dict.fromkeys(bare.tools, bare.environment.tools["ListShips"])}
        ),
    )
    steps = [with_(LIST, id=f"s{n}", tool=f"List{n}") for n in range(150)]
    found = checked(*steps, here=there).findings
    assert not any(one.code == "LS-PLAN-018" for one in found)
    assert "has at least" in found[-1].problem
    (only_,) = checked(*STEPS, here=there_with(signals)).findings
    assert (Severity.WARNING, True) == (only_.severity, "and 195 more" in only_.problem)


def there_with(signals: tuple[str, ...]) -> World:
    spec = world().tools["ListShips"].model_copy(update={"signals": signals})
    return world_with(errors={}, specs={**world().tools, "ListShips": spec})


def test_a_fallback_that_a_human_comes_before_is_pointed_out() -> None:
    """The environment forbids it, as it were; the plan may have been written for another."""
    fallen = with_(LIST, on_error={"FogTooThick": {"output": FLEET}})
    broken, found = checked(fallen, WEIGH, here=here(RETRY, ASK)).findings
    assert (Severity.WARNING, "LS-PLAN-016") == (found.severity, found.code)
    assert "a human is asked about the error" in found.problem
    # The rules are held against the plan all the same.
    assert (Severity.ERROR, "LS-RULE-002") == (broken.severity, broken.code)
    assert [broken] == [*checked(fallen, WEIGH, here=here(RETRY)).findings]


def test_what_is_done_about_an_error_is_drawn_and_told() -> None:
    """For whoever reviews the plan, and for whoever reads the account at night."""
    there = here(RETRY, OTHER, ASK)
    steps = plan(with_(LIST, on_error={"FogTooThick": {"skip": True}}), WEIGH, POST).steps
    assert [
        "on FogTooThick: called again after 1s, 3 times, each pause 2 times the last; then called "
        "once more with coal as grain; then a human is asked"
    ] == list(conditions(steps["list"], checked(*STEPS, here=there).recoveries))
    assert ["on FogTooThick: called again when its `until` says, in 5m at most; then left out"] == (
        list(conditions(steps["list"], checked(*STEPS, here=here(WAIT)).recoveries))
    )
    event: Json = {
        "step": "list", "item": 2, "error": "FogTooThick", "detail": "no sight", "action": "retry",
        "number": 2, "times": 3, "delay": "2s", "recovery": "wait for the wind",
        "spent": Amount(calls=1),
    }  # fmt: skip
    assert [
        "Step list[2]: signalled FogTooThick(no sight), so it is called again in 2s "
        "(retry 2 of 3); RecoveryPath: wait for the wind",
        "Step list[2]: signalled FogTooThick(no sight), so it is called with other arguments "
        '(substitute 1 of 1): /cargo/0 "coal" -> "grain"; RecoveryPath: wait for the wind',
        "Step list[2]: signalled FogTooThick(no sight), so a human is asked; "
        "RecoveryPath: wait for the wind",
    ] == [
        told(StepRecovering.model_validate(event | more))
        for more in (
            {},
            {
                "action": "substitute", "number": 1, "times": 1, "delay": None,
                "changes": [{"at": "/cargo/0", "was": '"coal"', "now": '"grain"'}],
            },
            {"action": "escalate", "number": 1, "times": 0, "delay": None},
        )
    ]  # fmt: skip
    given = StepReplaced(step="list", person="ana", value=Value(digest=digest({}), size=2))
    assert told(given).startswith("Step list: its output is the one that ana gives, 2 bytes")


def test_an_output_by_hand_is_held_to_the_tool_and_to_the_rules(tmp_path: Path) -> None:
    """It is no call: a step that every plan has to do is not done by saying so."""
    free = replace(here(ASK), rules=Rules(lockstep="rules/1"))
    body = frozen(*STEPS, here=free)

    def said(there: World, **fields: Any) -> list[str]:
        asked = Question.model_validate(
            {
                "id": "list.1", "run": "r", "step": "list", "tool": "ListShips",
                "ground": "signalled", "why": "fog", "step_reason": "", "rules": (), "roles": (),
                "args": Value(digest=digest({}), size=2), "approvers": ("ana",), "asked_at": NOW,
                "deadline": NOW, "silence": "abort",
            }
        )  # fmt: skip
        change = Change.model_validate(
            {
                "body": body, "gone": (), "question": asked, "started_by": "ana",
                "trigger": "person", "edited": None, **fields,
            }
        )  # fmt: skip
        found = asyncio.run(WorldValidator(there, "build", FolderStore(tmp_path)).recheck(change))
        return [f"{one.code} {one.place}" for one in found]

    assert [] == said(free, supplied=FLEET)
    assert ["LS-ASK-005 step `list`"] == said(free, supplied={"ships": [], "names": []})
    large = {**FLEET, "names": ["x" * 1000] * 9000}
    assert ["LS-ASK-005 step `list`"] == said(free, supplied=large)
    ruled = here(ASK)
    assert ["LS-RULE-001 step `post`", "LS-RULE-002 plan"] == said(ruled, supplied=FLEET)
    # What was given before counts as little when something else changes.
    assert ["LS-RULE-001 step `post`", "LS-RULE-002 plan"] == said(ruled, hollow=("list",))
