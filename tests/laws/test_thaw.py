"""A lock gives back the plan that it was made of, so that the same plan can be checked again."""

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from lockstep.lock import Lock
from lockstep.plan import Plan
from lockstep.tool import ToolSpec
from lockstep.trust import Trust
from policies.check import check
from policies.locks.freeze import freeze
from policies.locks.thaw import thaw
from policies.locks.today import today
from policies.world import World
from tests.laws.port import BY, LIST, POST, STEPS, WEIGH, frozen, plan, with_, world, world_with

LOOK = world().contents.look


def again(body_steps: tuple[dict[str, object], ...], here: World) -> Plan:
    return Plan.model_validate(thaw(frozen(*body_steps), here.tools, LOOK))


def faster(seconds: int) -> dict[str, ToolSpec]:
    """The tools, of which the one that lists ships has another timeout."""
    tools = dict(world().tools)
    update = {"timeout": timedelta(seconds=seconds)}
    tools["ListShips"] = tools["ListShips"].model_copy(update=update)
    return tools


@settings(max_examples=30)
@given(
    st.permutations(STEPS),
    st.none() | st.sampled_from(["1s", "2s"]),
    st.none() | st.just(1),
    st.booleans(),
)
def test_what_is_frozen_again_is_the_same_lock(
    order: list[dict[str, object]], timeout: str | None, attempts: int | None, kept: bool
) -> None:
    """Whatever the plan said and left open, and whether or not the tools of then are at hand."""
    said = {"timeout": timeout, "attempts": attempts}
    body = frozen(*(with_(step, **said) if step is WEIGH else step for step in order))
    document = thaw(body, world().tools, LOOK) if kept else thaw(body, world().tools)
    thawed = Plan.model_validate(document)
    assert body == freeze(thawed, check(thawed, world(), BY), world())


def test_a_default_of_then_is_the_default_of_now() -> None:
    """What the plan left open stays open; the tool's present timeout counts."""
    assert again(STEPS, world_with(specs=faster(2))).steps["list"].timeout is None
    assert again(STEPS, world_with(specs=faster(99))).steps["list"].timeout is None


def test_what_the_plan_said_is_kept() -> None:
    """A value of its own is the plan's, also where the tool's has become the same or tighter."""
    steps = (with_(LIST, timeout="3s"), WEIGH, POST)
    for seconds in (2, 3, 99):
        found = again(steps, world_with(specs=faster(seconds)))
        assert timedelta(seconds=3) == found.steps["list"].timeout


def test_without_the_tools_of_then_nothing_becomes_looser() -> None:
    """A value tighter than the present one is kept; a looser one could only be a default."""
    body = frozen(*STEPS)
    locked = body.steps["list"].timeout
    assert locked == Plan.model_validate(thaw(body, faster(99))).steps["list"].timeout
    assert Plan.model_validate(thaw(body, faster(1))).steps["list"].timeout is None


def test_what_a_model_wrote_is_no_more_credible_for_being_locked_anew() -> None:
    """The literals of its plan stay as doubtful as they were, and so does what is made of them."""
    proposed = plan(*STEPS)
    checked = check(proposed, world(), BY, Trust.UNTRUSTED)
    lock = Lock.freeze(freeze(proposed, checked, world()))
    assert Trust.UNTRUSTED is lock.body.literals
    now = today(lock, world(), BY, LOOK)
    assert lock.digest == now.digest
