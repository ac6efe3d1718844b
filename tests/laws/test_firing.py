"""However Cedar is asked, the answer is the same: in handfuls, from memory, or rule by rule.

The plain way is written down here: every rule about the tool in the sets that Cedar's own
authoriser knows, one question for each target, nothing remembered.
"""

import json
from collections.abc import Iterable
from typing import Any

import cedarpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockstep.decision import Outcome, Phase, Principal, Request, Rule, Target
from lockstep.environment import Environment
from lockstep.provenance import Provenance
from lockstep.tool import Effect, Idempotency, ToolSpec
from policies.cedar.decider import CedarDecider
from policies.cedar.forms import any_of, policy_set
from policies.cedar.reads import Reads, paths
from policies.cedar.rules import CedarRule, read
from policies.cedar.schema import agent, context, entities, vocabulary
from policies.cedar.verdict import UNDECIDED, Verdict, broken, by_id, erring, strictest
from policies.decider import PolicyTexts

TEXT = {"type": "string"}
METRIC = {"type": "string", "x-lockstep-resource": "metric"}
SPEC = ToolSpec.model_validate(
    {
        "name": "Act",
        "description": "",
        "effect": Effect.WRITE,
        "idempotency": Idempotency.NATURAL,
        "input": {
            "type": "object",
            "properties": {
                "n": {"type": "integer"},
                "word": TEXT,
                "inner": {
                    "type": "object",
                    "properties": {"a": TEXT, "b": {"type": "integer"}},
                    "required": ["a", "b"],
                },
                "on": METRIC,
                "also": {"type": "array", "items": METRIC},
            },
            "required": ["n", "word", "inner"],
        },
        "output": {"type": "object"},
        "timeout": "1m",
        "heartbeat": "10s",
        "attempts": 1,
    }
)
HERE = Environment.model_validate(
    {
        "lockstep": "environment/1",
        "name": "prod",
        "stage": "prod",
        "tools": {},
        "resources": {
            "metric": {
                "m1": {"critical": True, "n": 1},
                "m2": {"critical": False},
                "m3": {"critical": False},
            }
        },
    }
)
WORDS = vocabulary({"Act": SPEC}, HERE)

tests = st.sampled_from(
    [
        "context.args.n > 3",
        "context.args.n * 4611686018427387904 > 3",
        'context.args.word == "a"',
        'context.args.inner.a == "a"',
        'context.args.inner == {a: "a", b: 1}',
        "context.args has on",
        'context.args has also && context.args.also.contains("m2")',
        'context.step == "s1"',
        "context.trusted.word && !context.flow.steered",
        'context.flow.sources.contains(Tool::"Act")',
        'context.environment.name == "prod"',
        "resource is Metric && resource.critical",
        "resource is Metric && resource has n && resource.n > 0",
        'resource == Metric::"m3"',
        'resource in [Metric::"m1", Metric::"m2"]',
        'Metric::"gone".critical',
        'principal.role == "r"',
        "[resource].contains(resource)",
        '(if context.args.n > 3 then context.step else context.phase) == "plan"',
    ]
)
conditions = st.recursive(
    tests,
    lambda inner: st.one_of(
        inner.map(lambda one: f"!({one})"),
        st.tuples(inner, st.sampled_from(["&&", "||"]), inner).map(lambda t: f"({' '.join(t)})"),
    ),
    max_leaves=3,
)
scopes = st.sampled_from(["", "", "", " is Metric", " is Environment", ' == Metric::"m1"'])
APPROVAL = '@approvers("sre") forbid'
effects = st.sampled_from(["permit", "forbid", "forbid", "approval"])
bodies = st.tuples(effects, scopes, st.sampled_from(["when", "unless"]), conditions)


def texts_of(rules: list[tuple[str, str, str, str]]) -> PolicyTexts:
    files: dict[str, list[str]] = {"authorize": [], "approvals": []}
    for number, (effect, scope, word, condition) in enumerate(rules):
        asks = effect == "approval"
        files["approvals" if asks else "authorize"].append(
            f'@id("r{number}") @reason("r") '
            f"{APPROVAL if asks else effect}(principal, action, resource{scope}) "
            f"{word} {{ {condition} }};"
        )
    return PolicyTexts(**{name: "\n".join(found) for name, found in files.items()})


def asked(step: str, args: dict[str, Any], unknown: Iterable[str], metrics: list[str]) -> Request:
    strange = step == "s2"
    return Request(
        phase=Phase.PLAN if unknown else Phase.RUN,
        principal=Principal(agent="a", role="r", started_by="ann", trigger="person"),
        environment="prod",
        stage="prod",
        step=step,
        tool="Act",
        effect="write",
        outward=True,
        provenance=Provenance(
            untrusted=("/word",) if strange else (),
            steered=strange,
            sources=("Act",) if strange else (),
        ),
        args=args,
        unknown=tuple(unknown),
        targets=tuple(Target(kind="metric", name=name) for name in metrics),
    )


class Plain:
    """A decider that does nothing twice as well, and nothing only once."""

    def __init__(self, texts: PolicyTexts) -> None:
        found = [rule for file, text in texts.files().items() for rule in read(file, text)[0]]
        self.rules: dict[str, CedarRule] = {rule.rule.id: rule for rule in found}
        told = [
            *entities(HERE, WORDS.types),
            agent(Principal(agent="a", role="r", started_by="ann", trigger="person")),
        ]
        self.store = cedarpy.Entities.from_json_str(json.dumps(told))
        self.schema = cedarpy.Schema.from_json_str(json.dumps(WORDS.document))
        self.authorize, self.approvals = self._set("permit", "forbid"), self._set("approval")
        self.both = self._set("permit", "forbid", "approval")

    def _set(self, *effects: str) -> cedarpy.PolicySet:
        forms = {id: rule.form for id, rule in self.rules.items() if rule.rule.effect in effects}
        return cedarpy.PolicySet.from_json_str(
            json.dumps({"templates": {}, "staticPolicies": forms, "templateLinks": []})
        )

    def decide(self, request: Request) -> Verdict:
        facts = json.dumps(context(request, WORDS.args["Act"]))
        targets: list[str | None] = [f'Metric::"{target.name}"' for target in request.targets]
        if {"/on", "/also"} & set(request.unknown):
            targets.append(None)
        reach = self._foreseen if request.unknown else self._judged
        return strictest(reach(one, facts) for one in targets or ['Environment::"prod"'])

    def _judged(self, resource: str | None, facts: str) -> Verdict:
        question = self._question(resource, facts)
        answer = cedarpy.is_authorized(question, self.authorize, self.store, self.schema)
        errors = erring(answer.diagnostics.errors, self.rules.keys())
        reasons = answer.diagnostics.reasons
        if errors or not answer.allowed:
            return Verdict(Outcome.DENY, rules=self._named(reasons, "forbid"), errors=errors)
        review = cedarpy.is_authorized(question, self.approvals, self.store, self.schema)
        if review.diagnostics.errors:
            return broken(*erring(review.diagnostics.errors, self.rules.keys()))
        asking = self._named(review.diagnostics.reasons, "approval")
        if asking:
            return Verdict(Outcome.REQUIRE_APPROVAL, rules=asking, missing=asking)
        return Verdict(Outcome.ALLOW, rules=self._named(reasons, "permit"))

    def _foreseen(self, resource: str | None, facts: str) -> Verdict:
        question = self._question(resource, facts)
        found = cedarpy.is_authorized_partial(question, self.both, self.store).diagnostics
        errors = erring(found.errors, self.rules.keys())
        certain, possible = found.reasons, found.nontrivial_residuals
        forbids, permits = self._named(certain, "forbid"), self._named(certain, "permit")
        if errors or forbids:
            return Verdict(Outcome.DENY, rules=forbids, errors=errors)
        if not permits and not self._named(possible, "permit"):
            return Verdict(Outcome.DENY)
        shaky = any(not self.rules[id].steady for id in possible)
        if not permits or self._named(possible, "forbid") or shaky:
            return UNDECIDED
        asking = self._named(certain, "approval")
        if asking:
            return Verdict(Outcome.REQUIRE_APPROVAL, rules=asking, missing=asking)
        return UNDECIDED if self._named(possible, "approval") else Verdict(Outcome.ALLOW, permits)

    def _question(self, resource: str | None, facts: str) -> dict[str, str]:
        about = {} if resource is None else {"resource": resource}
        return {"principal": 'Agent::"a"', "action": 'Action::"Act"', "context": facts, **about}

    def _named(self, ids: Iterable[str], effect: str) -> tuple[Rule, ...]:
        found = (self.rules[id].rule for id in ids)
        return by_id(rule for rule in found if rule.effect == effect)


small = st.sampled_from(["a", "b"])
metrics = st.sampled_from(["m1", "m2", "m3"])
arguments = st.fixed_dictionaries(
    {
        "n": st.sampled_from([0, 4]),
        "word": small,
        "inner": st.fixed_dictionaries({"a": small, "b": st.just(1)}),
    },
    optional={"on": metrics, "also": st.lists(metrics, max_size=3)},
)
questions = st.tuples(
    st.sampled_from(["s1", "s2"]),
    arguments,
    st.sets(st.sampled_from(["/n", "/word", "/inner", "/inner/a", "/on", "/also"]), max_size=2),
)


def taken(step: str, args: dict[str, Any], unknown: set[str]) -> Request:
    """The question about these arguments without what is unknown of them."""
    known = {name: value for name, value in args.items() if f"/{name}" not in unknown}
    if "/inner/a" in unknown and "inner" in known:
        known["inner"] = {"b": args["inner"]["b"]}
    names = {known["on"]} if "on" in known else set()
    return asked(step, known, sorted(unknown), sorted(names | {*known.get("also", [])}))


@given(
    rules=st.lists(bodies, min_size=1, max_size=24),
    questions=st.lists(questions, min_size=1, max_size=6),
)
@settings(max_examples=60, deadline=None)
def test_a_quick_answer_is_the_plain_answer(
    rules: list[tuple[str, str, str, str]], questions: list[tuple[str, dict[str, Any], set[str]]]
) -> None:
    """Outcome, grounds and errors are those of asking everything, each time, about each target.

    In one thing the quick way knows more: a rule that reads what does not exist cannot be
    evaluated, whatever else is open, and the preview leaves it open.
    """
    texts = texts_of([("permit", "", "when", "true"), *rules])
    quick, plain = CedarDecider.load(texts, {"Act": SPEC}, HERE), Plain(texts)
    # Twice: the second answer comes from memory.
    for request in [taken(*one) for one in questions] * 2:
        expected, made = plain.decide(request), quick.decide(request)
        if request.unknown and "gone" in str(texts):
            assert expected.outcome in {made.outcome, Outcome.UNDECIDED}
            continue
        assert (expected.outcome, expected.rules, expected.missing, expected.errors) == (
            made.outcome,
            made.rules,
            made.missing,
            made.errors,
        )


def form(condition: str, scope: str = "resource") -> Any:
    text = f'@id("r") @reason("r") permit(principal, action, {scope}) when {{ {condition} }};'
    (rule,) = read("authorize.cedar", text)[0]
    return rule.form


@pytest.mark.parametrize(
    ("condition", "context", "resource", "typed"),
    [
        ("true", (), (), False),
        ("context.args.n > 3", (("args", "n"),), (), False),
        ("context.args has n && context.args.n > 3", (("args", "n"),), (), False),
        ("context.args has inner.a", (("args", "inner"),), (), False),
        ("context.args == {n: 1}", (("args",),), (), False),
        ("(if true then context else context).args.n > 3", ((),), (), False),
        ("resource.critical", (), (("critical",),), False),
        ("resource is Metric", (), (), True),
        ('resource is Metric in Metric::"m1"', (), ((),), False),
        ('resource == Metric::"m1"', (), ((),), False),
        ("[resource].contains(resource)", (), ((),), False),
        ('{"Var": "context"}["Var"] == "context"', (), (), False),
    ],
)
def test_what_a_rule_looks_at_is_never_less_than_it_reads(
    condition: str, context: Any, resource: Any, typed: bool
) -> None:
    """Fields where a rule plainly reads fields, and otherwise the whole."""
    found = Reads.of([paths(form(condition))])
    assert (context, resource, typed) == (found.context, found.resource, found.typed)


@pytest.mark.parametrize(
    ("scope", "resource", "typed"),
    [
        ("resource", (), False),
        ("resource is Metric", (), True),
        ('resource == Metric::"m1"', ((),), True),
        ('resource in Metric::"m1"', ((),), True),
        ('resource is Metric in Metric::"m1"', ((),), True),
    ],
)
def test_a_scope_is_read_too(scope: str, resource: Any, typed: bool) -> None:
    """What stands in a rule's head is looked at as what stands in its condition is."""
    found = Reads.of([paths(form("true", scope))])
    assert (resource, typed) == (found.resource, found.typed)


@pytest.mark.parametrize("resource", ['Metric::"m1"', 'Metric::"m2"', 'Environment::"prod"'])
@pytest.mark.parametrize(
    "scope",
    [
        "resource",
        "resource is Metric",
        'resource == Metric::"m2"',
        'resource in Metric::"m1"',
        'resource is Metric in Metric::"m2"',
    ],
)
def test_a_handful_of_one_is_that_one(scope: str, resource: str) -> None:
    """A rule's head, written as a condition, means what it meant."""
    alone = form("true", scope)
    question = {"principal": 'Agent::"a"', "action": 'Action::"Act"', "resource": resource}
    store = cedarpy.Entities.from_json_str(json.dumps(entities(HERE, WORDS.types)))
    fired = [
        cedarpy.is_authorized(question, policy_set({"r": one}), store).diagnostics.reasons
        for one in (alone, any_of([alone]))
    ]
    assert fired[0] == fired[1]
