"""A missing edge, drawn: only where nothing is left to choose, and nothing else in the file."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockstep.fallback import waits
from lockstep.finding import Edge
from lockstep.graph import cycle
from lockstep.splice import with_edges
from policies.check import check
from policies.graph.mend import mend
from policies.graph.rules import Before, Rules
from policies.world import World
from tests.laws.port import BY, LIST, POST, STEPS, WEIGH, plan, with_, world_with
from worker.cli.fix import fixed

FREE = {**POST, "args": {"text": "all is well", "weight": {"tons": 1}}, "after": []}
"""A notice that draws from nothing, so that nothing forces it to wait."""


def rules(*pairs: tuple[str, str]) -> World:
    before = (Before(id=f"{a}-{b}", first=a, then=b, reason="r") for a, b in pairs)
    return world_with(rules=Rules(before=tuple(before)))


def edges(*steps: dict[str, Any], here: World) -> list[tuple[str, str]]:
    found = mend(plan(*steps), here, BY)
    assert cycle(waits(found.plan.steps)) is None
    return [(edge.step, edge.after) for edge in found.edges]


LOOK_FIRST = rules(("ListShips", "PostNotice"))


def test_the_only_edge_that_mends_is_drawn() -> None:
    """And the plan is checked again with it."""
    found = mend(plan(LIST, FREE), LOOK_FIRST, BY)
    assert (Edge(step="post", after="list"),) == found.edges
    assert ("list",) == found.plan.steps["post"].after
    assert check(found.plan, LOOK_FIRST, BY) == found.checked
    assert not [one for one in found.checked.findings if one.code == "LS-RULE-001"]


@pytest.mark.parametrize(
    "other",
    [
        {"id": "x", "tool": "NoSuchTool", "args": {}},
        {"id": "x", "tool": "WeighCargo", "args": {}},
        with_(WEIGH, id="x", on_error={"NeverDeclared": {"skip": True}}),
        with_(WEIGH, id="x", on_error={"NeverDeclared": {"output": {"a": 1}}}),
    ],
)
def test_an_edge_is_drawn_whatever_else_is_wrong(other: dict[str, Any]) -> None:
    """Warnings, and errors that leave the plan a graph, are said and stop no mending."""
    found = mend(plan(LIST, FREE, other), LOOK_FIRST, BY)
    assert (Edge(step="post", after="list"),) == found.edges
    assert "x" in {one.place.split("`")[1] for one in found.checked.errors}


def test_where_several_edges_would_do_none_is_drawn() -> None:
    """All of them are said; which is meant, the plan's author says."""
    other = with_(LIST, id="look")
    found = mend(plan(LIST, other, FREE), LOOK_FIRST, BY)
    assert () == found.edges
    (left,) = found.undecided
    assert ["list", "look"] == [edge.after for edge in left.edges]


def test_of_edges_that_exclude_one_another_none_is_drawn() -> None:
    """Each alone would mend its rule; together nothing could run."""
    here = rules(("ListShips", "PostNotice"), ("PostNotice", "ListShips"))
    found = mend(plan(LIST, FREE), here, BY)
    assert () == found.edges
    assert 2 == len(found.undecided)


def test_an_edge_that_cannot_be_drawn_is_not_proposed() -> None:
    """What should come first needs what should come later: the walk is told, and no edge."""
    turned = with_(LIST, after=["post"])
    found = mend(plan(turned, FREE), LOOK_FIRST, BY)
    assert ((), ()) == (found.edges, found.undecided)


def test_a_plan_that_is_in_order_is_left_alone() -> None:
    """Nothing is drawn that no rule asks for."""
    assert [] == edges(*STEPS, here=LOOK_FIRST)


@given(st.permutations(["a", "b", "c", "d"]), st.sets(st.tuples(*[st.integers(0, 3)] * 2)))
def test_whatever_is_drawn_the_graph_ends(order: list[str], pairs: set[tuple[int, int]]) -> None:
    """Rules in any direction, circles included, over steps of different tools."""
    names = ["ListShips", "WeighCargo", "PostNotice", "ScuttleShip"]
    steps = [{"id": id, "tool": tool, "args": {}} for id, tool in zip(order, names, strict=True)]
    here = rules(*((names[a], names[b]) for a, b in sorted(pairs) if a != b))
    edges(*steps, here=here)


ID = st.sampled_from(["a", "b", 'c"d', "é", "\\", "[{"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)


@st.composite
def texts(draw: st.DrawFn) -> tuple[str, list[str]]:
    """A plan as anybody may lay it out, and its ids."""
    ids = draw(st.lists(ID, min_size=1, max_size=4, unique=True))
    steps = []
    for id in ids:
        members = [("id", id), ("args", draw(JSON))]
        if draw(st.booleans()):
            members.append(("after", draw(st.lists(ID, max_size=2))))
        steps.append(dict(draw(st.permutations(members))))
    whole = {"x": draw(JSON), "steps": steps, "y": draw(JSON)}
    indent = draw(st.sampled_from([None, 0, 2, "\t"]))
    separators = draw(st.sampled_from([(",", ":"), (" ,  ", " : ")])) if indent is None else None
    text = json.dumps(whole, indent=indent, separators=separators, ensure_ascii=draw(st.booleans()))
    return text.replace("\n", draw(st.sampled_from(["\n", "\r\n"]))), ids


@given(texts(), st.data())
def test_an_edge_is_all_that_changes_in_a_text(
    given_: tuple[str, list[str]], data: st.DataObject
) -> None:
    """Read again, the plan is the same with one more name in `after`; every character that stood
    there still stands there, in its order.
    """
    text, ids = given_
    edge = Edge(step=data.draw(st.sampled_from(ids)), after="new")
    after = with_edges(text, [edge])
    assert after is not None
    wanted = json.loads(text)
    step = next(one for one in wanted["steps"] if one["id"] == edge.step)
    step["after"] = [*step.get("after", []), "new"]
    assert wanted == json.loads(after)
    rest = iter(after)
    # An empty list may have been written with a space in it.
    assert all(character in rest for character in text if not character.isspace())


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('{"id": "a"}', '{"id": "a", "after": ["b"]}'),
        ('{"id": "a", "after": []}', '{"id": "a", "after": ["b"]}'),
        ('{"id": "a", "after": ["c"]}', '{"id": "a", "after": ["c", "b"]}'),
        ('{"after": ["c","d"],"id": "a"}', '{"after": ["c","d","b"],"id": "a"}'),
        ('{\n  "id": "a"\n}', '{\n  "id": "a",\n  "after": ["b"]\n}'),
        ('{"id": "a", "after": [\n"c"\n]}', '{"id": "a", "after": [\n"c",\n"b"\n]}'),
    ],
)
def test_an_edge_is_written_as_its_neighbours_are(before: str, after: str) -> None:
    """On a line of its own where they have lines, beside them where they have not."""
    text = f'{{"steps": [{before}]}}'
    assert f'{{"steps": [{after}]}}' == with_edges(text, [Edge(step="a", after="b")])


def test_a_plan_s_file_is_written_once_and_a_link_stays_a_link(tmp_path: Path) -> None:
    """Through the link; and a file in which nothing is to be drawn is not touched."""
    path, link = tmp_path / "real.json", tmp_path / "link.json"
    path.write_text(json.dumps({"lockstep": "plan/1", "steps": [LIST, FREE]}, indent=4))
    link.symlink_to(path)
    found, difference = fixed(link, LOOK_FIRST, BY)
    assert 1 == len(found.edges)
    assert ["+"] == [line[:1] for line in difference.splitlines() if '"list"' in line]
    assert link.is_symlink()
    stamp = path.stat().st_mtime_ns
    again, nothing = fixed(link, LOOK_FIRST, BY)
    assert ((), "") == (again.edges, nothing)
    assert stamp == path.stat().st_mtime_ns
