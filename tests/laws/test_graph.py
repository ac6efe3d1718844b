"""Orders, cycles and paths: each answer is one, and is the same for every spelling of a graph."""

from graphlib import CycleError, TopologicalSorter
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockstep.graph import Graph, anyhow, cycle, order, path
from tests.laws.pace import within

names = st.sampled_from([f"s{n}" for n in range(8)])
few = settings(max_examples=30)


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, list[str]]:
    """Any graph, cycles and repeated edges included."""
    steps = draw(st.lists(names, unique=True, max_size=8))
    edges = st.lists(st.sampled_from(steps), max_size=3) if steps else st.nothing()
    return {step: draw(edges) for step in steps}


@st.composite
def acyclic(draw: st.DrawFn) -> dict[str, list[str]]:
    """A graph whose steps need earlier ones of a hidden order."""
    steps = draw(st.permutations([f"s{n}" for n in range(draw(st.integers(0, 8)))]))
    return {
        step: draw(st.lists(st.sampled_from(steps[:n]), max_size=3)) if n else []
        for n, step in enumerate(steps)
    }


@given(acyclic())
@few
def test_an_order_has_every_step_once_and_after_all_it_needs(needs: Graph) -> None:
    """It is topological."""
    found = order(needs)
    assert sorted(needs) == sorted(found)
    assert all(found.index(need) < found.index(step) for step in needs for need in needs[step])


@given(acyclic(), st.data())
@few
def test_one_graph_has_one_order(needs: Graph, data: st.DataObject) -> None:
    """The order of steps and edges in the input does not matter."""
    other = {
        step: data.draw(st.permutations(needs[step]))
        for step in data.draw(st.permutations(list(needs)))
    }
    assert order(needs) == order(other)


@given(acyclic(), st.data())
@few
def test_any_order_is_one_however_the_steps_stand(needs: Graph, data: st.DataObject) -> None:
    """Those that stand in such an order stay as they are."""
    turned = {step: needs[step] for step in data.draw(st.permutations(list(needs)))}
    found = anyhow(turned)
    assert sorted(needs) == sorted(found)
    assert all(found.index(need) < found.index(step) for step in needs for need in needs[step])
    assert tuple(needs) == anyhow(needs)


@given(graphs())
@few
def test_there_is_any_order_exactly_where_there_is_the_smallest(needs: Graph) -> None:
    """A cycle has none, whichever is asked for."""
    if cycle(needs) is None:
        anyhow(needs)
        return
    for find in (anyhow, order):
        with pytest.raises(ValueError, match="cycle"):
            find(needs)


@given(acyclic())
@few
def test_the_order_is_the_smallest_by_id(needs: Graph) -> None:
    """At each place stands the first id, by name, of all that could stand there."""
    done: list[str] = []
    for step in order(needs):
        ready = [s for s in needs if s not in done and set(needs[s]) <= set(done)]
        assert min(ready) == step
        done.append(step)


@given(graphs())
@few
def test_a_cycle_is_found_exactly_where_there_is_one(needs: Graph) -> None:
    """What is named is a real one: each step needs the next, and it ends where it begins."""
    found = cycle(needs)
    try:
        TopologicalSorter(needs).prepare()
    except CycleError:
        assert found is not None
        assert found[0] == found[-1]
        assert len(found) > 1
        assert all(later in needs[step] for step, later in pairwise(found))
        with pytest.raises(ValueError, match="cycle"):
            order(needs)
    else:
        assert found is None


@given(graphs(), names, names)
@few
def test_a_path_is_found_exactly_where_there_is_one(needs: Graph, start: str, goal: str) -> None:
    """Each step on it needs the next; and none is found only where no walk leads there."""
    reached: set[str] = set()
    waiting = [start]
    while waiting:
        for need in needs.get(waiting.pop(), ()):
            if need not in reached:
                reached.add(need)
                waiting.append(need)
    found = path(needs, start, goal)
    if found is None:
        assert goal not in reached - {start}
    else:
        assert (start, goal) == (found[0], found[-1])
        assert all(later in needs[step] for step, later in pairwise(found))
        assert len(set(found)) == len(found)


def test_a_path_is_a_shortest_one() -> None:
    """Of two walks the one with fewer steps is the better explanation."""
    needs = {"a": ["b", "d"], "b": ["c"], "c": ["d"], "d": []}
    assert ("a", "d") == path(needs, "a", "d")
    assert ("a", "b", "c") == path(needs, "a", "c")


def test_a_thousand_steps_are_ordered_in_no_time() -> None:
    """A chain, a fan, and layers where each step needs the whole layer before it."""
    ids = [f"s{n:04}" for n in range(1000)]
    chain = {step: [before] for before, step in pairwise(ids)} | {ids[0]: []}
    fan = {step: [ids[0]] for step in ids[1:]} | {ids[0]: []}
    layers = {
        step: ids[n - n % 20 - 20 : n - n % 20] if n >= 20 else [] for n, step in enumerate(ids)
    }
    with within(0.2):
        assert [tuple(ids)] * 3 == [order(chain), order(fan), order(layers)]
        assert 1000 == len(path(chain, ids[-1], ids[0]) or ())
        assert cycle(chain | {ids[0]: [ids[-1]]}) is not None
