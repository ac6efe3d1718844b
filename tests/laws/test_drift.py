"""What has changed since a lock was made is named by its part; what does not bear on it is not."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from lockstep.agent import Asking, Input
from lockstep.environment import Binding, Stage
from lockstep.tool import Effect
from policies.decider import PolicyTexts
from policies.graph.rules import Mandatory, Rules
from policies.locks.drift import drift
from policies.world import World
from tests.laws.port import STEPS, frozen, package, world, world_with

SINK = {"id": "sink", "tool": "ScuttleShip", "args": {"ship": "skiff"}}
BODY = frozen(*STEPS, SINK)

Change = Callable[[World], World]


def agent(**fields: Any) -> Change:
    return lambda here: replace(here, agent=here.agent.model_copy(update=fields))


def environment(**fields: Any) -> Change:
    return lambda here: world_with(**fields)


def limits(**fields: Any) -> Change:
    return lambda here: world_with(limits=here.environment.limits.model_copy(update=fields))


def policy(**texts: str) -> Change:
    was = {"authorize": world().texts.authorize, "approvals": world().texts.approvals}
    return lambda here: replace(here, texts=PolicyTexts(**(was | texts)))


def rules(*mandatory: Mandatory) -> Change:
    return lambda here: replace(here, rules=Rules(mandatory=mandatory))


def binding(tool: str, new: Binding | None) -> Change:
    tools = dict(world().environment.tools)
    tools.pop(tool, None)
    if new is not None:
        tools[tool] = new
    return environment(tools=tools)


def resource(kind: str, name: str, attributes: dict[str, Any] | None) -> Change:
    resources = {known: dict(members) for known, members in world().environment.resources.items()}
    resources.setdefault(kind, {}).pop(name, None)
    if attributes is not None:
        resources[kind][name] = attributes
    return environment(resources=resources)


def spec(tool: str, **fields: Any) -> Change:
    tools = dict(world().tools)
    tools[tool] = tools[tool].model_copy(update=fields)
    return lambda here: replace(here, tools=tools)


def without_spec(tool: str) -> Change:
    tools = {name: one for name, one in world().tools.items() if name != tool}
    return lambda here: replace(here, tools=tools)


def drifted(change: Change) -> list[str]:
    return [found.problem for found in drift(BODY, change(world()))]


def test_the_world_a_lock_was_made_in_has_not_drifted() -> None:
    """Neither in this process nor loaded once more from the disk."""
    assert () == drift(BODY, world())
    assert () == drift(BODY, package().world("test"))


PARTS: dict[str, list[Change]] = {
    "policy file: `authorize.cedar` has changed": [policy(authorize="// nothing")],
    "policy file: `approvals.cedar` has changed": [policy(approvals="")],
    "policy file: `rules.toml` has changed": [
        rules(),
        rules(Mandatory(id="m", tool="X", reason="new")),
    ],
    "environment `test`: `agent.role` has changed": [agent(role="pirate")],
    "environment `test`: `agent.inputs` has changed": [agent(inputs={"x": Input(type="string")})],
    "environment `test`: `agent.approvers` has changed": [agent(approvers={"pilots": ("eve",)})],
    "environment `test`: `agent.asking` has changed": [agent(asking=Asking(grant=timedelta(9)))],
    "environment `test`: `stage` has changed": [environment(stage=Stage.PROD)],
    "environment `test`: `limits.parallel` has changed": [limits(parallel=5)],
    "environment `test`: `limits.wall` has changed": [limits(wall=timedelta(hours=2))],
    "environment `test`: `tools.PostNotice` has changed": [
        binding("PostNotice", Binding(endpoint="${NOTICE_BOARD:-other}")),
        binding("PostNotice", Binding(endpoint="${NOTICE_BOARD:-board}")),
    ],
    "environment `test`: `tools.ListShips` has changed": [
        binding("ListShips", Binding(settings={"x": 1}))
    ],
    "environment `test`: `resources.ship.skiff` has changed": [
        resource("ship", "skiff", {"listed": True}),
        resource("ship", "skiff", {}),
    ],
    "environment `test`: `resources.cargo.coal` has changed": [resource("cargo", "coal", {"x": 1})],
    "tool: `ListShips` has changed": [spec("ListShips", timeout=timedelta(hours=9))],
    "tool: `WeighCargo` has changed": [spec("WeighCargo", input={}), spec("WeighCargo", output={})],
    "tool: `PostNotice` has changed": [
        spec("PostNotice", effect=Effect.READ),
        spec("PostNotice", description="in other words"),
    ],
    "tool: `ScuttleShip` has changed": [spec("ScuttleShip", attempts=2)],
    "tool: `ScuttleShip` is gone": [without_spec("ScuttleShip")],
    "is for environment `test`, and this is `tset`": [environment(name="tset")],
    "is for agent `harbour`, and this is `haven`": [agent(name="haven")],
}


@pytest.mark.parametrize("part", PARTS)
def test_every_part_that_counts_is_named_when_it_changes(part: str) -> None:
    """The one part that is different, and no other."""
    for change in PARTS[part]:
        assert [part] == drifted(change)


def test_what_is_gone_is_named_with_what_is_like_it() -> None:
    """A resource that was renamed, and a tool that was taken out of the manifest."""
    resources = dict(world().environment.resources)
    resources["ship"] = {**resources["ship"], "skiffs": resources["ship"]["skiff"]}
    del resources["ship"]["skiff"]
    assert [
        "environment `test`: `resources.ship.skiff` is gone (there is `resources.ship.skiffs`)"
    ] == drifted(environment(resources=resources))
    gone = drifted(binding("PostNotice", None))
    assert 2 == len(gone)
    assert gone[0].startswith("environment `test`: `tools.PostNotice` is gone")
    assert gone[1].startswith("tool: `PostNotice` is gone")


def test_what_does_not_bear_on_the_plan_may_change() -> None:
    """Tools it does not call, resources it does not name, and prose."""
    for change in (
        resource("ship", "aurora", {"listed": False}),
        resource("ship", "aurora", None),
        resource("ship", "frigate", {"listed": True}),
        resource("crane", "skiff", {}),
        resource("cargo", "grain", None),
        binding("FireCannon", Binding()),
        spec("FireCannon", timeout=timedelta(hours=9)),
        without_spec("FireCannon"),
        environment(description="in other words"),
        agent(description="in other words", goal="another"),
    ):
        assert [] == drifted(change)


def test_what_another_plan_uses_does_not_concern_this_one() -> None:
    """A plan that only lists ships does not care about notices."""
    body = frozen(STEPS[0])
    for change in (
        spec("PostNotice", effect=Effect.READ),
        binding("PostNotice", None),
        binding("ScuttleShip", None),
        resource("ship", "skiff", None),
    ):
        assert () == drift(body, change(world()))


def test_a_new_policy_file_counts() -> None:
    """In policy there is nothing that does not bear on a plan."""
    pins = BODY.pins.model_copy(
        update={"policy": {k: v for k, v in BODY.pins.policy.items() if k != "approvals.cedar"}}
    )
    (found,) = drift(BODY.model_copy(update={"pins": pins}), world())
    assert "policy file: `approvals.cedar` is new" == found.problem


def test_several_changes_are_all_named() -> None:
    """Each in its own line, under one code, with what to do."""
    here = replace(limits(parallel=1, calls=41)(world()), texts=PolicyTexts(authorize=""))
    found = drift(BODY, here)
    assert [
        "policy file: `approvals.cedar` has changed",
        "policy file: `authorize.cedar` has changed",
        "environment `test`: `limits.calls` has changed",
        "environment `test`: `limits.parallel` has changed",
    ] == [one.problem for one in found]
    assert {("LS-LOCK-002", "lock")} == {(one.code, one.place) for one in found}
    assert all("lock the plan again" in one.fix for one in found)


WORDS: dict[str, Change] = {
    "environment `test`: `limits.parallel`: 4 -> 5": limits(parallel=5),
    "environment `test`: `limits.wall`: 1h -> 2h": limits(wall=timedelta(hours=2)),
    "environment `test`: `stage`: sandbox -> prod": environment(stage=Stage.PROD),
    "environment `test`: `resources.ship.skiff`: listed false -> true": resource(
        "ship", "skiff", {"listed": True}
    ),
    "environment `test`: `agent.approvers`: pilots.0 ana -> eve": agent(
        approvers={"pilots": ("eve", "ben")}
    ),
    "tool: `ListShips`: timeout 30s -> 9h": spec("ListShips", timeout=timedelta(hours=9)),
    "tool: `ScuttleShip`: attempts 1 -> 2": spec("ScuttleShip", attempts=2),
    "policy file: `rules.toml`: rule `harbour.looked` is gone": lambda here: replace(
        here, rules=here.rules.model_copy(update={"mandatory": ()})
    ),
    "policy file: `approvals.cedar`: rule `harbour.second-pair-of-eyes`: reason "
    '"a sunk ship is hard to raise" -> "it is deep"': policy(
        approvals=world().texts.approvals.replace("a sunk ship is hard to raise", "it is deep")
    ),
    "policy file: `authorize.cedar`: rule `harbour.listed-ship`: `Ship) when { "
    "resource.listed };` -> `Ship) when { !resource.listed };`": policy(
        authorize=world().texts.authorize.replace("resource.listed", "!resource.listed")
    ),
    "policy file: `authorize.cedar`: no rule is different, only comments, order or layout": policy(
        authorize="// in other words\n" + world().texts.authorize
    ),
    "policy file: `approvals.cedar`: rule `harbour.second-pair-of-eyes` is gone": policy(
        approvals=""
    ),
}


@pytest.mark.parametrize("words", WORDS)
def test_where_it_was_kept_drift_says_what_is_different(words: str) -> None:
    """Field by field in the manifest and the tools, rule by rule in policy."""
    look = world().contents.look
    assert [words] == [found.problem for found in drift(BODY, WORDS[words](world()), look)]


def test_words_decide_nothing() -> None:
    """With what was kept, without it, and with something else in its place: the same drift."""
    for changed in (change for changes in PARTS.values() for change in changes):
        here = changed(world())
        plain = drift(BODY, here)
        for look in (world().contents.look, lambda _: b"{}", lambda _: b"\xff"):
            told = drift(BODY, here, look)
            assert bool(plain) == bool(told)
            assert {found.code for found in plain} == {found.code for found in told}
        assert plain == drift(BODY, here, lambda _: b'"forged"')


def test_of_many_differences_the_first_are_told() -> None:
    """A schema that was written anew is a number, and not a page."""
    new = {"type": "object", "properties": {f"p{n}": {"type": "string"} for n in range(50)}}
    found = drift(BODY, spec("ListShips", input=new)(world()), world().contents.look)
    assert 2 <= len(found) <= 13


def test_a_part_that_a_lock_should_pin_and_does_not_has_drifted() -> None:
    """A digest proves no maker: with a pin left out, any change of that part would go unseen."""
    without = BODY.pins.model_copy(update={"environment": {}})
    found = [one.problem for one in drift(BODY.model_copy(update={"pins": without}), world())]

    assert any("`tools.ScuttleShip` is new" in problem for problem in found), found
    assert any("`limits.calls` is new" in problem for problem in found)
    assert not any("`resources." in problem for problem in found)
