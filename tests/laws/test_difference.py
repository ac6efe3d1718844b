"""What is different between two locks, or two environments, is told once and in its place."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from activities.package import load_package
from lockstep.canonical import canonical
from lockstep.difference import Change, changes, environment_changes, lock_changes
from lockstep.lock import Body
from tests.laws.port import LIST, POST, ROOT, STEPS, WEIGH, frozen, with_, world, world_with

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text("ab/~", max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("ab/~"), inner, max_size=4),
    max_leaves=12,
)


def at(pointer: str, value: Any) -> Any:
    """What stands at a JSON pointer."""
    for part in Change(at=pointer, kind="added").parts:
        value = value[int(part)] if isinstance(value, list) else value[part]
    return value


def told(found: tuple[Change, ...]) -> list[tuple[str, str]]:
    return [(change.kind, change.at) for change in found]


@given(VALUES, VALUES)
def test_there_is_a_difference_exactly_where_two_values_differ(
    old: JsonValue, new: JsonValue
) -> None:
    """Equal by RFC 8785 is the same; anything else has at least one place."""
    found = list(changes(old, new))
    assert (canonical(old) == canonical(new)) == (not found)


@given(VALUES, VALUES)
def test_a_place_can_be_looked_up(old: JsonValue, new: JsonValue) -> None:
    """What was added stands there in the new value, what was removed in the old one."""
    for change in changes(old, new):
        if change.kind == "removed":
            assert change.old == at(change.at, old)
        else:
            assert change.new == at(change.at, new)


def test_what_is_put_into_a_list_moves_the_rest_along() -> None:
    """One new element is one difference; a long list is compared by its indexes."""
    assert [("added", "/0")] == told(tuple(changes(["a", "b"], ["x", "a", "b"])))
    assert [("removed", "/1")] == told(tuple(changes(["a", "x", "b"], ["a", "b"])))
    assert [("changed", "/1/n")] == told(tuple(changes([0, {"n": 1}], [0, {"n": 2}])))
    moved = tuple(changes(["a", "b", {"n": 1, "m": 1}], ["b", {"m": 2}]))
    assert [("removed", "/0"), ("changed", "/1/m"), ("removed", "/2/n")] == told(moved)
    many: list[JsonValue] = [*range(2000)]
    assert 2001 == len(list(changes(many, ["x", *many])))


def lock(*steps: Any, **fields: Any) -> Body:
    return frozen(*steps, here=world_with(**fields) if fields else None)


def test_a_step_is_found_by_its_id() -> None:
    """A step that comes or goes is one difference; arguments, needs and reasons have their own."""
    assert () == lock_changes(lock(*STEPS), lock(*reversed(STEPS)))
    assert [("removed", "/steps/post")] == told(lock_changes(lock(*STEPS), lock(LIST, WEIGH)))
    changed = with_(LIST, args={"cargo": ["coal", "grain"]}, timeout="10s", reason="because")
    other = with_(POST, after=[])
    assert [
        ("added", "/resources/cargo/grain"),
        ("added", "/steps/list/args/cargo/1"),
        ("changed", "/steps/list/deadline"),
        ("changed", "/steps/list/reason"),
        ("changed", "/steps/list/timeout"),
        ("removed", "/steps/post/needs/0"),
    ] == told(lock_changes(lock(*STEPS), lock(changed, WEIGH, other)))


def test_conditions_are_told_in_words_to_people() -> None:
    """A guard is what it says and not that there is one; a program gets it in full."""
    guard = {"left": {"$from": "list", "path": "/count"}, "is": ">", "right": 1}
    more = {**guard, "right": 2}
    old, new = (lock(LIST, WEIGH, {**POST, "when": [one]}) for one in (guard, more))
    (spoken,) = lock_changes(old, new, spoken=True)
    assert ("/steps/post/when/0", "list/count > 1", "list/count > 2") == (
        spoken.at,
        spoken.old,
        spoken.new,
    )
    assert ["/steps/post/when/0/right"] == [one.at for one in lock_changes(old, new)]
    changes = lock_changes(lock(*STEPS), old, spoken=True)
    (added,) = (one for one in changes if "/when" in one.at)
    assert ["list/count > 1"] == added.new


def test_limits_and_pins_are_told_by_their_names() -> None:
    """As the manifest calls them."""
    limits = world().environment.limits.model_copy(update={"calls": 39})
    assert [("changed", "/limits/calls"), ("changed", "/pins/environment/limits.calls")] == told(
        lock_changes(lock(*STEPS), lock(*STEPS, limits=limits))
    )


def test_environments_are_compared_as_they_count() -> None:
    """With what their catalogues add and their defaults, without what they are called."""
    flagship = load_package(ROOT / "examples" / "cluster_digest")
    dev, prod = (flagship.world(name).environment for name in ("dev", "prod"))
    found = {change.at: change for change in environment_changes(dev, prod)}
    assert ("dev", "prod") == (found["/stage"].old, found["/stage"].new)
    assert "added" == found["/resources/metric/go_goroutines"].kind
    assert "removed" == found["/resources/metric/node_iops_predicted_capacity"].kind
    assert {"catalogues", "resources", "stage", "tools"} == {
        change.parts[0] for change in found.values()
    }
    assert () == environment_changes(prod, prod)


def test_a_difference_can_be_written_down() -> None:
    """As JSON, and read again as the same."""
    for change in lock_changes(lock(*STEPS), lock(LIST)):
        assert change == Change.model_validate(json.loads(change.model_dump_json()))
