"""What two plans have in common that mean the same, and what parts those that do not."""

import itertools
import random
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockstep.checked import Checked
from lockstep.finding import Finding
from lockstep.meaning import meaning, normal
from lockstep.plan import Plan
from lockstep.samples import Sample, clustered

Json = dict[str, Any]


def plan(*steps: Json) -> Plan:
    return Plan.model_validate({"lockstep": "plan/1", "goal": "g", "steps": list(steps)})


def step(id: str, tool: str = "Fetch", /, **more: Any) -> Json:
    return {"id": id, "tool": tool, **more}


def drawn(id: str, path: str = "/out") -> Json:
    return {"$from": id, "path": path}


RICH = (
    step("fetch", "Fetch", args={"host": {"$input": "/host"}}, reason="first"),
    step(
        "detect",
        "Detect",
        args={"of": [drawn("fetch"), {"deep": drawn("fetch", "/other")}]},
        when=[{"left": drawn("fetch", "/n"), "is": ">", "right": 3}],
        on_error={"TooFew": {"step": "spare"}, "Broken": {"output": {"$from": "fetch"}}},
    ),
    step("spare", "Detect", args={"of": []}),
    step("each", "Tell", args={"x": {"$item": ""}}, for_each={"in": drawn("detect"), "max": 3}),
    step("last", "Close", after=["each", "fetch"], timeout="5s"),
)


def renamed(value: Any, names: dict[str, str], *, output: bool = False) -> Any:
    """A step with other ids wherever it names one; a fallback's output is a literal."""
    if isinstance(value, list):
        return [renamed(one, names, output=output) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        key: names.get(one, one)
        if key in ("$from", "id", "step") and isinstance(one, str) and not output
        else [names.get(id, id) for id in one]
        if key == "after"
        else renamed(one, names, output=output or key == "output")
        for key, one in value.items()
    }


def disguised(steps: tuple[Json, ...], seed: int) -> Plan:
    """The same plan in other words: other ids, another order, other reasons, needless edges."""
    chance = random.Random(seed)
    ids = [one["id"] for one in steps]
    fresh = [f"n{number}" for number in range(len(ids))]
    chance.shuffle(fresh)
    names = dict(zip(ids, fresh, strict=True))
    other = [{**renamed(one, names), "reason": f"because {seed}"} for one in steps]
    for one in other:
        draws = Plan.model_validate({"lockstep": "plan/1", "steps": [one]}).steps[0].draws
        if draws and chance.random() < 0.5:
            one["after"] = [*one.get("after", []), draws[0]]
    chance.shuffle(other)
    return Plan.model_validate({"lockstep": "plan/1", "goal": str(seed), "steps": other})


@pytest.mark.parametrize("seed", range(30))
def test_ids_order_reasons_and_needless_edges_are_no_meaning(seed: int) -> None:
    """A plan in disguise means the same, and has the same normal form."""
    other = disguised(RICH, seed)

    assert meaning(plan(*RICH)) == meaning(other)
    assert normal(plan(*RICH)) == normal(other)


CHANGES: dict[str, tuple[int, Json]] = {
    "a tool": (0, {"tool": "Take"}),
    "an argument": (0, {"args": {"host": {"$input": "/name"}}}),
    "a literal": (0, {"args": {"host": "h"}}),
    "a path": (3, {"for_each": {"in": drawn("detect", "/of"), "max": 3}}),
    "a bound": (3, {"for_each": {"in": drawn("detect"), "max": 4}}),
    "who is drawn from": (3, {"for_each": {"in": drawn("spare"), "max": 3}}),
    "an edge less": (4, {"after": ["each"]}),
    "an edge more": (4, {"after": ["each", "fetch", "detect"]}),
    "a guard": (1, {"when": [{"left": drawn("fetch", "/n"), "is": ">=", "right": 3}]}),
    "a fallback": (1, {"on_error": {"TooFew": {"skip": True}}}),
    "a time": (4, {"timeout": "6s"}),
}


@pytest.mark.parametrize("what", CHANGES)
def test_what_a_run_would_do_otherwise_is_meaning(what: str) -> None:
    """Each of them makes another plan, and shows in the normal form."""
    index, change = CHANGES[what]
    steps = [*RICH]
    steps[index] = {**steps[index], **change}

    assert meaning(plan(*RICH)) != meaning(plan(*steps))
    assert normal(plan(*RICH)) != normal(plan(*steps))


def test_one_call_used_twice_is_not_two_calls() -> None:
    """Equal steps are told apart by who uses them: a call made twice may give two things."""
    shared = plan(step("a"), step("b"), step("c", "C", args={"x": drawn("a"), "y": drawn("a")}))
    apart = plan(step("a"), step("b"), step("c", "C", args={"x": drawn("a"), "y": drawn("b")}))

    assert meaning(shared) != meaning(apart)


def edges(size: int) -> list[tuple[int, int]]:
    return [(low, high) for high in range(size) for low in range(high)]


@st.composite
def graphs(draw: st.DrawFn) -> tuple[Json, ...]:
    """Few steps of few kinds, so that equal ones are common."""
    size = draw(st.integers(1, 4))
    silent = draw(st.sets(st.sampled_from(edges(size)))) if size > 1 else set()
    flowing = draw(st.sets(st.sampled_from(edges(size)), max_size=3)) if size > 1 else set()
    return tuple(
        step(
            f"s{high}",
            draw(st.sampled_from(["Fetch", "Tell"])),
            after=[f"s{low}" for low in range(high) if (low, high) in silent - flowing],
            args={f"a{n}": drawn(f"s{n}") for n in range(high) if (n, high) in flowing},
        )
        for high in range(size)
    )


def shapes(steps: tuple[Json, ...]) -> Iterator[Any]:
    """Every way to number the steps, as plain data: what equality of meaning is, by definition."""
    for numbers in itertools.permutations(range(len(steps))):
        place = {one["id"]: number for one, number in zip(steps, numbers, strict=True)}
        told = [
            (
                number,
                one["tool"],
                sorted(place[id] for id in one["after"]),
                sorted((name, place[value["$from"]]) for name, value in one["args"].items()),
            )
            for one, number in zip(steps, numbers, strict=True)
        ]
        yield sorted(told)


@given(graphs(), graphs(), st.integers(0, 999))
@settings(max_examples=100, deadline=None)
def test_meaning_is_equality_up_to_naming(one: tuple[Json, ...], two: Any, seed: int) -> None:
    """Of small plans, held against every way to name the steps."""
    same = next(shapes(one)) in list(shapes(two)) if len(one) == len(two) else False

    assert same == (meaning(plan(*one)) == meaning(plan(*two)))
    assert meaning(plan(*one)) == meaning(disguised(one, seed))


def test_what_no_check_would_pass_has_a_meaning_too() -> None:
    """A cycle, an id that stands twice, a step that is not there, an object that is no
    reference.
    """
    odd = (
        step("a", after=["b"]),
        step("b", after=["a"]),
        step("c", "Tell", args={"x": drawn("gone"), "y": {"$from": "a", "pth": "/x"}}),
        step("c", "Tell"),
    )

    assert meaning(plan(*odd)) == meaning(plan(*reversed(odd)))
    assert normal(plan(*odd)) == normal(plan(*reversed(odd)))
    other = step("c", "Tell", args={"x": drawn("lost"), "y": {"$from": "a", "pth": "/x"}})
    assert meaning(plan(*odd)) != meaning(plan(*odd[:2], other, odd[3]))


def test_the_longest_plan_is_read_quickly() -> None:
    """A thousand equal steps in a chain, the most that refinement can be made to work for."""
    chain = [step(f"s{n}", after=[f"s{n - 1}"] if n else []) for n in range(1000)]
    began = time.process_time()
    meaning(plan(*chain))

    assert time.process_time() - began < 5


def sample(number: int, *steps: Json, codes: tuple[str, ...] = ()) -> Sample:
    found = tuple(Finding(code=code, place="p", problem="q", fix="f") for code in codes)
    made = plan(*steps)
    return Sample(number, made.model_dump(mode="json"), made, Checked(findings=found))


def test_clusters_stand_by_size_and_are_held_against_the_largest() -> None:
    """Whoever wrote them: two that mean the same are one, and a difference names what it is in."""
    long = (step("a", args={"n": 1}), step("b", "Tell", args={"x": drawn("a")}))
    again = (step("q", "Tell", args={"x": drawn("p")}), step("p", args={"n": 1}))
    short = (step("a", args={"n": 2}), step("b", "Tell", args={"x": drawn("a")}))
    first, second = clustered(
        [
            sample(3, *again),
            sample(1, *short, codes=("LS-PLAN-008",)),
            sample(2, *long),
        ]
    )

    assert ((2, 3), (1,)) == (first.samples, second.samples)
    assert ((2, ()), (0, ("LS-PLAN-008",))) == (
        (first.passed, first.codes),
        (second.passed, second.codes),
    )
    assert () == first.differs
    assert [("/steps/Fetch/args/n", 1, 2)] == [(c.at, c.old, c.new) for c in second.differs]


def test_no_samples_are_no_plans() -> None:
    """And what has not the shape of a plan is told apart by its text."""
    assert () == clustered([])
    odd = [Sample(n, {"steps": text}, None, Checked(findings=())) for n, text in enumerate("aab")]
    assert [(0, 1), (2,)] == [one.samples for one in clustered(odd)]
