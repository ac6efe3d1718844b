"""Rules over the graph: kept by edges, never by luck, and mended by the edge that is proposed."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from lockstep.graph import cycle, order, path
from policies.graph.certainty import Shape
from policies.graph.rules import Before, Mandatory, Rules
from tests.laws.pace import within

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
    with within(1):
        found = list(RULES.violations(Shape(tools, needs)))
    assert (20 if turned else 0) == len(found)


@st.composite
def conditional(draw: st.DrawFn) -> Shape:
    """The same where some steps have guards, and some edges draw."""
    shape = draw(shapes())
    steps = sorted(shape.tools)
    return Shape(
        shape.tools,
        shape.needs,
        {step: [need for need in shape.needs[step] if draw(st.booleans())] for step in steps},
        frozenset(step for step in steps if draw(st.booleans())),
    )


def runs(shape: Shape) -> Iterator[set[str]]:
    """Every way in which the guards may come out: the steps that are done."""
    guarded = sorted(shape.optional)
    for held in product([False, True], repeat=len(guarded)):
        left_out = {step for step, holds in zip(guarded, held, strict=True) if not holds}
        done: set[str] = set()
        for step in order(shape.needs):
            if step not in left_out and done.issuperset(shape.draws.get(step, ())):
                done.add(step)
        yield done


@given(conditional())
@settings(max_examples=150)
def test_a_rule_holds_exactly_if_it_holds_however_the_guards_come_out(shape: Shape) -> None:
    """In every run, before each step of the one tool a step of the other that it needs is done."""
    fetches = shape.steps_of("Fetch")
    expected = [
        late
        for late in shape.steps_of("Tell")
        if not all(
            any(early in done and path(shape.needs, late, early) for early in fetches)
            for done in runs(shape)
            if late in done
        )
    ]
    assert expected == broken_at(shape)


@given(conditional())
@settings(max_examples=100)
def test_what_is_proposed_for_a_guarded_plan_mends_it(shape: Shape) -> None:
    """An edge is proposed only where what it leads to is done whenever the step runs."""
    for found in RULES.violations(shape):
        late = found.place.split("`")[1]
        edge = re.fullmatch("add the missing edge: `(.*)` to `after` of `(.*)`", found.fix)
        if edge is not None:
            needs = {**shape.needs, late: [*shape.needs[late], edge[1]]}
            assert late not in broken_at(replace(shape, needs=needs))
            continue
        drawn = re.match("`(.*)` may be left out or stood in for: let `.*` draw from", found.fix)
        if drawn is not None:
            needs = {**shape.needs, late: [*shape.needs[late], drawn[1]]}
            draws = {**shape.draws, late: [*shape.draws[late], drawn[1]]}
            assert late not in broken_at(replace(shape, needs=needs, draws=draws))


@given(conditional())
@settings(max_examples=100)
def test_a_mandatory_tool_is_one_that_every_run_uses(shape: Shape) -> None:
    """A step that may be left out is no promise."""
    rules = Rules(mandatory=(Mandatory(id="m", tool="Fetch", reason="every plan looks"),))
    always = all(done.intersection(shape.steps_of("Fetch")) for done in runs(shape))
    sure = any(all(step in done for done in runs(shape)) for step in shape.steps_of("Fetch"))
    found = [one.code for one in rules.violations(shape)]
    assert ([] if sure else ["LS-RULE-002"]) == found
    assert always or found


@given(conditional(), st.data())
@settings(max_examples=60)
def test_what_remains_without_a_step_is_what_the_runs_without_it_are(
    shape: Shape, data: st.DataObject
) -> None:
    """Who came after a step that is gone comes after all that it came after."""
    gone = data.draw(st.sets(st.sampled_from(sorted(shape.tools) or ["none"]), max_size=2))
    for step in order(shape.needs):
        if gone.intersection(shape.draws[step]):
            gone.add(step)
    rest = shape.without(gone)
    for late, early in product(rest.tools, rest.tools):
        assert bool(path(shape.needs, late, early)) == bool(path(rest.needs, late, early))


@st.composite
def provided(draw: st.DrawFn) -> Shape:
    """The same where some steps stand in for others, and some outputs are given by the plan."""
    shape = draw(conditional())
    free = sorted(shape.tools.keys() - {need for needs in shape.needs.values() for need in needs})
    for name in free:
        owner = draw(st.sampled_from(sorted(shape.tools)))
        taken = {**shape.stand_ins, owner: [*shape.stand_ins.get(owner, ()), name]}
        tried = replace(shape, stand_ins=taken)
        if draw(st.booleans()) and cycle(tried.ends) is None:
            shape = tried
    return replace(
        shape, hollow=frozenset(step for step in shape.tools if draw(st.integers(0, 3)) == 0)
    )


@dataclass(frozen=True)
class Outcome:
    """One way in which a plan may go: what each step does if it is called."""

    shape: Shape
    chosen: dict[str, str]

    def called(self, step: str) -> bool:
        owner = self.shape.whose.get(step)
        if owner is not None and not (self.called(owner) and self.chosen[owner] == step):
            return False
        return self.chosen[step] != "left out" and all(
            self.gives(need) for need in self.shape.draws.get(step, ())
        )

    def gives(self, step: str) -> bool:
        if not self.called(step):
            return False
        return self.chosen[step] in ("done", "given") or self.gives(self.chosen[step])

    def done(self, step: str) -> bool:
        return self.called(step) and self.chosen[step] == "done"

    def over(self, step: str) -> set[str]:
        """All that is over when the step begins."""
        owner = self.shape.whose.get(step)
        found = self.over(owner) if owner is not None else set[str]()
        return found.union(*(self.after(need) for need in self.shape.needs[step]))

    def after(self, step: str) -> set[str]:
        """All that is over when the step is."""
        other = self.chosen[step] if self.called(step) else ""
        # A stand-in may have one of its own, which is waited for as well.
        more = self.after(other) if other in self.shape.tools else set[str]()
        return {step} | self.over(step) | more


def outcomes(shape: Shape) -> Iterator[Outcome]:
    steps = sorted(shape.tools)
    ways = [
        [
            "done",
            *(["left out"] if step in shape.optional else []),
            *(["given"] if step in shape.hollow else []),
            *shape.stand_ins.get(step, ()),
        ]
        for step in steps
    ]
    for chosen in islice(product(*ways), 3000):
        yield Outcome(shape, dict(zip(steps, chosen, strict=True)))


@given(provided())
@settings(max_examples=150, deadline=None)
def test_no_fallback_makes_a_rule_promise_what_is_not_kept(shape: Shape) -> None:
    """Whatever is signalled: what the rules let pass has the one before the other in every run."""
    fetches, kept = shape.steps_of("Fetch"), {*shape.steps_of("Tell")} - {*broken_at(shape)}
    mandatory = Rules(mandatory=(Mandatory(id="m", tool="Fetch", reason="every plan looks"),))
    promised = not list(mandatory.violations(shape))
    for outcome in outcomes(shape):
        for late in kept:
            if outcome.called(late):
                over = outcome.over(late)
                assert any(outcome.done(early) and early in over for early in fetches)
        if promised:
            assert any(map(outcome.done, fetches))


def test_a_stand_in_of_the_same_tool_keeps_the_rule_and_another_does_not() -> None:
    """Either way a Fetch has been done; or it may be that only something else was."""
    tools = {"a": "Fetch", "b": "Fetch", "t": "Tell"}
    shape = Shape(
        tools,
        {"a": [], "b": [], "t": ["a"]},
        {"a": [], "b": [], "t": ["a"]},
        stand_ins={"a": ["b"]},
    )
    assert [] == broken_at(shape)
    assert ["t"] == broken_at(replace(shape, tools={**tools, "b": "Other"}))
    assert ["t"] == broken_at(replace(shape, hollow=frozenset({"a"})))
