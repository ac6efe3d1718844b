"""Data of one tool that must not reach another: found as a search of all paths would find it."""

import random
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from activities.package import load_package
from lockstep.errors import LockstepError
from lockstep.finding import Finding
from lockstep.plan import Plan
from policies.graph.certainty import Shape
from policies.graph.flow import Flow
from policies.graph.rules import Rules
from tests.laws.port import HARBOUR, STEPS, codes, world_with
from tests.laws.test_provenance import TOOLS, a_plan, of, plans


def rule(**fields: Any) -> Flow:
    given = {"id": "r", "from": "Read", "to": "Vouch", "reason": "no"}
    return Flow.model_validate(given | fields)


def found(*steps: dict[str, Any], **fields: Any) -> list[Finding]:
    return list(rule(**fields).violations(Shape.of(a_plan(*steps).steps)))


READ = {"id": "read", "tool": "Read"}
COPY = {"id": "copy", "tool": "Copy", "args": {"a": of("read")}}
REDACT = {"id": "redact", "tool": "Redact", "args": {"a": of("copy")}}
TELL = {"id": "tell", "tool": "Vouch", "args": {"a": "x", "b": [of("copy", "/text")]}}


def test_data_is_followed_through_every_step_that_it_went_into() -> None:
    """The finding names the argument, the source and the way between them."""
    (one,) = found(READ, COPY, TELL)
    assert ("LS-RULE-010", "step `tell` /b") == (one.code, one.place)
    assert (
        "policy violation: no (r): it holds what `read` (Read) gave, by way of `copy`",
        "take it out",
    ) == (one.problem, one.fix)


def test_what_passed_through_the_right_hands_may_go_on() -> None:
    """And who did not let it pass is told what would."""
    passed = {**TELL, "args": {"b": of("redact")}}
    assert [] == found(READ, COPY, REDACT, passed, unless="Redact")
    (one,) = found(READ, COPY, REDACT, TELL, unless=["Redact", "Mixed"])
    assert "pass it through `Redact` or `Mixed` first" == one.fix


def test_a_rule_may_be_about_one_argument() -> None:
    """The others are nobody's business."""
    assert [] == found(READ, COPY, TELL, argument="a")
    assert 1 == len(found(READ, COPY, TELL, argument="b"))


def test_an_order_is_no_flow_and_neither_is_a_guard() -> None:
    """Coming after a step, or being wanted because of it, brings nothing of what it gave."""
    guard = {"left": of("read", "/x"), "is": "==", "right": 1}
    assert [] == found(READ, {"id": "tell", "tool": "Vouch", "after": ["read"], "when": [guard]})


def test_an_item_is_a_part_of_its_list() -> None:
    """And a stand-in's output is what its step's may be."""
    each = {"in": of("read", "/x"), "max": 2}
    loop = {"id": "tell", "tool": "Vouch", "args": {"a": {"$item": ""}}, "for_each": each}
    assert ["step `tell` /a"] == [one.place for one in found(READ, loop)]
    assert [] == found(READ, {**loop, "args": {"a": 1}})

    fetch = {"id": "fetch", "tool": "Mixed", "on_error": {"Fog": {"step": "read"}}}
    told = {"id": "tell", "tool": "Vouch", "args": {"a": of("fetch")}}
    (one,) = found(READ, fetch, told)
    assert "it holds what `read` (Read) gave, by way of `fetch`" in one.problem


def reaches(plan: Plan, rule: Flow, step: str) -> bool:
    """Whether a path of data leads from a source into a step's arguments: all paths, one by one."""
    steps = {one.id: one for one in plan.steps}

    def fed(id: str) -> Iterator[str]:
        shape = Shape.of(plan.steps)
        yield from (one for some in shape.feeds[id].values() for one in some)

    def holds(id: str) -> bool:
        here = steps[id]
        ways = [one.step for one in here.on_error.values() if one.step]
        own = here.tool in rule.from_ or (
            here.tool not in rule.unless and any(holds(one) for one in fed(id))
        )
        return own or any(holds(one) for one in ways)

    return any(holds(one) for one in fed(step))


@given(st.integers(0, 2**32))
@settings(max_examples=200)
def test_what_is_found_is_what_a_search_of_all_paths_finds(seed: int) -> None:
    """No step too many and none too few, for any plan and any three tools."""
    plan = plans(seed)
    source, sink, between = random.Random(seed).sample(sorted(TOOLS), 3)
    one = rule(**{"from": source, "to": sink, "unless": between})
    told = {finding.place.split("`")[1] for finding in one.violations(Shape.of(plan.steps))}
    assert told == {
        step.id for step in plan.steps if step.tool == sink and reaches(plan, one, step.id)
    }


def test_a_plan_that_breaks_such_a_rule_is_rejected() -> None:
    """By the check, and by every later look at the same plan."""
    ban = rule(**{"from": "ListShips", "to": "PostNotice"})
    assert ["LS-RULE-010"] == codes(*STEPS, here=world_with(rules=Rules(flow=(ban,))))
    through = ban.model_copy(update={"unless": ("WeighCargo",)})
    assert [] == codes(*STEPS, here=world_with(rules=Rules(flow=(through,))))


def test_agents_without_such_rules_keep_their_pins() -> None:
    """What nobody wrote is not digested."""
    assert "flow" not in Rules().model_dump(mode="json")


def test_a_rule_that_could_never_be_broken_or_kept_is_refused() -> None:
    """A tool between two others is neither of them."""
    with pytest.raises(ValidationError, match="none of them"):
        rule(unless="Read")
    with pytest.raises(ValidationError):
        rule(to=[])


def test_a_ban_on_a_misspelt_tool_does_not_load(tmp_path: Any) -> None:
    """It would ban nothing, for ever and without a word."""
    folder = tmp_path / "harbour"
    for path in HARBOUR.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            target = folder / path.relative_to(HARBOUR)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    rules = folder / "policy" / "rules.toml"
    ban = '[[flow]]\nid = "r"\nfrom = "ListShip"\nto = "PostNotice"\nreason = "no"\n'
    rules.write_text(f"{rules.read_text()}\n{ban}")
    with pytest.raises(LockstepError, match="did you mean `ListShips`"):
        load_package(folder)
