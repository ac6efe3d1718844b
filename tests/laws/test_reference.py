"""References: what an argument may point at, and that nothing else is mistaken for one."""

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockstep.pointer import pointer
from lockstep.reference import (
    Malformed,
    Reference,
    Unresolved,
    as_reference,
    references,
    resolve,
)

keys = st.text(max_size=4).filter(lambda key: not key.startswith("$"))
literals = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=8,
)
anything = st.recursive(
    st.none() | st.integers() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)
few = settings(max_examples=25)

OUTPUTS: dict[str, Any] = {
    "list": {"ships": [{"name": "aurora"}, {"name": "skiff", "tons/~": 3}], "": {"": 7}, "01": 8}
}
INPUTS = {"berth": "north"}
RUN = {"scheduled_at": "2026-11-16T06:00:00+00:00", "id": "run-1"}


def resolved(value: Any, outputs: dict[str, Any] | None = None) -> Any:
    return resolve(value, outputs=OUTPUTS if outputs is None else outputs, inputs=INPUTS, run=RUN)


@given(literals)
@few
def test_a_literal_is_never_mistaken_for_a_reference(value: Any) -> None:
    """Without a key that begins with `$` nothing is one, and resolving changes nothing."""
    assert [] == list(references(value))
    assert value == resolved(value, {})


@given(literals, literals)
@few
def test_what_a_reference_brings_is_not_looked_into(value: Any, other: Any) -> None:
    """An output that looks like a reference is data, whoever wrote it."""
    trap = {"a": value, "$from": "list", "path": "/ships"}
    brought = resolved({"x": {"$from": "s"}, "y": [other]}, {"s": trap})
    assert {"x": trap, "y": [other]} == brought


def test_each_source_is_resolved() -> None:
    """A step's output, an input, the run; whole or by a path; at any depth of the argument."""
    given_ = {
        "ship": {"$from": "list", "path": "/ships/1/name"},
        "tons": [{"$from": "list", "path": "/ships/1/tons~1~0"}],
        "where": {"in": {"$input": "/berth"}},
        "when": {"$run": "/scheduled_at"},
        "all": {"$input": ""},
        "odd": {"$from": "list", "path": "//"},
        "number": {"$from": "list", "path": "/01"},
        "literal": {"path": "/ships", "from": "list"},
    }
    before = copy.deepcopy(given_)
    assert {
        "ship": "skiff",
        "tons": [3],
        "where": {"in": "north"},
        "when": "2026-11-16T06:00:00+00:00",
        "all": INPUTS,
        "odd": 7,
        "number": 8,
        "literal": {"path": "/ships", "from": "list"},
    } == resolved(given_)
    assert before == given_


@given(anything, st.data())
@few
def test_every_place_in_a_value_can_be_pointed_at(value: Any, data: st.DataObject) -> None:
    """Whatever its keys are: the pointer to a part brings that part."""
    at: tuple[int | str, ...] = ()
    part = value
    while isinstance(part, dict | list) and part and data.draw(st.booleans()):
        step = data.draw(
            st.sampled_from(list(part) if isinstance(part, dict) else range(len(part)))
        )
        at, part = (*at, step), part[step]
    assert part == resolved({"$from": "s", "path": pointer(at)}, {"s": value})


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({"$from": "a", "$input": "/x"}, "stand in one object"),
        ({"$from": 5}, "`$from` wants a string"),
        ({"$from": None}, "`$from` wants a string"),
        ({"$input": {"$input": "/x"}}, "`$input` wants a string"),
        ({"$from": "a", "path": 5}, "`$from` is written"),
        ({"$from": "a", "path": None}, "`$from` is written"),
        ({"$from": "a", "default": 5}, "`$from` is written"),
        ({"$input": "/x", "path": "/y"}, "`$input` is written"),
        ({"$run": "/id", "x": 1}, "`$run` is written"),
        ({"$from": "a", "path": "ships"}, "must be empty or begin with `/`"),
        ({"$input": "berth"}, "must be empty or begin with `/`"),
        ({"$from": "a", "path": "/x~2"}, "is written `~0`"),
        ({"$from": "a", "path": "/x~"}, "is written `~0`"),
        ({"$from": "a", "path": "/x" * 129}, "deeper than any value"),
        ({"$form": "a"}, "is not a reference; there are `$from`, `$input`, `$run`, `$item`"),
        ({"$": "a"}, "is not a reference"),
        ({"$ref": "#/x"}, "is not a reference"),
        ({"$FROM": "a"}, "is not a reference"),
        ({"$from ": "a"}, "is not a reference"),
    ],
    ids=repr,
)
def test_what_looks_like_a_reference_and_is_none_is_malformed(value: Any, says: str) -> None:
    """It is neither resolved nor taken for a literal, at any depth; the place is told."""
    with pytest.raises(Malformed) as caught:
        as_reference(value)
    assert says in str(caught.value)
    ((at, problem),) = references({"a": [0, value]})
    assert ("/a/1", True) == (at, isinstance(problem, Malformed))
    with pytest.raises(Malformed):
        resolved([value])


@pytest.mark.parametrize(
    "path",
    [
        "/nothing", "/ships/2", "/ships/-1", "/ships/-", "/ships/01", "/ships/+1", "/ships/1.0",
        "/ships/٣", "/ships/²", "/ships/" + "1" * 5000, "/ships/", "/ships/0/name/0", "/ships/name",
    ],
)  # fmt: skip
def test_a_path_that_leads_nowhere_is_unresolved(path: str) -> None:
    """Never a guess, never another exception: indexes are plain digits, strings have no parts."""
    with pytest.raises(Unresolved, match="is not there"):
        resolved({"$from": "list", "path": path})


def test_a_step_without_output_is_unresolved() -> None:
    """A step that was skipped has none; an input that was not given is not there."""
    with pytest.raises(Unresolved, match="step `weigh` has no output"):
        resolved({"$from": "weigh"})
    with pytest.raises(Unresolved):
        resolved({"$input": "/days"})
    with pytest.raises(Unresolved):
        resolved({"$run": "/clock"})


def test_references_are_listed_with_their_places() -> None:
    """In the order of the argument, as JSON pointers."""
    found = list(references({"a/b": [{"$from": "x", "path": "/y"}], "c": {"$run": "/id"}}))
    assert [
        ("/a~1b/0", Reference("$from", "/y", "x")),
        ("/c", Reference("$run", "/id")),
    ] == found
    assert ["x/y", "$run/id"] == [str(one) for _, one in found]
