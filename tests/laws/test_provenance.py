"""Where arguments come from: as one would find out by trying all ways in which a run can go."""

import random
from collections.abc import Iterator
from itertools import chain, combinations, pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockstep.plan import Plan, Step
from lockstep.provenance import Provenance
from lockstep.reference import Reference, references
from lockstep.tool import ToolSpec
from lockstep.trust import Emits, Trust, emitted
from policies.lineage.labels import Labels
from policies.lineage.origin import positions
from policies.lineage.provenance import Lineage
from tests.laws.pace import within

OPEN: dict[str, Any] = {"type": "object", "additionalProperties": {}}
NAMES: dict[str, Any] = {
    "type": "object",
    "properties": {"load": {"type": "string", "x-lockstep-resource": "load"}, "note": {}},
}


def a_tool(name: str, **labels: Any) -> ToolSpec:
    return ToolSpec.model_validate(
        {
            "name": name,
            "description": "",
            "effect": "read",
            "idempotency": "natural",
            "input": OPEN,
            "output": OPEN,
            "timeout": "1s",
            "heartbeat": "1s",
            "attempts": 1,
            "signals": ["Fog"],
            **labels,
        }
    )


TOOLS = {
    spec.name: spec
    for spec in (
        a_tool("Read"),
        a_tool("Vault", emits="trusted", sensitive=True),
        a_tool("Copy", emits="inherited"),
        a_tool("Vouch", emits="trusted"),
        a_tool("Redact", emits="inherited", declassifies=True),
        a_tool("Name", emits="trusted", input=NAMES),
        a_tool("Mixed", emits={"": "trusted", "/text": "untrusted", "/copy": "inherited"}),
    )
}
INPUTS = {"title": Trust.TRUSTED, "ticket": Trust.UNTRUSTED}


def labels(literals: Trust = Trust.TRUSTED) -> Labels:
    return Labels(TOOLS, INPUTS, literals)


def a_plan(*steps: dict[str, Any]) -> Plan:
    return Plan.model_validate({"lockstep": "plan/1", "steps": list(steps)})


def lineage(*steps: dict[str, Any], literals: Trust = Trust.TRUSTED) -> Lineage:
    return Lineage(a_plan(*steps).steps, labels(literals))


def of(step: str, path: str = "") -> dict[str, Any]:
    return {"$from": step, "path": path}


PATHS = ("", "/text", "/copy", "/other")


def plans(seed: int) -> Plan:
    """Up to eight steps with references, guards, loops and fallbacks; every one a sound graph.

    By a seed and not drawn value by value: a law that tries hundreds of plans must make them
    quickly.
    """
    chance = random.Random(seed)
    names = [f"s{n}" for n in range(chance.randint(2, 8))]
    owner: dict[str, str] = {}
    for late, name in enumerate(names):
        if late and chance.random() < 0.25:
            owner[name] = chance.choice(names[:late])
    steps = []
    for name in names:
        # In the order of the names, and a stand-in draws only from what came before its owner.
        before = [one for one in names if one not in owner and one < _first(owner, name)]
        mine = [one for one, whose in owner.items() if whose == name]
        step: dict[str, Any] = {"id": name, "tool": chance.choice(sorted(TOOLS)), "args": {}}
        if before and not mine and chance.random() < 0.3:
            step["for_each"] = {"in": of(chance.choice(before), chance.choice(PATHS)), "max": 2}
        for argument in "ab"[: chance.randint(0, 2)]:
            value = _value(chance, before, loops="for_each" in step)
            step["args"][argument] = [value, 1] if chance.random() < 0.2 else value
        if chance.random() < 0.25:
            left, right = (_value(chance, before, loops=False) for _ in range(2))
            step["when"] = [{"left": left, "is": "==", "right": right}]
        step["on_error"] = {f"Fog{n}": {"step": one} for n, one in enumerate(mine)}
        if chance.random() < 0.25:
            step["on_error"]["Mist"] = chance.choice([{"output": {"x": 1}}, {"skip": True}])
        steps.append(step)
    return a_plan(*steps)


def _value(chance: random.Random, before: list[str], loops: bool) -> Any:
    if loops and chance.random() < 0.5:
        return {"$item": chance.choice(PATHS)}
    if before and chance.random() < 0.7:
        return of(chance.choice(before), _deep(chance))
    inputs = [{"$input": path} for path in ("", "/title", "/ticket")]
    return chance.choice([*inputs, {"$run": "/id"}, "word", "word"])


def _deep(chance: random.Random) -> str:
    return chance.choice(PATHS) + chance.choice(["", "", *PATHS])


def _first(owner: dict[str, str], name: str) -> str:
    while name in owner:
        name = owner[name]
    return name


class Oracle:
    """The same by trial: every way in which steps can signal is gone, and whatever is ever seen
    counts. Nothing is shared and nothing remembered.
    """

    def __init__(self, plan: Plan, literals: Trust) -> None:
        self.steps = {step.id: step for step in plan.steps}
        self.dirty = literals is Trust.UNTRUSTED
        self.owner = {
            one.step: step.id for step in plan.steps for one in step.on_error.values() if one.step
        }
        signalling = [(step.id, error) for step in plan.steps for error in step.on_error]
        subsets = chain.from_iterable(
            combinations(signalling, size) for size in range(len(signalling) + 1)
        )
        self.runs = [dict(some) for some in subsets if len({id for id, _ in some}) == len(some)]

    def doubted(self, step: Step) -> tuple[str, ...]:
        return tuple(at for at, found in positions(step.args) if self.may_be(step, found))

    def may_be(self, step: Step, found: Any) -> bool:
        return any(self.seen(step, found, run) for run in self.runs)

    def seen(self, step: Step, found: Any, run: dict[str, str], below: bool = True) -> bool:
        """Whether what stands at a place is untrusted in one way that a run can go."""
        if found is None:
            return self.dirty
        parts = found.parts
        if found.source == "$item":
            assert step.for_each is not None
            found, more = step.for_each.source, parts
            parts = (*found.parts, "*", *more)
        if found.source == "$input":
            return bool(parts[:1] != ("title",))
        return found.source == "$from" and self.gives(found.step, parts, run, below)

    def gives(self, id: str, parts: tuple[str, ...], run: dict[str, str], below: bool) -> bool:
        step = self.steps[id]
        if id in run:
            way = step.on_error[run[id]]
            if way.step is not None:
                return self.gives(way.step, parts, run, below)
            return way.output is not None and self.dirty
        found = emitted(TOOLS[step.tool].emits, parts[1:] if step.for_each else parts, below=below)
        passed = any(self.seen(step, one, run) for _, one in positions(step.args))
        return Emits.UNTRUSTED in found or (Emits.INHERITED in found and passed)

    def signals(self, id: str) -> bool:
        found = emitted(TOOLS[self.steps[id].tool].emits, ())
        return Emits.UNTRUSTED in found or (
            Emits.INHERITED in found and bool(self.doubted(self.steps[id]))
        )

    def steered(self, id: str) -> bool:
        step = self.steps[id]
        sides = [operand for guard in step.when for operand in guard.operands]
        compared = [found for side in sides for _, found in positions({"x": side})]
        source = step.for_each.source if step.for_each else None
        owner = self.owner.get(id)
        return (
            any(self.may_be(step, found) for found in compared)
            or any(source and self.seen(step, source, run, below=False) for run in self.runs)
            or any(self.output_steered(one) for one in step.draws)
            or (owner is not None and (self.steered(owner) or self.signals(owner)))
        )

    def output_steered(self, id: str) -> bool:
        ways = self.steps[id].on_error.values()
        return (
            self.steered(id)
            or (bool(ways) and self.signals(id))
            or any(self.output_steered(one.step) for one in ways if one.step)
        )

    def reached(self, id: str) -> bool:
        step, owner = self.steps[id], self.owner.get(id)
        return any(self.output_private(one) for one in step.draws) or (
            owner is not None and self.private(owner)
        )

    def private(self, id: str) -> bool:
        spec = TOOLS[self.steps[id].tool]
        return spec.sensitive or (self.reached(id) and not spec.declassifies)

    def output_private(self, id: str) -> bool:
        ways = self.steps[id].on_error.values()
        return self.private(id) or any(self.output_private(one.step) for one in ways if one.step)

    def sources(self, id: str) -> set[str]:
        step = self.steps[id]
        return {name for one in step.fed_by for name in self.all_behind(one)}

    def all_behind(self, id: str) -> Iterator[str]:
        step = self.steps[id]
        yield step.tool
        for one in step.fed_by:
            yield from self.all_behind(one)
        for way in step.on_error.values():
            if way.step:
                yield from self.all_behind(way.step)

    def of(self, id: str) -> Provenance:
        step = self.steps[id]
        return Provenance(
            untrusted=self.doubted(step),
            steered=self.steered(id),
            sensitive=self.reached(id) or TOOLS[step.tool].sensitive,
            sources=tuple(sorted(self.sources(id))),
        )


SEEDS = st.integers(0, 2**32)


@given(SEEDS, st.sampled_from(Trust))
@settings(max_examples=500)
def test_provenance_is_what_trying_all_ways_would_show(seed: int, literals: Trust) -> None:
    """Of every step of every plan, for literals of either kind."""
    plan = plans(seed)
    found, oracle = Lineage(plan.steps, labels(literals)), Oracle(plan, literals)
    for step in plan.steps:
        assert oracle.of(step.id) == found.of(step.id)


@given(SEEDS, st.sampled_from(Trust))
@settings(max_examples=200)
def test_whatever_is_untrusted_has_a_witness(seed: int, literals: Trust) -> None:
    """A chain from the argument to what makes it untrusted, in which each link is untrusted."""
    plan = plans(seed)
    found = Lineage(plan.steps, labels(literals))
    for step in plan.steps:
        for at in found.of(step.id).untrusted:
            walk = found.witness(step.id, at)
            assert at == walk[0].at
            assert {Trust.UNTRUSTED} == {one.trust for one in walk}
            for one, after in pairwise(walk):
                assert "step" == one.source, after


@given(SEEDS)
@settings(max_examples=100)
def test_every_reference_of_an_argument_has_a_place(seed: int) -> None:
    """Positions are the references, and the literals between them."""
    for step in plans(seed).steps:
        placed = [(at, one) for at, one in positions(step.args) if isinstance(one, Reference)]
        assert list(references(dict(step.args))) == placed


READ = {"id": "read", "tool": "Read"}


def test_a_tool_that_vouches_ends_the_doubt() -> None:
    """And nothing else does: copying keeps it, however often."""
    found = lineage(
        READ,
        {"id": "copy", "tool": "Copy", "args": {"a": of("read")}},
        {"id": "again", "tool": "Copy", "args": {"a": of("copy", "/x")}},
        {"id": "vouch", "tool": "Vouch", "args": {"a": of("again")}},
        {"id": "end", "tool": "Copy", "args": {"a": of("again"), "b": of("vouch")}},
    )
    assert (("/a",), ("Copy", "Read", "Vouch")) == (
        found.of("end").untrusted,
        found.of("end").sources,
    )


def test_only_a_declassifier_makes_the_private_public() -> None:
    """That a tool is trusted says nothing about whom its output may be shown to."""
    found = lineage(
        {"id": "key", "tool": "Vault"},
        {"id": "vouch", "tool": "Vouch", "args": {"a": of("key")}},
        {"id": "told", "tool": "Vouch", "args": {"a": of("vouch")}},
        {"id": "redact", "tool": "Redact", "args": {"a": of("vouch")}},
        {"id": "public", "tool": "Vouch", "args": {"a": of("redact")}},
    )
    private = {step: found.of(step).sensitive for step in ("key", "told", "redact", "public")}
    assert {"key": True, "told": True, "redact": True, "public": False} == private


def test_a_guard_steers_without_flowing() -> None:
    """What is decided by a stranger's words is told apart from what is made of them."""
    guard = {"left": of("read", "/x"), "is": "==", "right": 1}
    found = lineage(READ, {"id": "act", "tool": "Vouch", "args": {"a": 1}, "when": [guard]})
    assert Provenance(steered=True) == found.of("act")


@pytest.mark.parametrize(
    ("args", "steered"),
    [
        ({"load": of("read", "/x")}, True),
        ({"note": of("read", "/x"), "load": of("vouch", "/x")}, False),
        ({"load": "beam"}, False),
    ],
    ids=["name", "beside the name", "literal"],
)
def test_a_name_that_may_not_be_believed_steers_what_its_absence_decides(
    args: dict[str, Any], steered: bool
) -> None:
    """That it is not there is found by us, whatever its tool vouches for; what stands beside the
    name decides nothing of it, and a literal was looked up when the plan was checked.
    """
    steps: list[dict[str, Any]] = [
        READ,
        {"id": "vouch", "tool": "Vouch"},
        {"id": "act", "tool": "Name", "args": args, "on_error": {"Fog": {"step": "other"}}},
        {"id": "other", "tool": "Vouch"},
    ]
    found = lineage(*steps)
    assert (steered, False) == (found.of("other").steered, found.of("act").steered)
    assert steered is (found.signals("act") is Trust.UNTRUSTED)


def test_a_loop_hands_on_what_stands_in_its_list() -> None:
    """Item by item; that there are so many is believed where the list is."""
    mixed = {"id": "list", "tool": "Mixed"}
    each = {"in": of("list", "/other"), "max": 3}
    act = {"id": "act", "tool": "Vouch", "args": {"a": {"$item": "/x"}}, "for_each": each}
    assert Provenance(sources=("Mixed",)) == lineage(mixed, act).of("act")
    read = {"in": of("read", "/x"), "max": 3}
    assert Provenance(untrusted=("/a",), steered=True, sources=("Read",)) == lineage(
        READ, {**act, "for_each": read}
    ).of("act")


def test_what_a_model_wrote_down_is_as_good_as_what_it_read() -> None:
    """Its literals are untrusted where they stand alone, and where they stand beside others."""
    args = {"a": "x", "b": {"c": [1, {"$input": "/title"}], "d": {"e": 2}}}
    step = {"id": "act", "tool": "Copy", "args": args}
    assert Provenance() == lineage(step).of("act")
    found = lineage(step, literals=Trust.UNTRUSTED)
    assert ("/a", "/b/c/0", "/b/d") == found.of("act").untrusted


@pytest.mark.parametrize(
    "steps",
    [
        [{"id": "a", "tool": "Copy", "args": {"x": of("b")}, "after": ["b"]},
         {"id": "b", "tool": "Copy", "args": {"x": of("a")}}],
        [{"id": "a", "tool": "Copy", "args": {"x": of("gone")}}],
        [{"id": "a", "tool": "Copy", "args": {"x": of("b")}}, {"id": "b", "tool": "Gone"}],
        [{"id": "a", "tool": "Copy", "args": {"x": {"$env": "HOME"}}}],
        [{"id": "a", "tool": "Copy", "args": {"x": {"$item": ""}}}],
        [{"id": "a", "tool": "Copy", "args": {"x": of("b")}},
         {"id": "b", "tool": "Vouch", "on_error": {"Fog": {"step": "gone"}}}],
    ],
    ids=["cycle", "no such step", "no such tool", "no reference", "no loop", "no such stand-in"],
)  # fmt: skip
def test_what_cannot_be_followed_is_not_believed(steps: list[dict[str, Any]]) -> None:
    """A plan that is no graph is refused elsewhere, and is no reason to believe anything here."""
    assert ("/x",) == lineage(*steps).of("a").untrusted


def test_an_untrusted_argument_says_where_it_comes_from() -> None:
    """Back through all that only passed it on, in words."""
    found = lineage(
        {"id": "read", "tool": "Read"},
        {"id": "copy", "tool": "Copy", "args": {"t": of("read", "/from")}},
        {"id": "act", "tool": "Vouch", "args": {"a": {"to": of("copy", "/x")}}},
    )
    assert [
        "comes from step `copy` (Copy /x)",
        "comes from step `read` (Read /from)",
    ] == [str(one) for one in found.witness("act", "/a/to")]


def test_a_thousand_steps_are_followed_quickly() -> None:
    """Each once, however many paths there are between them."""
    steps = [
        {
            "id": f"s{n}",
            "tool": "Copy" if n else "Read",
            "args": {f"a{m}": of(f"s{m}") for m in range(max(0, n - 10), n)},
        }
        for n in range(1000)
    ]
    plan = a_plan(*steps)
    with within(0.5):
        found = Lineage(plan.steps, labels())
    assert ("Copy", "Read") == found.of("s999").sources
    assert 10 == len(found.of("s999").untrusted)
