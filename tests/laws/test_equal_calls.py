"""What is found once for calls that are equal is what would be found of each by itself.

Two calls are taken to be equal if their arguments are spelled alike. So a call whose keys stand in
another order is looked at anew, and means the same: that is what the quick way is held against.
"""

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from lockstep.canonical import ExactObject, digest
from lockstep.checked import Checked
from lockstep.decision import Outcome, Phase, Principal, Request, Target
from lockstep.provenance import Provenance
from lockstep.trust import Trust
from policies.check import check
from tests.laws.port import BY, LIST, POST, WEIGH, Json, plan, under, with_, world

CALLS = (
    LIST,
    WEIGH,
    POST,
    with_(LIST, args={"cargo": ["gold", "coal"]}),
    with_(LIST, args={"berth": 7}),
    with_(WEIGH, args={"limit": {"tons": 5, "per": {"unit": "age", "times": 2}}}),
    with_(WEIGH, args={"ships": [], "more": 1}),
    with_(POST, args={"text": "all is well", "weight": {"$from": "weigh", "path": "/nothing"}}),
    with_(LIST, tool="ListShip"),
)


def turned(value: Any) -> Any:
    """The same value with the keys of each object the other way round."""
    if isinstance(value, dict):
        return {key: turned(value[key]) for key in reversed(value)}
    return [turned(one) for one in value] if isinstance(value, list) else value


def copies(calls: Iterable[Json], second: Any = dict) -> list[Json]:
    """Each of the calls twice, beside the steps that they refer to."""
    pairs = [(call, {**call, "args": second(call["args"])}) for call in calls]
    again = [
        {**one, "id": f"s{n}-{m}"} for n, pair in enumerate(pairs) for m, one in enumerate(pair)
    ]
    return [LIST, WEIGH, *again]


def said(found: Checked) -> tuple[Any, ...]:
    """All that a check says; of one step the findings stand in the order of its arguments."""
    return sorted(map(str, found.findings)), found.decisions, found.doubts, found.worst


@given(st.lists(st.sampled_from(CALLS), max_size=4), st.sampled_from(Trust))
@settings(max_examples=40, deadline=None)
def test_of_equal_calls_each_is_found_what_would_be_found_of_it_alone(
    calls: list[Json], literals: Trust
) -> None:
    """Findings, decisions and where arguments come from; what is wrong is said of every step."""
    quick = check(plan(*copies(calls)), world(), BY, literals)
    one_by_one = check(plan(*copies(calls, turned)), world(), BY, literals)
    assert said(one_by_one) == said(quick)


ALL = '@id("all") @reason("all may be") permit (principal, action, resource);'
NAMED = '@id("named") @reason("not this one") forbid (principal, action, resource) when {{ {} }};'


@pytest.mark.parametrize(
    "condition",
    [
        'context.step == "s0-1"',
        'context has step && ["s0-1"].contains(context.step)',
        '(if resource is Environment then context else context).step == "s0-1"',
    ],
)
def test_a_rule_that_looks_at_what_a_step_is_called_is_asked_about_each(condition: str) -> None:
    """However it comes by the name: a call is not the same as one with another name then."""
    here = under(ALL + NAMED.format(condition))
    found = check(plan(*copies([LIST])), here, BY)
    assert here.decider.names_steps
    assert {"s0-1": Outcome.DENY} == {
        made.step: made.outcome for made in found.decisions if made.outcome is not Outcome.ALLOW
    }


def test_a_rule_about_anything_else_is_not_asked_again_for_another_name() -> None:
    """Every decision bears the name of its own step all the same."""
    here = under(ALL + NAMED.format('context.args has berth && context.phase == "never"'))
    found = check(plan(*copies([LIST])), here, BY)
    assert not here.decider.names_steps
    assert ["list", "weigh", "s0-0", "s0-1"] == [made.step for made in found.decisions]


def test_what_python_calls_equal_is_not_one_call_for_that() -> None:
    """`1` and `true` are equal to Python; to a schema and to policy they are not."""
    steps = [
        with_(
            WEIGH, id=f"s{one}", args={"limit": {"tons": one, "per": {"unit": "day", "times": 1}}}
        )
        for one in (1, True)
    ]
    found = check(plan(LIST, *steps), world(), BY)
    assert {"step `sTrue` /limit/tons"} == {one.place for one in found.errors}


words = st.text(max_size=5)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=8,
)


requests = st.builds(
    Request,
    phase=st.sampled_from(Phase),
    principal=st.builds(
        Principal,
        agent=words,
        role=st.just("r"),
        started_by=st.just("änn"),
        trigger=st.sampled_from(["person", "schedule"]),
    ),
    environment=st.just("test"),
    stage=words,
    step=words,
    tool=words,
    effect=words,
    outward=st.booleans(),
    provenance=st.builds(
        Provenance,
        untrusted=st.lists(words, max_size=2),
        steered=st.booleans(),
        sensitive=st.booleans(),
        sources=st.lists(st.sampled_from(["Read", "Act"]), max_size=2),
    ),
    args=st.dictionaries(words, values, max_size=4),
    unknown=st.lists(words, max_size=2),
    targets=st.lists(st.builds(Target, kind=st.just("metric"), name=st.just("m")), max_size=2),
)


@given(requests)
@settings(max_examples=100)
def test_the_digest_of_a_question_is_that_of_all_its_facts(request: Request) -> None:
    """Put together from what was written before, it is what writing all of it anew would give."""
    assert digest(request.model_dump(mode="json", exclude={"grants"})) == request.asked
    assert digest(request.args) == request.args_digest


@given(st.dictionaries(words, values, max_size=4))
@settings(max_examples=50)
def test_arguments_are_taken_over_as_they_are_and_kept(args: Json) -> None:
    """Flat ones are not looked at in full; whatever becomes of what was read, the record stays."""
    before = turned(turned(args))
    kept = TypeAdapter(ExactObject).validate_python(args)
    for value in args.values():
        if isinstance(value, list):
            value.append("more")
    args["new"] = 1
    assert before == kept


@pytest.mark.parametrize(
    "args", [{"a": float("nan")}, {"a": 2**53}, {"a": ("b",)}, {"a": {1}}, {1: "a"}, {"a": b"b"}]
)
def test_what_json_cannot_say_is_no_argument(args: Any) -> None:
    """In an object of few words as in any other."""
    with pytest.raises(ValueError, match=r"."):
        TypeAdapter(ExactObject).validate_python({"word": "a", **args})
