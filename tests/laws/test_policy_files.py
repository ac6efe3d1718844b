"""What must be right about a policy file before it decides anything, and what is said otherwise."""

import json
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, create_model

from lockstep.environment import Environment
from lockstep.errors import LockstepError
from lockstep.resource import Resource
from lockstep.tool import ToolSpec, tool
from policies.cedar.decider import CedarDecider
from policies.cedar.schema import vocabulary
from policies.decider import PolicyTexts


class Inner(BaseModel):
    tag: str


class Tree(BaseModel):
    name: str
    children: list["Tree"] = []


class Call(BaseModel):
    metric: Annotated[str, Resource("metric")]
    window: int
    why: str | None = None
    ratio: float = 1.0
    union: str | int = 1
    free: dict[str, str] = {}
    tree: Tree | None = None
    inner: Inner
    names: list[str] = []


class Nothing(BaseModel):
    pass


@tool("RemoveMetric", effect="destructive")
def remove_metric(request: Call) -> Nothing:
    return Nothing()


@tool("FetchMetrics", effect="read")
def fetch_metrics(request: Nothing) -> Nothing:
    return Nothing()


TOOLS = {one.name: one.spec for one in (remove_metric, fetch_metrics)}


def environment(**resources: dict[str, dict[str, Any]]) -> Environment:
    return Environment.model_validate(
        {
            "lockstep": "environment/1",
            "name": "prod",
            "stage": "prod",
            "tools": {},
            "resources": resources
            or {"metric": {"a": {"critical": True}, "b": {"critical": False}}},
        }
    )


def policy(
    rule: str = "r1",
    *,
    reason: str = '@reason("because")',
    head: str = "forbid",
    action: str = 'action == Action::"RemoveMetric"',
    resource: str = "resource",
    when: str = "true",
) -> str:
    identity = f'@id("{rule}")' if rule else ""
    return f"{identity} {reason}\n{head}(principal, {action}, {resource}) when {{ {when} }};\n"


def approval(rule: str = "a1", annotation: str = '@approvers("sre-oncall")', **parts: str) -> str:
    return policy(rule, reason=f'@reason("ask first") {annotation}', **parts)


def problems(authorize: str = "", approvals: str = "") -> list[str]:
    texts = PolicyTexts(authorize=authorize, approvals=approvals)
    with pytest.raises(LockstepError) as refused:
        CedarDecider.load(texts, TOOLS, environment())
    return [str(finding) for finding in refused.value.findings]


BAD = {
    "no id": (policy(rule=""), "authorize.cedar:1: this `forbid` has no `@id`; "),
    "a bad id": (policy(rule="r 1"), "rule `r 1`: `@id` `r 1` is not a rule's name; "),
    "no reason": (policy(reason=""), "authorize.cedar:1 rule `r1`: has no `@reason`; "),
    "a misspelt reason": (
        policy(reason='@reasons("x")'),
        '; write `@reason("why this rule exists")`',
    ),
    "an id twice": (policy() + policy(), "authorize.cedar:3 rule `r1`: its id stands at "),
    "an unknown tool": (
        policy(action='action == Action::"RemovMetric"'),
        "rule `r1`: there is no tool `RemovMetric`; did you mean `RemoveMetric`?",
    ),
    "an unknown attribute": (
        policy(resource="resource is Metric", when="resource.critcal"),
        "rule `r1`: attribute `critcal` is not on `Metric`; did you mean `critical`?",
    ),
    "an attribute of one kind": (
        policy(when="resource.critical"),
        "`critical` is not on `Environment`; narrow the rule to `resource is Metric`",
    ),
    "an unknown kind": (
        policy(resource="resource is Metrik"),
        "rule `r1`: there is no kind of thing `Metrik`; did you mean `Metric`?",
    ),
    "an unknown argument": (
        policy(when="context.args.windw > 1"),
        "there is no argument `windw` of `RemoveMetric`; did you mean `window`?",
    ),
    "an unheard argument": (
        policy(when="context.args has wy && context.args.wy == 1"),
        "rule `r1`: no tool of this rule shows Cedar an argument `wy`; did you mean `why`?",
    ),
    "an opaque argument": (
        policy(when="context.args.ratio == 1"),
        "argument `ratio` of `RemoveMetric` has a type that Cedar cannot see; ",
    ),
    "an optional argument": (
        policy(when='context.args.why == "x"'),
        "`context.args.why` may be absent; ask first: `context.args has why && …`",
    ),
    "an unknown fact": (
        policy(when='context.environment.stag == "prod"'),
        "`context.environment.stag` is not known of `RemoveMetric`; did you mean `stage`?",
    ),
    "a wrong type": (policy(when='context.args.window == "5"'), "; compare values of one type"),
    "a rule that never applies": (
        policy(action='action == Action::"FetchMetrics"', resource="resource is Metric"),
        "so it would never apply; ",
    ),
    "a syntax error": (
        policy("first") + policy(when="context..args"),
        "authorize.cedar:3 rule `r1`: is not Cedar: unexpected token `.`; correct the syntax",
    ),
    "no end": ("// a comment; with a semicolon\n\npermit(", "authorize.cedar:3: is not Cedar: "),
    "a template": (policy(resource="resource == ?resource"), "rule `r1`: is a template; "),
    "approvers": (
        policy(reason='@reason("x") @approvers("sre")'),
        "what it forbids cannot be approved; move the rule to approvals.cedar",
    ),
    "too many brackets": (
        policy(when="(" * 999 + "true" + ")" * 999),
        "more than 64 levels deep; ",
    ),
    "too many terms": (policy(when=" || ".join(["true"] * 99)), "; split it, or list values in "),
    "half a character": (policy() + "\ud800;", "authorize.cedar:3: is not Cedar: "),
}


@pytest.mark.parametrize(("text", "said"), BAD.values(), ids=BAD)
def test_a_mistake_is_told_in_one_line(text: str, said: str) -> None:
    """Each finding names the file, the line, the rule and what to do."""
    (found,) = problems(text)
    assert found.startswith("LS-POLICY-001 authorize.cedar:")
    assert said in found
    assert "\n" not in found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (approval(head="permit"), "`permit` has no meaning in approvals.cedar; write `forbid`"),
        (
            approval(annotation=""),
            'has no `@approvers`; write `@approvers("sre-oncall, data-owner")`',
        ),
        (approval(annotation='@approver("x")'), ", not `@approver`"),
        (approval(annotation='@approvers(" , ")'), "has no `@approvers`; "),
        (approval(annotation='@approvers("SRE oncall")'), "`SRE oncall` is not a role's name; "),
        (approval("r1"), "rule `r1`: its id stands at authorize.cedar:1 too; rename one"),
    ],
)
def test_an_approval_rule_forbids_and_says_who_may_lift_it(text: str, said: str) -> None:
    """In approvals.cedar: forbid only, approvers always, no id of the other file."""
    (found,) = problems(policy(), text)
    assert found.startswith("LS-POLICY-001 approvals.cedar:1 rule `")
    assert said in found


def test_all_mistakes_are_told_at_once() -> None:
    """The second is not found only by correcting the first."""
    found = problems(policy(rule="") + policy("r2", when="context.args.x") + "permit(", "forbid;")
    assert ["authorize.cedar:1:", "authorize.cedar:5:", "approvals.cedar:1:"] == [
        one.split()[1] for one in found if "rule" not in one
    ]
    assert any("rule `r2`: there is no argument `x`" in one for one in found)


def test_roles_are_a_list_of_names() -> None:
    """Several roles may approve; each is named once."""
    decider = CedarDecider.load(
        PolicyTexts(authorize="", approvals=approval(annotation='@approvers("b, a,b")')),
        TOOLS,
        environment(),
    )
    assert [("b", "a")] == [one.rule.approvers for one in decider._rules]


def test_the_digest_is_of_the_texts_and_the_schema() -> None:
    """Another text, file or tool is another policy; another value of an attribute is not."""
    one, two = policy(), policy(reason='@reason("else")')
    fewer = {"RemoveMetric": TOOLS["RemoveMetric"]}
    plain = {"metric": {"a": {"critical": False}}}

    def made(authorize: str, tools: dict[str, ToolSpec], **resources: Any) -> str:
        texts = PolicyTexts(authorize=authorize)
        return CedarDecider.load(texts, tools, environment(**resources)).policy

    assert 3 == len({made(one, TOOLS), made(two, TOOLS), made(one, fewer)})
    assert made(one, TOOLS) == made(one, TOOLS, **plain)


def test_cedar_sees_strings_integers_booleans_lists_and_objects() -> None:
    """Floats, unions, free maps and recursion are left out; what may be null is optional."""
    words = vocabulary(TOOLS, environment())
    applies = words.document[""]["actions"]["RemoveMetric"]["appliesTo"]
    seen = applies["context"]["attributes"]["args"]["attributes"]
    assert {
        "metric": ("String", True),
        "window": ("Long", True),
        "why": ("String", False),
        "inner": ("Record", True),
        "names": ("Set", False),
        "tree": ("Record", False),
    } == {name: (field["type"], field["required"]) for name, field in seen.items()}
    assert ["name"] == list(seen["tree"]["attributes"])
    assert ["Environment", "Metric"] == applies["resourceTypes"]


def test_an_attribute_that_a_member_lacks_is_optional() -> None:
    """A kind has the attributes of all its members, and only the shared ones for certain."""
    words = vocabulary(TOOLS, environment(metric={"a": {"n": 1, "x": "y"}, "b": {"n": 2}}))
    assert {"n": ("Long", True), "x": ("String", False)} == {
        name: (held["type"], held["required"])
        for name, held in words.document[""]["entityTypes"]["Metric"]["shape"]["attributes"].items()
    }


@pytest.mark.parametrize(
    ("resources", "said"),
    [
        (
            {"metric": {"a": {"n": 1}, "b": {"n": "1"}}},
            "of metric `a` is a Long, and of metric `b`",
        ),
        ({"metric": {"a": {"n": True}, "b": {"n": 1}}}, "`a` is a Boolean, and of metric `b`"),
        ({"agent": {"a": {}}}, "is `Agent` to Cedar, a name that Lockstep itself has too; rename"),
        ({"a_b": {}, "a__b": {}}, "is `AB` to Cedar, a name that kind `a__b` has too; rename"),
        ({"metric": {"a": {"n": 2**63}}}, "Cedar cannot be told of its resources: "),
    ],
)
def test_a_manifest_that_cedar_would_misread_is_refused(resources: Any, said: str) -> None:
    """One attribute has one type, one kind one name, and a number 64 bits."""
    with pytest.raises(LockstepError) as refused:
        CedarDecider.load(PolicyTexts(authorize=""), TOOLS, environment(**resources))
    assert "LS-POLICY-001" == refused.value.code
    assert said in str(refused.value)


@pytest.mark.parametrize("keyword", ["patternProperties", "then", "not", "contains"])
def test_a_mark_that_no_one_follows_is_refused(keyword: str) -> None:
    """A resource that is named where nobody looks would slip past the rules about it."""
    marked = {"type": "string", "x-lockstep-resource": "metric"}
    hidden: dict[str, Any] = {"type": "object", keyword: {"x": marked}}
    spec = TOOLS["FetchMetrics"].model_copy(update={"input": hidden})
    with pytest.raises(LockstepError, match=f"may mark a resource under `{keyword}`"):
        vocabulary({"FetchMetrics": spec}, environment())


@pytest.mark.parametrize(
    "marked",
    [list[str], dict[str, str], int, bool, int | str, Literal[1, 2], Decimal, tuple[str, int]],
    ids=str,
)
def test_a_mark_on_what_may_be_no_string_is_refused(marked: Any) -> None:
    """A list is not the name of a metric, nor a number: the call would be taken to touch nothing,
    whatever policy says of metrics.
    """
    one: Any = Annotated[marked, Resource("metric")]
    model = create_model("Marked", on=(one, ...))
    spec = TOOLS["FetchMetrics"].model_copy(update={"input": model.model_json_schema()})
    with pytest.raises(LockstepError, match="may be no string as the name of a `metric`"):
        vocabulary({"FetchMetrics": spec}, environment())


class Size(StrEnum):
    SMALL = "small"


@pytest.mark.parametrize(
    "marked", [str, Size, Literal["a"], date, str | None, Size | None], ids=str
)
def test_a_mark_on_a_string_of_any_kind_is_taken(marked: Any) -> None:
    """Words of a list, dates, and what may be left out: also as the key of a map."""
    one: Any = Annotated[marked, Resource("metric")]
    model = create_model("Marked", on=(one, ...), some=(list[one], ...), by=(dict[one, int], {}))
    spec = TOOLS["FetchMetrics"].model_copy(update={"input": model.model_json_schema()})
    words = vocabulary({"FetchMetrics": spec}, environment())
    assert frozenset({"metric"}) == words.targets["FetchMetrics"]


def test_a_hostile_schema_ends() -> None:
    """A schema that doubles at every step, or leads back to itself, is cut off and opaque."""
    doubling: dict[str, Any] = {
        f"d{n}": {
            "type": "object",
            "properties": {side: {"$ref": f"#/$defs/d{n + 1}"} for side in "lr"},
        }
        for n in range(60)
    }
    looping = {"anyOf": [{"$ref": "#/$defs/loop"}, {"$ref": "#/$defs/loop"}]}
    schema = {
        "type": "object",
        "$defs": {**doubling, "loop": looping},
        "properties": {"d": {"$ref": "#/$defs/d0"}, "loop": {"$ref": "#/$defs/loop"}},
    }
    spec = TOOLS["FetchMetrics"].model_copy(update={"input": schema})
    words = vocabulary({"FetchMetrics": spec}, environment())
    assert len(json.dumps(words.document)) < 1_000_000
