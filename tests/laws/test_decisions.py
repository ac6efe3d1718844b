"""May this step happen? The theorems of Cedar that we rely on, and those that we add."""

import json
from datetime import UTC, datetime
from typing import Annotated, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, JsonValue

from lockstep.canonical import Digest, digest
from lockstep.decision import Decision, Grant, Outcome, Phase, Principal, Request, Target
from lockstep.environment import Environment
from lockstep.provenance import Provenance
from lockstep.resource import Resource
from lockstep.tool import Tool, tool
from policies.cedar.decider import CedarDecider
from policies.decider import Decider, PolicyTexts
from tests.laws.pace import within

ALLOW, DENY, APPROVAL = Outcome.ALLOW, Outcome.DENY, Outcome.REQUIRE_APPROVAL


class Fetch(BaseModel):
    cluster: str
    window: int = 5
    ratio: float = 1.0
    labels: dict[str, str] = {}


class Remove(BaseModel):
    metrics: list[Annotated[str, Resource("metric")]]
    why: str | None = None


class Nothing(BaseModel):
    pass


@tool("FetchMetrics", effect="read")
def fetch_metrics(request: Fetch) -> Nothing:
    return Nothing()


@tool("RemoveMetric", effect="destructive")
def remove_metric(request: Remove) -> Nothing:
    return Nothing()


@tool("DevMetricsAPI", effect="read")
def dev_metrics(request: Nothing) -> Nothing:
    return Nothing()


TOOLS: list[Tool] = [fetch_metrics, remove_metric, dev_metrics]
HOSTILE_NAME = 'line\nbreak "quoted" \u202e\x00 Metric::"node_load1"'
PROD = Environment.model_validate(
    {
        "lockstep": "environment/1",
        "name": "prod",
        "stage": "prod",
        "tools": {},
        "resources": {
            "metric": {
                "node_cpu_throttle_time_seconds": {"critical": True},
                "node_load1": {"critical": False, "owner": "sre"},
                "node_load5": {"critical": False},
                HOSTILE_NAME: {"critical": True},
            }
        },
    }
)
CRITICAL, PLAIN, OTHER = "node_cpu_throttle_time_seconds", "node_load1", "node_load5"

AUTHORIZE = """
@id("metrics.critical-removal") @reason("Critical metric; removal prohibited")
forbid(principal, action == Action::"RemoveMetric", resource is Metric) when { resource.critical };
@id("tools.dev-only") @reason("DevMetricsAPI cannot be used in production")
forbid(principal, action == Action::"DevMetricsAPI", resource)
when { context.environment.stage == "prod" };
@id("digest.read") @reason("the reporter reads metrics")
permit(principal, action in [Action::"FetchMetrics", Action::"DevMetricsAPI"], resource)
when { principal.role == "reporter" };
@id("metrics.keeper") @reason("the keeper tidies up")
permit(principal, action == Action::"RemoveMetric", resource) when { principal.role == "keeper" };
"""
APPROVALS = """
@id("metrics.removal-review") @reason("Removing a metric needs a second pair of eyes")
@approvers("sre-oncall")
forbid(principal, action == Action::"RemoveMetric", resource);
"""
PERMIT_ALL = '@id("all") @reason("for a test") permit(principal, action, resource);'


def loaded(authorize: str = AUTHORIZE, approvals: str = APPROVALS) -> CedarDecider:
    specs = {one.name: one.spec for one in TOOLS}
    return CedarDecider.load(PolicyTexts(authorize=authorize, approvals=approvals), specs, PROD)


ARTICLE = loaded()
PERMISSIVE = loaded(PERMIT_ALL, "")


def asked(name: str, args: dict[str, Any], role: str = "reporter", **changes: Any) -> Request:
    targets = tuple(Target(kind="metric", name=metric) for metric in args.get("metrics", ()))
    fields: dict[str, Any] = {
        "phase": Phase.RUN,
        "principal": Principal(
            agent="cluster-digest", role=role, started_by="ann", trigger="person"
        ),
        "environment": "prod",
        "stage": "prod",
        "step": "s6",
        "tool": name,
        "effect": "read",
        "outward": False,
        "provenance": Provenance(),
        "args": args,
        "targets": targets,
    }
    return Request(**(fields | changes))


def removal(*metrics: str, role: str = "keeper", **changes: Any) -> Request:
    return asked("RemoveMetric", {"metrics": list(metrics)}, role, **changes)


def rules(decision: Decision) -> list[str]:
    return [rule.id for rule in decision.rules]


def a_forbid(condition: str) -> str:
    return (
        '@id("broken") @reason("for a test") forbid(principal, action == Action::"FetchMetrics", '
        f"resource) when {{ {condition} }};"
    )


def test_the_articles_cases() -> None:
    """BLOCKED (Critical metric; removal prohibited), and DevMetricsAPI not in production."""
    removed = ARTICLE.decide(removal(CRITICAL))
    assert "metrics.critical-removal: Critical metric; removal prohibited" == removed.why
    assert DENY is removed.outcome
    development = ARTICLE.decide(asked("DevMetricsAPI", {}))
    assert (
        "DisallowedToolError: DevMetricsAPI cannot be used in production (tools.dev-only)"
    ) == development.why
    assert DENY is development.outcome
    assert (False, True) == (removed.disallowed, development.disallowed)
    assert ALLOW is ARTICLE.decide(asked("FetchMetrics", {"cluster": "a"})).outcome


def test_a_cedar_decider_keeps_the_contract() -> None:
    """It can stand where a `Decider` is wanted, and says what decided."""
    decider: Decider = ARTICLE
    made = decider.decide(asked("FetchMetrics", {"cluster": "a"}))
    assert (decider.policy, decider.engine) == (made.policy, made.engine)
    assert made.engine.startswith("cedarpy 4.")


def test_forbid_trumps_permit() -> None:
    """If any forbid is satisfied, the answer is no, whatever is permitted."""
    made = loaded(AUTHORIZE + PERMIT_ALL).decide(removal(CRITICAL))
    assert (DENY, ["metrics.critical-removal"]) == (made.outcome, rules(made))


def test_silence_means_no() -> None:
    """If no permit is satisfied, the answer is no, and no rule is named for it."""
    made = ARTICLE.decide(asked("FetchMetrics", {"cluster": "a"}, role="stranger"))
    assert (DENY, (), ()) == (made.outcome, made.rules, made.errors)
    assert "DisallowedToolError: no policy permits `FetchMetrics` here" == made.why
    assert made.disallowed
    assert DENY is loaded("", "").decide(asked("FetchMetrics", {"cluster": "a"})).outcome


@pytest.mark.parametrize(
    ("condition", "window"),
    [
        pytest.param("context.args has window && context.args.window * 4096 > 1", 2**52, id="sum"),
        pytest.param('Metric::"no_such_metric".critical', 5, id="missing entity"),
    ],
)
@pytest.mark.parametrize("file", ["authorize", "approvals"])
def test_a_broken_rule_denies(condition: str, window: int, file: str) -> None:
    """Where Cedar would pass over a forbid that cannot be evaluated, we deny and name it."""
    broken = a_forbid(condition)
    decider = (
        loaded(PERMIT_ALL + broken, "")
        if file == "authorize"
        else loaded(PERMIT_ALL, '@approvers("sre") ' + broken)
    )
    made = decider.decide(asked("FetchMetrics", {"cluster": "secret", "window": window}))
    assert (DENY, ("broken",)) == (made.outcome, made.errors)
    assert "secret" not in made.model_dump_json()


def test_a_missing_attribute_is_found_before_it_can_break_a_rule() -> None:
    """An optional attribute does not load unguarded; guarded, its absence is no error."""
    rule = (
        '@id("sre") @reason("not ours") forbid(principal, action, resource is Metric) '
        'when {{ {guard} resource.owner == "sre" }};'
    )
    with pytest.raises(Exception, match=r"`resource\.owner` may be absent"):
        loaded(PERMIT_ALL + rule.format(guard=""))
    guarded = loaded(PERMIT_ALL + rule.format(guard="resource has owner &&"), "")
    assert DENY is guarded.decide(removal(PLAIN)).outcome
    assert ALLOW is guarded.decide(removal(OTHER)).outcome


def test_approval_beats_permit_and_loses_to_forbid() -> None:
    """What is permitted may need a yes; what is forbidden cannot get one."""
    permitted = ARTICLE.decide(removal(PLAIN))
    assert APPROVAL is permitted.outcome
    assert [("metrics.removal-review", ("sre-oncall",))] == [
        (rule.id, rule.approvers) for rule in permitted.missing
    ]
    forbidden = ARTICLE.decide(removal(CRITICAL))
    assert (DENY, ()) == (forbidden.outcome, forbidden.missing)


def test_a_default_deny_is_never_put_to_approval() -> None:
    """Nobody is asked to approve what nothing permits."""
    made = ARTICLE.decide(removal(PLAIN, role="reporter"))
    assert (DENY, (), ()) == (made.outcome, made.rules, made.missing)


def granted(request: Request, **changes: Any) -> Grant:
    fields: dict[str, Any] = {
        "run": "run-1",
        "step": request.step,
        "rule": "metrics.removal-review",
        "args_digest": digest(request.args),
        "policy": ARTICLE.policy,
        "by": "bob",
        "expires_at": datetime(2030, 1, 1, tzinfo=UTC),
    }
    return Grant(**(fields | changes))


def test_a_grant_lifts_the_rule_it_names() -> None:
    """With the grant the call is allowed, by its permit, and the record holds the grant."""
    grant = granted(removal(PLAIN))
    made = ARTICLE.decide(removal(PLAIN, grants=(grant,)))
    assert (ALLOW, ["metrics.keeper"], (grant,)) == (made.outcome, rules(made), made.grants)
    assert DENY is ARTICLE.decide(removal(CRITICAL, grants=(granted(removal(CRITICAL)),))).outcome


def test_all_approvals_are_told() -> None:
    """Those that are missing and those that were used; one alone reads as it stands in records."""
    files = (PERMIT_ALL, *(_asks(f"review.{role}", role) for role in ("ann", "bob")))
    two = loaded(files[0], "".join(files[1:]))
    asked = removal(PLAIN)
    missing = two.decide(asked)
    assert "review.ann: ann looks at it; review.bob: bob looks at it" == missing.told
    used = tuple(
        granted(asked, rule=f"review.{by}", by=by, policy=two.policy) for by in ("ann", "bob")
    )
    given = two.decide(removal(PLAIN, grants=used))
    assert "review.ann approved by ann; review.bob approved by bob" == given.told
    one = two.decide(removal(PLAIN, grants=used[:1]))
    assert "review.bob: bob looks at it" == one.told == one.why
    denied = ARTICLE.decide(removal(CRITICAL))
    assert denied.why == denied.told


def _asks(id: str, role: str) -> str:
    return (
        f'@id("{id}") @reason("{role} looks at it") @approvers("{role}") '
        'forbid (principal, action == Action::"RemoveMetric", resource);'
    )


@pytest.mark.parametrize(
    "flipped",
    [
        {"step": "s7"},
        {"rule": "metrics.critical-removal"},
        {"args_digest": digest({"metrics": [OTHER]})},
        {"policy": Digest("sha256:" + "0" * 64)},
    ],
    ids=["step", "rule", "arguments", "policy"],
)
def test_grants_are_bound_to_step_rule_arguments_and_policy(flipped: dict[str, Any]) -> None:
    """Whatever of the four is another, the grant covers nothing."""
    request = removal(PLAIN)
    made = ARTICLE.decide(removal(PLAIN, grants=(granted(request, **flipped),)))
    assert (APPROVAL, ()) == (made.outcome, made.grants)


def test_strictest_target_wins() -> None:
    """One forbidden target among permitted ones forbids the call, and gives the reason."""
    made = ARTICLE.decide(removal(PLAIN, CRITICAL, OTHER, PLAIN))
    assert (DENY, ["metrics.critical-removal"]) == (made.outcome, rules(made))
    assert [CRITICAL, PLAIN, OTHER] == [target.name for target in made.targets]
    assert APPROVAL is ARTICLE.decide(removal(PLAIN, OTHER)).outcome


@given(st.permutations([PLAIN, CRITICAL, OTHER]))
@settings(max_examples=6)
def test_order_of_targets_does_not_matter(metrics: list[str]) -> None:
    """Targets are a set, and are recorded sorted."""
    expected = ARTICLE.decide(removal(PLAIN, CRITICAL, OTHER))
    made = ARTICLE.decide(removal(*metrics))
    assert (expected.outcome, expected.rules) == (made.outcome, made.rules)
    assert expected.targets == made.targets


def test_order_of_policies_does_not_matter() -> None:
    """Cedar names its reasons in random order; a decision names them sorted, every time."""
    policies = [
        f'@id("{name}") @reason("r") permit(principal, action, resource);' for name in "dbeac"
    ]
    texts = ["\n".join(policies), "\n".join(reversed(policies))]
    made = [
        one.decide(asked("FetchMetrics", {"cluster": "a"}))
        for one in (loaded(text, "") for text in texts)
        for _ in range(100)
    ]
    assert {("a", "b", "c", "d", "e")} == {tuple(rules(one)) for one in made}
    assert 2 == len({one.digest for one in made})  # one for each text, whose digest it names


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        (removal("no_such_metric"), "unknown-target"),
        (removal(PLAIN, "no_such_metric"), "unknown-target"),
        (removal(targets=(Target(kind="host", name=PLAIN),)), "unknown-target"),
        (asked("FetchMetrics", {}, targets=(Target(kind="metric", name=PLAIN),)), "unknown-target"),
        (asked("NoSuchTool", {}), "unknown-tool"),
        (asked("FetchMetrics", {"cluster": "a"}, environment="staging"), "environment"),
        (asked("FetchMetrics", {"cluster": "a"}, stage="dev"), "environment"),
        (asked("FetchMetrics", {}, unknown=("/cluster",)), "unknown-arguments"),
    ],
)
def test_what_does_not_exist_is_denied(request_: Request, error: str) -> None:
    """Existence is checked before policy is asked; should that be forgotten, the answer is no."""
    made = PERMISSIVE.decide(request_)
    assert (DENY, (error,)) == (made.outcome, made.errors)


DEEP: JsonValue = json.loads("[" * 60 + "]" * 60)


@pytest.mark.parametrize("argument", ["cluster", "window"])
@pytest.mark.parametrize(
    "value",
    [
        {"__entity": {"type": "Agent", "id": "cluster-digest"}},
        {"__extn": {"fn": "ip", "arg": "10.0.0.1"}},
        {"__extn": {"fn": "unknown", "arg": "cluster"}},
        {"__expr": 'principal.role == "keeper"'},
        2**63,
        -(10**30),
        1e300,
        None,
        [],
        DEEP,
        pytest.param("\ud800", id="half a character"),
    ],
    ids=lambda value: json.dumps(value)[:24] if isinstance(value, dict | list) else None,
)
def test_hostile_arguments_are_neither_allowed_nor_fatal(argument: str, value: Any) -> None:
    """Cedar's own escapes, numbers beyond its range and shapes beyond its types deny."""
    request = asked("FetchMetrics", {}).model_copy(
        update={"args": {"cluster": "a", "window": 5, argument: value}}
    )
    made = PERMISSIVE.decide(request)
    assert (DENY, ("arguments",)) == (made.outcome, made.errors)


def test_what_cedar_cannot_see_does_not_stop_a_call() -> None:
    """Opaque arguments reach the tool and no policy: nesting, floats and escapes in them."""
    opaque: dict[str, JsonValue] = {"ratio": 0.5, "labels": {"__entity": "x", "y": "\x00"}}
    made = PERMISSIVE.decide(asked("FetchMetrics", {"cluster": "a", **opaque}))
    assert ALLOW is made.outcome


@pytest.mark.parametrize("unknown", [(), ("/why",)])
def test_a_hostile_name_is_only_a_name(unknown: tuple[str, ...]) -> None:
    """Control characters and Cedar's quotes in a resource's name only ever deny."""
    made = ARTICLE.decide(removal(HOSTILE_NAME, phase=Phase.PLAN, unknown=unknown))
    assert made.outcome in {DENY, Outcome.UNDECIDED}
    assert DENY is ARTICLE.decide(removal(HOSTILE_NAME)).outcome
    assert () == made.errors


def test_a_fault_in_the_engine_denies() -> None:
    """A request that Cedar cannot even be handed is denied, and nobody hears an exception."""
    half = Principal.model_construct(
        agent="\ud800", role="keeper", started_by="ann", trigger="person"
    )
    made = PERMISSIVE.decide(removal(PLAIN).model_copy(update={"principal": half}))
    assert DENY is made.outcome
    assert made.errors


scalars = st.one_of(st.text(), st.integers(-(2**53), 2**53), st.booleans(), st.floats(), st.none())
values = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5
)


@given(st.dictionaries(st.sampled_from(["cluster", "window", "ratio", "labels", "x"]), values))
@settings(max_examples=40, deadline=None)
def test_every_request_gets_an_answer(args: dict[str, JsonValue]) -> None:
    """Whatever the arguments are, a decision comes back; ALLOW only if their types are right."""
    request = asked("FetchMetrics", {}).model_copy(update={"args": args})
    made = PERMISSIVE.decide(request)
    if made.outcome is ALLOW:
        assert isinstance(args["cluster"], str)
        assert isinstance(args.get("window", 5), int | float)


def test_a_decision_costs_less_than_a_millisecond() -> None:
    """With 100 rules over 20 tools; measured it is a tenth of that."""
    others = "".join(
        f'@id("r{n}") @reason("r") forbid(principal, action == Action::"DevMetricsAPI", resource) '
        f'when {{ context.step == "{n}" }};'
        for n in range(100)
    )
    decider, request = loaded(AUTHORIZE + others), asked("FetchMetrics", {"cluster": "a"})
    decider.decide(request)
    with within(0.1):
        for _ in range(100):
            decider.decide(request)


# the record


def test_a_decision_on_a_call_says_what_was_asked_and_on_what_grounds() -> None:
    """By digest: the question without its grants, and what answers are made from in this world."""
    one = loaded(PERMIT_ALL, "")
    made = one.decide(asked("FetchMetrics", {"cluster": "a"}))
    again = one.decide(asked("FetchMetrics", {"cluster": "a"}))
    other = one.decide(asked("FetchMetrics", {"cluster": "b"}))
    assert made == again
    assert asked("FetchMetrics", {"cluster": "a"}).asked == made.asked
    assert one.grounds.digest == made.grounds
    assert made.asked != other.asked
    assert {"authorize.cedar", "approvals.cedar"} == {*one.grounds.files}
    assert {"cedar", "cedarpy"} == {*one.grounds.engine}


def test_the_grounds_change_with_whatever_a_decision_depends_on() -> None:
    """Either file, the tools, the resources and what the manifest says of them."""
    specs = {one.name: one.spec for one in TOOLS}
    texts = PolicyTexts(authorize=PERMIT_ALL)
    resources = {"metric": {"node_load1": {"critical": True}}}
    fewer = PROD.model_copy(update={"resources": resources})
    others = PROD.model_copy(update={"resources": {"metric": {"node_load1": {"critical": False}}}})
    found = [
        CedarDecider.load(texts, specs, fewer),
        CedarDecider.load(texts, specs, others),
        CedarDecider.load(texts, {k: v for k, v in specs.items() if k != "DevMetricsAPI"}, fewer),
        CedarDecider.load(texts.model_copy(update={"authorize": PERMIT_ALL + " "}), specs, fewer),
    ]
    assert len(found) == len({one.grounds.digest for one in found})
    tried = texts.model_copy(update={"shadow": PERMIT_ALL.replace('"all"', '"tried"')})
    assert found[0].grounds == CedarDecider.load(tried, specs, fewer).grounds


def test_a_denial_by_default_names_the_permits_that_were_considered() -> None:
    """Those that speak of the tool and did not apply; a forbid needs no such list."""
    never = PERMIT_ALL.replace("resource);", 'resource) when { principal.role == "nobody" };')
    made = loaded(never, "").decide(asked("FetchMetrics", {"cluster": "a"}))
    assert (DENY, ()) == (made.outcome, made.rules)
    assert made.permits
    allowed = loaded(PERMIT_ALL, "").decide(asked("FetchMetrics", {"cluster": "a"}))
    assert () == allowed.permits
