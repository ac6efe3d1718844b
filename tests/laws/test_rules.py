"""Rules over the graph: kept by edges, never by luck, and mended by the edge that is proposed."""

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from lockstep.graph import path
from policies.rules import Before, Mandatory, Rules, Shape

RULE = Before(id="fetch-first", first="Fetch", then="Tell", reason="nothing is told unseen")
RULES = Rules(before=(RULE,))


@st.composite
def shapes(draw: st.DrawFn) -> Shape:
    """Up to eight steps of three tools, whose hidden order makes cycles impossible."""
    steps = draw(st.permutations([f"s{n}" for n in range(draw(st.integers(0, 8)))]))
    tools = {step: draw(st.sampled_from(["Fetch", "Tell", "Other"])) for step in steps}
    needs = {
        step: draw(st.lists(st.sampled_from(steps[:n]), max_size=2, unique=True)) if n else []
        for n, step in enumerate(steps)
    }
    return Shape(tools, needs)


def broken_at(shape: Shape) -> list[str]:
    return [found.place.split("`")[1] for found in RULES.violations(shape)]


@given(shapes())
@settings(max_examples=30)
def test_a_step_keeps_the_rule_exactly_if_a_path_of_edges_says_so(shape: Shape) -> None:
    """Directly or through others; what merely stands earlier in the file counts for nothing."""
    fetches = shape.steps_of("Fetch")
    expected = [
        late
        for late in shape.steps_of("Tell")
        if not any(path(shape.needs, late, early) for early in fetches)
    ]
    assert expected == broken_at(shape)


@given(shapes())
@settings(max_examples=30)
def test_the_proposed_edge_is_possible_and_mends_the_step(shape: Shape) -> None:
    """With it the step keeps the rule, and the graph is still without a cycle."""
    for found in RULES.violations(shape):
        late = found.place.split("`")[1]
        edge = re.fullmatch("add the missing edge: `(.*)` to `after` of `(.*)`", found.fix)
        if edge is None:
            # No edge would do: there is nothing to need, or all of it needs this step.
            fetches = shape.steps_of("Fetch")
            assert all(path(shape.needs, early, late) for early in fetches)
            assert ("turn the edges round" if fetches else "add a `Fetch` step") in found.fix
            continue
        assert late == edge[2]
        needs = {**shape.needs, late: [*shape.needs[late], edge[1]]}
        assert late not in broken_at(Shape(shape.tools, needs))
        assert path(shape.needs, edge[1], late) is None


def test_the_witness_of_a_wrong_turn_is_a_walk() -> None:
    """Where what should come first needs what should come later, the walk is named."""
    shape = Shape({"a": "Fetch", "b": "Other", "c": "Tell"}, {"a": ["b"], "b": ["c"], "c": []})
    (found,) = RULES.violations(shape)
    assert "turn the edges round: now `a` needs `b` needs `c`" == found.fix


def test_a_mandatory_tool_is_missed_only_where_it_is_missing() -> None:
    """One step of it is enough."""
    rules = Rules(mandatory=(Mandatory(id="m", tool="Fetch", reason="every plan looks"),))
    (found,) = rules.violations(Shape({"a": "Other"}, {"a": []}))
    assert ("LS-RULE-002", "plan", "add a `Fetch` step") == (found.code, found.place, found.fix)
    assert "policy violation: every plan looks (m)" == found.problem
    assert [] == list(rules.violations(Shape({"a": "Fetch", "b": "Fetch"}, {"a": [], "b": []})))


def test_every_rule_speaks_for_itself() -> None:
    """One that breaks another's neighbour is still heard, in the order of the file."""
    rules = Rules(
        before=(RULE, Before(id="x", first="Other", then="Tell", reason="r")),
        mandatory=(Mandatory(id="m", tool="Fetch", reason="r"),),
    )
    shape = Shape({"t": "Tell", "u": "Tell"}, {"t": [], "u": ["t"]})
    assert ["`t`", "`u`", "`t`", "`u`", "plan"] == [
        found.place.removeprefix("step ") for found in rules.violations(shape)
    ]


def test_a_rule_about_one_tool_twice_is_refused() -> None:
    """No step can come before itself, so nobody could keep it."""
    with pytest.raises(ValidationError, match="no step can come before itself"):
        Before(id="x", first="Tell", then="Tell", reason="r")


@pytest.mark.parametrize("turned", [False, True])
def test_rules_over_a_dense_graph_take_no_time(turned: bool) -> None:
    """Half of them first, half of them later, every edge between them, in either direction."""
    first, then = [f"a{n:03}" for n in range(150)], [f"b{n:03}" for n in range(150)]
    tools = dict.fromkeys(first, "Fetch") | dict.fromkeys(then, "Tell")
    needs = {step: (then if turned else []) for step in first}
    needs |= {step: ([] if turned else first) for step in then}
    start = time.process_time()
    found = list(RULES.violations(Shape(tools, needs)))
    assert time.process_time() - start < 1
    assert (20 if turned else 0) == len(found)
