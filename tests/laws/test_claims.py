"""A lock may be tighter than its world, and never looser: a digest does not say who made it."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from lockstep.agent import Silence
from lockstep.canonical import digest
from lockstep.fallback import Fallback
from lockstep.guard import Guard
from lockstep.lock import Body
from lockstep.loop import ForEach
from lockstep.plan import Steps
from lockstep.provenance import Provenance
from lockstep.tool import Effect, Idempotency
from lockstep.trust import Trust
from policies.locks.claims import claims
from policies.locks.drift import drift
from tests.laws.port import LIST, STEPS, WEIGH, Json, frozen, with_, world, world_with

SINK = {"id": "sink", "tool": "ScuttleShip", "args": {"ship": "skiff"}}
BODY = frozen(*STEPS, SINK)
NOTHING = digest(None)


def step(id: str, **fields: Any) -> Body:
    changed = (one.model_copy(update=fields) if one.id == id else one for one in BODY.steps)
    return BODY.model_copy(update={"steps": Steps(changed)})


def part(name: str, **fields: Any) -> Body:
    return BODY.model_copy(update={name: getattr(BODY, name).model_copy(update=fields)})


def told(body: Body) -> list[str]:
    return [finding.problem for finding in claims(body, world())]


def test_a_frozen_lock_claims_nothing_false() -> None:
    """What freezing writes is what the world says."""
    assert [] == told(BODY)


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (BODY.model_copy(update={"role": "admin"}), "`role`"),
        (BODY.model_copy(update={"approvers": {"harbour-master": ("mallory",)}}), "`approvers`"),
        (BODY.model_copy(update={"inputs": {}}), "`inputs`"),
        (BODY.model_copy(update={"task_queue": "elsewhere"}), "`task_queue`"),
        (part("limits", calls=10**9), "`limits.calls`"),
        (part("limits", wall=timedelta(days=900)), "`limits.wall`"),
        (part("asking", deadline=timedelta(days=900)), "`asking.deadline`"),
        (part("asking", grant=timedelta(days=900)), "`asking.grant`"),
        (part("asking", standing=timedelta(days=1)), "`asking.standing`"),
        (step("sink", effect=Effect.READ), "`steps.sink.effect`"),
        (step("sink", idempotency=Idempotency.NATURAL), "`steps.sink.idempotency`"),
        (step("sink", attempts=20), "`steps.sink.attempts`"),
        (step("sink", timeout=timedelta(days=9)), "`steps.sink.timeout`"),
        (step("list", attempts=0), "`steps.list.attempts`"),
        (step("list", backoff=timedelta(minutes=2)), "`steps.list.backoff`"),
        (step("list", on_error={"Fog": Fallback(skip=True)}), "`steps.list.on_error.Fog`"),
        (part("pins", tools={}), "`pins.tools.ListShips`"),
        (step("list", deadline=timedelta(days=900)), "`steps.list.deadline`"),
        (BODY.model_copy(update={"steps": Steps([*BODY.steps] * 100)}), "`limits.steps`"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_looser_claim_is_named(body: Body, named: str) -> None:
    """Whoever writes a lock by hand, with a digest that fits, gains nothing by it."""
    assert any(named in problem for problem in told(body)), told(body)


@pytest.mark.parametrize(
    ("id", "args"),
    [
        ("list", {"cargo": ["gold"]}),
        ("list", {"cargo": []}),
        ("list", {"cargo": ["coal"], "berth": {"$input": "/gone"}}),
        ("sink", {}),
        ("sink", {"ship": 7}),
        ("sink", {"ship": {"$run": "/elsewhere"}}),
        ("sink", {"ship": {"$from": "weigh"}}),
        ("sink", {"ship": {"$item": "/name"}}),
        ("sink", {"ship": {"$ship": "skiff"}}),
    ],
)
def test_a_call_that_no_plan_could_make_is_refused_before_the_first_step(
    id: str, args: Json
) -> None:
    """A name that does not exist, a misfit, a reference that leads nowhere: not first when its turn
    comes, and others have been done.
    """
    assert [f"`steps.{id}.args`"] == [
        word for one in told(step(id, args=args)) for word in one.split() if ".args" in word
    ]


def test_a_lock_lists_all_that_its_steps_touch() -> None:
    """What is left out of it would be seen by no reviewer, and could change unnoticed."""
    kinds = BODY.resources
    assert any(kinds.values())
    for kind, members in kinds.items():
        for name in members:
            fewer = {one: known for one, known in members.items() if one != name}
            body = BODY.model_copy(update={"resources": {**kinds, kind: fewer}})
            assert any(f"`resources.{kind}.{name}`" in problem for problem in told(body))
    assert told(BODY.model_copy(update={"resources": {}}))


NEAR = {"id": "near", "tool": "ListShips", "args": {"cargo": ["coal"]}}
LOOP = with_(
    {"id": "tell", "tool": "PostNotice", "args": {"text": {"$item": "/name"}}},
    for_each={"in": {"$from": "list", "path": "/ships"}, "max": 5},
)
GUARDED = with_(WEIGH, when=[{"left": {"$from": "list", "path": "/count"}, "is": ">", "right": 0}])


def forged(*steps: Json, id: str, **fields: Any) -> list[str]:
    """What is said of a lock of these steps, one of which was changed by hand."""
    body = frozen(*steps)
    assert [] == told(body)
    changed = (one.model_copy(update=fields) if one.id == id else one for one in body.steps)
    return told(body.model_copy(update={"steps": Steps(changed)}))


@pytest.mark.parametrize(
    ("fallback", "loops"),
    [
        # One step for each of many items; an output that its tool could not have given.
        (Fallback(step="near"), True),
        (Fallback(output={"ships": [], "names": []}), False),
        (Fallback(output={"ships": [], "names": [], "count": "none"}), False),
        (Fallback(output={"ships": [], "names": [], "count": 0}), False),
    ],
)
def test_a_forged_fallback_is_one_that_a_plan_could_have(fallback: Fallback, loops: bool) -> None:
    """A step stands in once, and what is written down is what the tool could give."""
    each = {"for_each": {"in": {"$from": "list", "path": "/ships"}, "max": 2}} if loops else {}
    looked = with_(NEAR, id="again", **each)
    said = forged(LIST, NEAR, looked, id="again", on_error={"FogTooThick": fallback})
    fits = fallback.output is not None and fallback.output.get("count") == 0  # type: ignore[union-attr]  # it is an object
    assert (not fits) == any("`steps.again.on_error.FogTooThick`" in one for one in said), said


@pytest.mark.parametrize(
    "guard",
    [
        {"left": {"$from": "list", "path": "/count"}, "is": ">", "right": "0"},
        {"left": {"$from": "list", "path": "/cout"}, "is": ">", "right": 0},
        {"left": 1, "is": "<", "right": 2},
    ],
)
def test_a_forged_guard_is_one_that_could_be_weighed(guard: Json) -> None:
    """Of one type with the same, of what is there, and not of two literals."""
    said = forged(LIST, GUARDED, id="weigh", when=(Guard.model_validate(guard),))
    assert any("`steps.weigh.when`" in one for one in said)


def test_a_forged_loop_goes_through_a_list() -> None:
    """And its list is one that the step before it gives."""
    each = ForEach.model_validate({"in": {"$from": "list", "path": "/count"}, "max": 2})
    said = forged(LIST, LOOP, id="tell", for_each=each)
    assert any("`steps.tell.for_each`" in one for one in said)


def test_a_lock_that_no_run_could_finish_is_refused() -> None:
    """Whoever put loops or arguments into it by hand would have the server end the run."""
    body = frozen(LIST, LOOP)
    each = ForEach.model_validate({"in": {"$from": "list", "path": "/ships"}, "max": 100})
    loop = body.steps["tell"].model_copy(update={"for_each": each})
    wide = body.limits.model_copy(update={"steps": 100, "parallel": 100})
    here = world_with(limits=wide)
    many = [loop.model_copy(update={"id": f"t{n}"}) for n in range(80)]
    long = body.model_copy(update={"limits": wide, "steps": Steps([body.steps["list"], *many])})
    assert any("a history of about" in one.problem for one in claims(long, here))
    big = loop.model_copy(update={"args": {"text": "x" * 2**16}})
    heavy = body.model_copy(update={"limits": wide, "steps": Steps([body.steps["list"], big])})
    assert ["LS-LOCK-003"] == [
        one.code for one in claims(heavy, here) if "bytes dispatched at once" in one.problem
    ]


def test_a_tighter_lock_may_run() -> None:
    """Less time, fewer calls, a nearer deadline, and stopping where silence meant skipping."""
    tighter = part("limits", calls=20, wall=timedelta(seconds=30))
    asking = tighter.asking.model_copy(
        update={"deadline": timedelta(seconds=5), "silence": Silence.ABORT}
    )

    assert [] == told(tighter.model_copy(update={"asking": asking}))


@pytest.mark.parametrize(
    "forged",
    [
        step("post", provenance=Provenance()),
        step("post", provenance=Provenance(untrusted=("/text",), sources=("WeighCargo",))),
        step("post", provenance=Provenance(untrusted=("/text", "/weight"))),
        step("list", provenance=Provenance(steered=True)),
        BODY.model_copy(update={"literals": Trust.UNTRUSTED}),
    ],
    ids=["no doubt", "less doubt", "no sources", "more doubt", "literals of another hand"],
)
def test_where_arguments_come_from_is_worked_out_again(forged: Body) -> None:
    """Not even more doubt than there is: policy would be told of another plan than this one."""
    assert any(".provenance`" in problem for problem in told(forged))


@pytest.mark.parametrize("attempts", [-(2**53) + 1, -1, 0, 21, 57, 2**53 - 1])
def test_a_number_of_attempts_that_no_tool_has_is_not_read(attempts: int) -> None:
    """What a run may cost is reckoned before its lock is verified, and is never less than nothing
    nor more than can be waited for.
    """
    whole = BODY.model_dump(mode="json")
    whole["steps"][0]["attempts"] = attempts
    with pytest.raises(ValidationError, match="attempts"):
        Body.model_validate(whole)


@pytest.mark.parametrize("part", ["resources", "resources.ship", "resources.", "mcp", "mcp.", ""])
def test_a_pin_of_no_part_is_drift_or_is_passed_over(part: str) -> None:
    """Whatever a forged lock says that it pinned, it is verified to the end."""
    pins = BODY.pins.model_copy(update={"environment": {**BODY.pins.environment, part: NOTHING}})
    drifted = drift(BODY.model_copy(update={"pins": pins}), world())
    assert (part != "mcp.") is any(f"`{part}` is gone" in one.problem for one in drifted)
