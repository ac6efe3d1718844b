"""What policy may say of a plan whose values are not all there yet, and what Cedar sees of them."""

import json
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

import cedarpy
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, JsonValue

from lockstep.canonical import digest
from lockstep.decision import Grant, Outcome, Phase, Principal, Request, Target
from lockstep.environment import Environment
from lockstep.provenance import Provenance
from lockstep.resource import Resource, touched
from lockstep.tool import tool
from policies.cedar.decider import CedarDecider
from policies.cedar.schema import context, vocabulary
from policies.cedar.targets import may_name
from policies.decider import PolicyTexts

Metric = Annotated[str, Resource("metric")]


class Inner(BaseModel):
    sure: bool
    note: str | None = None


class Act(BaseModel):
    x: int
    flag: bool
    y: str | None = None
    tags: list[str]
    inner: Inner
    ratio: float = 1.0
    on: Metric | None = None
    others: list[Metric] = []


class Nothing(BaseModel):
    pass


@tool("Act", effect="write")
def act(request: Act) -> Nothing:
    return Nothing()


INPUT = act.spec.input
PROD = Environment.model_validate(
    {
        "lockstep": "environment/1",
        "name": "prod",
        "stage": "prod",
        "tools": {},
        "resources": {
            "metric": {
                "m1": {"critical": True, "n": 1},
                "m2": {"critical": False},
                "it's": {"critical": False},
            }
        },
    }
)


def loaded(authorize: str, approvals: str = "") -> CedarDecider:
    texts = PolicyTexts(authorize=authorize, approvals=approvals)
    return CedarDecider.load(texts, {"Act": act.spec}, PROD)


def asked(phase: Phase, args: dict[str, Any], unknown: tuple[str, ...], *grants: Grant) -> Request:
    return Request(
        phase=phase,
        principal=Principal(agent="a", role="r", started_by="ann", trigger="person"),
        environment="prod",
        stage="prod",
        step="s1",
        tool="Act",
        effect="write",
        outward=True,
        provenance=Provenance(),
        args=args,
        unknown=unknown,
        targets=tuple(Target(kind=one.kind, name=one.name) for one in touched(INPUT, args)),
        grants=grants,
    )


# Each validates for the tool; the second fails for a large x, the third always.
tests = st.sampled_from(
    [
        "context.args.x > 3",
        "context.args.x * 4096 > 3",
        'Metric::"gone".critical',
        "context.args.flag",
        "context.args has y",
        'context.args has y && context.args.y == "a"',
        'context.args.tags.contains("a")',
        "context.args.inner.sure",
        'context.args.inner has note && context.args.inner.note like "a*"',
        "context.args has on",
        'context.args has others && context.args.others.contains("m1")',
        "resource is Metric && resource.critical",
        "resource is Metric && resource has n && resource.n > 0",
        "resource is Environment",
        'resource == Metric::"m1"',
        'principal.role == "r"',
        "context.args.inner == context.args.inner",
        "true",
    ]
).map(lambda test: f"({test})")
conditions = st.recursive(
    tests,
    lambda inner: (
        inner.map(lambda one: f"(!{one})")
        | st.tuples(inner, st.sampled_from(["&&", "||"]), inner).map(lambda t: f"({' '.join(t)})")
        | st.tuples(inner, inner, inner).map(lambda t: "(if {} then {} else {})".format(*t))
    ),
    max_leaves=4,
)
policies = st.tuples(
    st.sampled_from(["permit", "permit", "forbid"]),
    st.sampled_from(["", "", " is Metric", " is Environment", ' == Metric::"m1"']),
    st.sampled_from(["when", "unless"]),
    conditions,
)
names = st.sampled_from(["m1", "m2", "it's"])
words = st.sampled_from(["a", "ab", ""])
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "x": st.sampled_from([0, 4, 2**52]),
    "flag": st.booleans(),
    "tags": st.lists(words, max_size=2),
    "inner": st.fixed_dictionaries({"sure": st.booleans()}, optional={"note": st.none() | words}),
}
MAYBE: dict[str, st.SearchStrategy[Any]] = {
    "y": st.none() | words,
    "ratio": st.just(1.5),
    "on": st.none() | names,
    "others": st.lists(names, max_size=2),
}
arguments = st.fixed_dictionaries(FIELDS, optional=MAYBE)


def written(policy: tuple[str, str, str, str], n: int, approval: bool = False) -> str:
    effect, scope, word, condition = policy
    head = '@approvers("sre") forbid' if approval else effect
    return (
        f'@id("r{n}") @reason("r") {head}(principal, action == Action::"Act", resource{scope}) '
        f"{word} {{ {condition} }};"
    )


deciders = st.builds(
    lambda authorize, approvals: loaded(
        "\n".join(written(policy, n) for n, policy in enumerate(authorize)),
        "\n".join(written(policy, n, approval=True) for n, policy in enumerate(approvals, 10)),
    ),
    st.lists(policies, min_size=1, max_size=4),
    st.lists(policies, max_size=2),
)


@given(
    decider=deciders,
    first=arguments,
    others=st.lists(arguments, min_size=3, max_size=3),
    unknown=st.sets(st.sampled_from(sorted(FIELDS | MAYBE)), min_size=1, max_size=3),
    granted=st.booleans(),
)
@settings(max_examples=100, deadline=None)
def test_plan_time_definite_verdicts_hold_at_run_time(
    decider: CedarDecider,
    first: dict[str, Any],
    others: list[dict[str, Any]],
    unknown: set[str],
    granted: bool,
) -> None:
    """A plan-time verdict is UNDECIDED, or that of the run for every completion of the unknown."""
    known = {name: value for name, value in first.items() if name not in unknown}
    completions = [
        known | {name: value for name, value in one.items() if name in unknown}
        for one in (first, *others)
    ]
    grants = [
        Grant(
            run="run-1",
            step="s1",
            rule=f"r{n}",
            args_digest=digest(completions[0]),
            policy=decider.policy,
            by="bob",
            expires_at=datetime(2030, 1, 1, tzinfo=UTC),
        )
        for n in (10, 11)
        if granted
    ]
    pointers = tuple(f"/{name}" for name in sorted(unknown))

    foreseen = decider.decide(asked(Phase.PLAN, known, pointers, *grants)).outcome
    met = {decider.decide(asked(Phase.RUN, one, (), *grants)).outcome for one in completions}

    assert Outcome.UNDECIDED not in met
    assert foreseen is Outcome.UNDECIDED or {foreseen} == met


ARGS: dict[str, JsonValue] = {"x": 1, "flag": True, "tags": [], "inner": {"sure": True}}
PERMIT = '@id("p") @reason("r") permit(principal, action, resource);'


def forbid(clause: str, head: str = "") -> str:
    return f'@id("f") @reason("r") {head} forbid(principal, action == Action::"Act", {clause};'


ALSO = '@id("q") @reason("r") permit(principal, action == Action::"Act", resource) when {{ {} }};'
SURE = forbid("resource) when { context.args.inner.sure }")


@pytest.mark.parametrize(
    ("authorize", "unknown", "expected"),
    [
        (PERMIT + forbid("resource)"), "/x", Outcome.DENY),
        ("", "/x", Outcome.DENY),
        (PERMIT, "/x", Outcome.ALLOW),
        (PERMIT + forbid("resource) when { context.args.flag }"), "/x", Outcome.DENY),
        (PERMIT + forbid("resource) when { context.args.x > 3 }"), "/x", Outcome.UNDECIDED),
        (PERMIT + forbid("resource is Metric)"), "/x", Outcome.ALLOW),
        (PERMIT + forbid("resource is Metric)"), "/on", Outcome.UNDECIDED),
        (PERMIT + forbid("resource is Metric)"), "/others/1", Outcome.UNDECIDED),
        (PERMIT + forbid("resource) when { context.args has y }"), "/y", Outcome.UNDECIDED),
        # What may turn out to be absent hides the object it would be in.
        (PERMIT + SURE, "/inner/note", Outcome.UNDECIDED),
        (PERMIT + SURE, "/y", Outcome.UNDECIDED),
        (PERMIT + SURE, "/x", Outcome.DENY),
        # A second permit adds nothing, unless it may yet overflow, or name what is not there.
        (PERMIT + ALSO.format("context.args.x > 3"), "/x", Outcome.ALLOW),
        (PERMIT + ALSO.format("context.args.x * 4096 > 3"), "/x", Outcome.UNDECIDED),
        (
            PERMIT + ALSO.format('context.args.x > 3 && Metric::"gone".critical'),
            "/x",
            Outcome.UNDECIDED,
        ),
    ],
)
def test_what_does_not_depend_on_the_unknown_is_decided(
    authorize: str, unknown: str, expected: Outcome
) -> None:
    """A rule that fires in any case is found before the run; one that may is left to it."""
    made = loaded(authorize).decide(asked(Phase.PLAN, ARGS, (unknown,)))
    assert expected is made.outcome
    assert () == made.errors


def test_a_certain_approval_is_foreseen() -> None:
    """Who must be asked in any case can be asked before the run, unless a grant may cover it."""
    decider = loaded(PERMIT, forbid("resource)", '@approvers("sre")'))
    request = asked(Phase.PLAN, ARGS, ("/y",))
    made = decider.decide(request)
    assert (Outcome.REQUIRE_APPROVAL, ["f"]) == (made.outcome, [rule.id for rule in made.missing])
    grant = Grant.model_validate(
        {
            "run": "run-1",
            "step": "s1",
            "rule": "f",
            "args_digest": digest({"x": 2}),
            "policy": decider.policy,
            "by": "bob",
            "expires_at": "2030-01-01T00:00:00Z",
        }
    )
    covered = asked(Phase.PLAN, ARGS, ("/y",), grant)
    assert Outcome.UNDECIDED is decider.decide(covered).outcome


def test_a_possible_approval_is_not_foreseen() -> None:
    """Whether anybody must be asked may depend on the unknown, and then nobody is."""
    review = forbid("resource) when { context.args.x > 3 }", '@approvers("sre")')
    made = loaded(PERMIT, review).decide(asked(Phase.PLAN, ARGS, ("/x",)))
    assert (Outcome.UNDECIDED, ()) == (made.outcome, made.missing)


def test_a_certain_approval_gives_way_to_a_possible_denial() -> None:
    """One target needs a yes, and another that nobody knows yet may be forbidden: no promise."""
    critical = forbid("resource is Metric) when { resource.critical }")
    review = '@id("a") @reason("r") @approvers("sre") forbid(principal, action, resource);'
    decider, args = loaded(PERMIT + critical, review), ARGS | {"on": "m2"}
    assert Outcome.REQUIRE_APPROVAL is decider.decide(asked(Phase.PLAN, args, ("/x",))).outcome
    assert Outcome.UNDECIDED is decider.decide(asked(Phase.PLAN, args, ("/others",))).outcome


def test_an_unknown_that_no_argument_is_for_is_certain() -> None:
    """Where a schema is closed, a name it does not have denies whatever its value will be."""
    closed = act.spec.model_copy(update={"input": INPUT | {"additionalProperties": False}})
    decider = CedarDecider.load(PolicyTexts(authorize=PERMIT), {"Act": closed}, PROD)
    assert ("arguments",) == decider.decide(asked(Phase.PLAN, ARGS, ("/nobody",))).errors
    assert Outcome.ALLOW is decider.decide(asked(Phase.PLAN, ARGS, ("/x", "/on"))).outcome


def test_a_misfit_beside_an_unknown_is_certain() -> None:
    """A known argument of the wrong type denies at plan time as it would at run time."""
    made = loaded(PERMIT).decide(asked(Phase.PLAN, ARGS | {"x": "one"}, ("/y",)))
    assert (Outcome.DENY, ("arguments",)) == (made.outcome, made.errors)


@given(arguments)
@settings(max_examples=30)
def test_what_the_sieve_passes_cedar_accepts(args: dict[str, Any]) -> None:
    """What a policy is shown of a call always has the type that the schema declares."""
    assume(all(one.name in PROD.resources["metric"] for one in touched(INPUT, args)))
    words = vocabulary({"Act": act.spec}, PROD)
    question = {
        "principal": 'Agent::"a"',
        "action": 'Action::"Act"',
        "resource": 'Environment::"prod"',
        "context": json.dumps(context(asked(Phase.RUN, args, ()), words.args["Act"])),
    }
    permit = "permit(principal, action, resource);"
    assert cedarpy.is_authorized(question, permit, [], words.document).allowed


class Host(StrEnum):
    WEB = "web"


class Marked(BaseModel):
    choice: Annotated[Host, Resource("host")]
    pair: tuple[Metric, int]
    limits: dict[Metric, int]
    plain: str


def test_a_resource_is_found_wherever_it_is_marked() -> None:
    """Beside a `$ref`, in a tuple, as a key: what is not found would slip past policy."""
    value: JsonValue = {"choice": "web", "pair": ["m1", 1], "limits": {"m2": 2}, "plain": "m3"}
    found = touched(Marked.model_json_schema(), value)
    assert [("host", "web"), ("metric", "m1"), ("metric", "m2")] == [
        (one.kind, one.name) for one in found
    ]


def test_a_union_of_itself_has_no_resources() -> None:
    """A schema that leads back to itself is walked once."""
    schema: dict[str, JsonValue] = {"anyOf": [{"$ref": "#"}, {"$ref": "#"}]}
    assert () == touched(schema, "m1")


def test_a_pointer_says_whether_a_resource_may_stand_there() -> None:
    """Only an unknown that can name a resource makes the targets unknown."""
    assert {"/on", "/others", "/others/0", ""} == {
        at
        for at in ("", "/x", "/inner", "/inner/note", "/on", "/others", "/others/0", "/tags/0")
        if may_name(INPUT, at)
    }
