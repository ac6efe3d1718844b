"""A lock may be tighter than its world, and never looser: a digest does not say who made it."""

from datetime import timedelta
from typing import Any

import pytest

from lockstep.agent import Silence
from lockstep.fallback import Fallback
from lockstep.lock import Body
from lockstep.plan import Steps
from lockstep.provenance import Provenance
from lockstep.tool import Effect, Idempotency
from lockstep.trust import Trust
from policies.claims import claims
from tests.laws.port import STEPS, frozen, world

SINK = {"id": "sink", "tool": "ScuttleShip", "args": {"ship": "skiff"}}
BODY = frozen(*STEPS, SINK)


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
        (step("sink", effect=Effect.READ), "`steps.sink.effect`"),
        (step("sink", idempotency=Idempotency.NATURAL), "`steps.sink.idempotency`"),
        (step("sink", attempts=20), "`steps.sink.attempts`"),
        (step("sink", timeout=timedelta(days=9)), "`steps.sink.timeout`"),
        (step("list", attempts=0), "`steps.list.attempts`"),
        (step("list", backoff=timedelta(minutes=2)), "`steps.list.backoff`"),
        (step("list", on_error={"Fog": Fallback(skip=True)}), "`steps.list.on_error.Fog`"),
        (part("pins", tools={}), "`pins.tools.ListShips`"),
        (BODY.model_copy(update={"steps": Steps([*BODY.steps] * 100)}), "`limits.steps`"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_looser_claim_is_named(body: Body, named: str) -> None:
    """Whoever writes a lock by hand, with a digest that fits, gains nothing by it."""
    assert any(named in problem for problem in told(body)), told(body)


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
