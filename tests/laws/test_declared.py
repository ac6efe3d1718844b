"""A tool that is declared by schema alone is checked like any other, and called by nobody."""

import json
from pathlib import Path
from typing import Any

import pytest

from activities.package import load_package
from lockstep.decision import Outcome
from lockstep.declaration import Declaration
from lockstep.errors import LockstepError
from lockstep.finding import Finding, Severity
from lockstep.tool import Effect
from lockstep.trust import Emits
from policies.check import check
from policies.checks.declared import uncallable, undecided
from policies.locks.drift import drift
from policies.locks.freeze import freeze
from policies.world import World
from tests.laws.port import BY, LIST, Json, copied, plan, refusal

HAIL: Json = {
    "description": "Call a ship by its name.",
    "effect": "write",
    "signals": ["NobodyHeard"],
    "input": {
        "type": "object",
        "properties": {
            "ship": {"type": "string", "x-lockstep-resource": "ship"},
            "times": {"type": "integer", "minimum": 1, "default": 2},
            "words": {"type": "array", "items": {"$ref": "#/$defs/word"}, "default": []},
        },
        "required": ["ship"],
        "additionalProperties": False,
        "$defs": {"word": {"type": "string", "maxLength": 20}},
    },
    "output": {
        "type": "object",
        "properties": {"answer": {"type": "string"}, "at": {"type": "string", "format": "time"}},
        "required": ["answer"],
        "additionalProperties": False,
    },
}

STEP: Json = {"id": "hail", "tool": "HailShip", "args": {"ship": "skiff"}}

POLICY = """
@id("harbour.hailing")
@reason("a harbourmaster calls ships")
permit (principal, action == Action::"HailShip", resource is Ship)
when { context.args has times && context.args.times < 5 };
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the harbour whose manifest declares a tool that tools.py does not have."""
    root = copied(tmp_path)
    manifest = root / "environments" / "test.toml"
    manifest.write_text(
        f'{manifest.read_text()}\n[errors.NobodyHeard]\nrecovery = "call louder"\n'
        '\n[tools.HailShip]\ndeclared_file = "hail.json"\n'
    )
    policy = root / "policy" / "authorize.cedar"
    policy.write_text(policy.read_text() + POLICY)
    declare(root)
    return root


def declare(root: Path, **changes: Any) -> None:
    (root / "hail.json").write_text(json.dumps({"lockstep": "tool/1", **HAIL, **changes}))


def world(root: Path, name: str = "test") -> World:
    return load_package(root).world(name)


def mocked(root: Path, *answers: Json) -> None:
    (root / "hail-mock.json").write_text(json.dumps({"lockstep": "mock/1", "answers": answers}))
    manifest = root / "environments" / "test.toml"
    if "hail-mock" not in manifest.read_text():
        manifest.write_text(f'{manifest.read_text()}mock = "hail-mock.json"\n')


def said(root: Path, *steps: Json) -> list[tuple[str, str]]:
    found = check(plan(*steps), world(root), BY).findings
    return [(one.code, one.place) for one in found]


def test_a_plan_is_held_to_a_declared_tool(folder: Path) -> None:
    """Arguments, references, resources and policy, as of a tool whose code is there."""
    assert [("LS-ENV-009", "step `hail`")] == said(folder, LIST, STEP)
    assert ("LS-PLAN-006", "step `hail`") in said(folder, {**STEP, "args": {}})
    assert ("LS-PLAN-007", "step `hail`") in said(
        folder, {**STEP, "args": {"ship": "skiff", "boat": 1}}
    )
    assert ("LS-PLAN-008", "step `hail` /words/0") in said(
        folder, {**STEP, "args": {"ship": "skiff", "words": ["x" * 21]}}
    )
    assert ("LS-ENV-003", "step `hail` /ship") in said(folder, {**STEP, "args": {"ship": "ark"}})
    assert ("LS-POLICY-002", "step `hail`") in said(
        folder, {**STEP, "args": {"ship": "skiff", "times": 5}}
    )
    count = {"$from": "list", "path": "/names"}
    assert ("LS-PLAN-010", "step `hail` /times") in said(
        folder, LIST, {**STEP, "args": {"ship": "skiff", "times": count}}
    )
    answer = {"$from": "hail", "path": "/anwser"}
    notice = {"id": "post", "tool": "PostNotice", "args": {"text": answer}}
    assert ("LS-PLAN-009", "step `post` /text") in said(folder, STEP, notice)


def test_policy_judges_a_declared_default(folder: Path) -> None:
    """What the schema says of an argument that is left out is what policy is shown."""
    _, decision = check(plan(LIST, STEP), world(folder), BY).decisions
    assert (Outcome.ALLOW, ["harbour.hailing"]) == (
        decision.outcome,
        [rule.id for rule in decision.rules],
    )


def test_a_plan_can_be_locked_without_code_and_not_be_run(folder: Path) -> None:
    """A warning to whoever plans, an error to whoever runs; with a mock it is neither."""
    here = world(folder)
    checked = check(plan(LIST, STEP), here, BY)
    assert checked.passed
    assert [Severity.WARNING] == [found.severity for found in checked.findings]
    body = freeze(plan(LIST, STEP), checked, here)
    assert ["step `hail`"] == [one.place for one in uncallable(body.steps, here, Severity.ERROR)]
    mocked(folder, {"output": {"answer": "aye"}})
    answered = world(folder)
    assert () == check(plan(LIST, STEP), answered, BY).findings
    assert [] == list(uncallable(body.steps, answered, Severity.ERROR))


def test_a_declaration_that_changes_is_drift(folder: Path) -> None:
    """As a change of the tool is, whichever file it stands in."""
    here = world(folder)
    body = freeze(plan(LIST, STEP), check(plan(LIST, STEP), here, BY), here)
    assert () == drift(body, world(folder))
    declare(folder, description="Call a ship.")
    assert ["tool: `HailShip` has changed"] == [one.problem for one in drift(body, world(folder))]


def test_a_declaration_may_stand_in_the_manifest(folder: Path) -> None:
    """Word for word the same tool."""
    before = world(folder).tools["HailShip"]
    manifest = folder / "environments" / "test.toml"
    table = """declared = { effect = "write", signals = ["NobodyHeard"], \
description = "Call a ship by its name.", input = INPUT, output = OUTPUT }"""
    for word in ("input", "output"):
        table = table.replace(word.upper(), toml(HAIL[word]))
    manifest.write_text(manifest.read_text().replace('declared_file = "hail.json"', table))
    assert before == world(folder).tools["HailShip"]


def toml(value: Any) -> str:
    """A value as an inline table."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f'"{key}" = {toml(one)}' for key, one in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value)


def test_policy_of_all_environments_speaks_of_it(folder: Path) -> None:
    """Policy is written once; where another environment does not have the tool it still loads."""
    manifest = folder / "environments" / "test.toml"
    other = manifest.read_text().partition("[errors.NobodyHeard]")[0].replace('"test"', '"other"')
    (folder / "environments" / "other.toml").write_text(other)
    elsewhere = world(folder, "other")
    assert "HailShip" in elsewhere.tools
    found = check(plan(LIST, STEP), elsewhere, BY).findings
    assert ["LS-ENV-002"] == [one.code for one in found]


def test_a_tool_is_one_tool_in_all_environments(folder: Path) -> None:
    """And it is either code or declared: two things of one name would be two things to policy."""
    manifest = folder / "environments" / "test.toml"
    (folder / "other.json").write_text(
        json.dumps({"lockstep": "tool/1", **HAIL, "description": "Another."})
    )
    other = manifest.read_text().replace('"test"', '"other"').replace("hail.json", "other.json")
    (folder / "environments" / "other.toml").write_text(other)
    found = refusal(lambda: world(folder))
    assert ("LS-AGENT-003", f"{manifest}/tools/HailShip") == (found.code, found.place)
    assert "environment `other` declares `HailShip` otherwise" == found.problem
    (folder / "environments" / "other.toml").unlink()
    manifest.write_text(
        manifest.read_text().replace(
            "[tools.ListShips]", '[tools.ListShips]\ndeclared_file = "hail.json"'
        )
    )
    found = refusal(lambda: world(folder))
    assert ("LS-AGENT-003", "declares tool `ListShips`, which tools.py has") == (
        found.code,
        found.problem,
    )


def test_a_mock_is_held_to_the_declaration(folder: Path) -> None:
    """At load, like any other: its outputs, its signals, the arguments it asks for."""
    mocked(folder, {"when": {"boat": 1}, "output": {}})
    with pytest.raises(LockstepError) as caught:
        world(folder)
    when, output = caught.value.findings
    assert ("LS-AGENT-003", "tool `HailShip` takes no argument `boat`") == (when.code, when.problem)
    assert ("LS-LOAD-007", "argument `answer` is missing") == (output.code, output.problem)
    mocked(folder, {"signal": {"name": "NobodyHeared"}})
    assert "did you mean `NobodyHeard`?" == refusal(lambda: world(folder)).fix


def of(takes: Json, gives: Json | None = None) -> list[Finding]:
    """What is said of a tool that takes and gives this."""
    declared = Declaration(
        effect=Effect.READ,
        input={"type": "object", **takes},
        output={"type": "object"} if gives is None else gives,
    )
    return list(undecided(declared.spec("Tool"), "tool"))


DEFS: Json = {"word": {"type": "string"}, "loop": {"$ref": "#/$defs/loop"}}


@pytest.mark.parametrize(
    ("schema", "at", "says"),
    [
        ({"patternProperties": {"a": {}}}, "/patternProperties", "could not be held to"),
        ({"allOf": [{}]}, "/allOf", "could not be held to"),
        ({"not": {}}, "/not", "could not be held to"),
        ({"properties": {"a": {"if": {}}}}, "/properties/a/if", "could not be held to"),
        ({"properties": {"a": {"prefixItems": [{}]}}}, "/properties/a/prefixItems", "held to"),
        ({"requird": ["a"]}, "/requird", "could not be held to `requird`"),
        ({"x-lockstep-resorce": "ship"}, "/x-lockstep-resorce", "could not be held to"),
        ({"properties": {"a": {"format": "money"}}}, "/properties/a/format", "is not known"),
        ({"properties": {"a": {"$ref": "http://h/x"}}}, "/properties/a/$ref", "not followed"),
        ({"properties": {"a": {"$ref": "#/properties/a"}}}, "/properties/a/$ref", "not followed"),
        ({"properties": {"a": {"$ref": "#/$defs/b"}}}, "/properties/a/$ref", "there is no"),
        ({"properties": {"a": {"$ref": "#/$defs/loop"}}, "$defs": DEFS}, "/properties/a/$ref", ""),
        ({"$schema": "http://json-schema.org/draft-07/schema#"}, "/$schema", "is written in"),
        ({"properties": {"a": {"type": "strng"}}}, "/properties/a/type", "is no JSON Schema"),
        ({"properties": {"a": {"pattern": "(?!"}}}, "", "cannot be used"),
        ({"properties": {"a": False}}, "/properties/a", "nothing fits `false`"),
        ({"required": ["a"]}, "/required", "`a` is required and is no property"),
        (
            {"properties": {"a": {"type": "integer", "default": "x"}}},
            "/properties/a/default",
            "does not fit",
        ),
        (
            {"properties": {"a": {"anyOf": [{}], "properties": {}}}},
            "/properties/a/anyOf",
            "beside the shape",
        ),
        (
            {"properties": {"a": {"type": "integer", "x-lockstep-resource": "ship"}}},
            "/properties/a/x-lockstep-resource",
            "marks what is no string",
        ),
    ],
)
def test_what_plans_could_not_be_held_to_is_refused(schema: Json, at: str, says: str) -> None:
    """By its place, when the tool is declared; never read over."""
    found = of(schema)
    assert f"tool/input{at}" in [one.place for one in found]
    assert {"LS-AGENT-004"} == {one.code for one in found}
    assert any(says in one.problem for one in found)


def test_what_a_tool_takes_and_gives_are_objects() -> None:
    """A list or a number has no fields to refer to."""
    (found,) = of({}, {"type": "array"})
    assert ("tool/output/type", 'write `type = "object"`') == (found.place, found.fix)


def test_a_recursive_schema_and_somebody_elses_remarks_are_fine() -> None:
    """What is followed is taken."""
    tree = {
        "type": "object",
        "properties": {"next": {"anyOf": [{"$ref": "#/$defs/tree"}, {"type": "null"}]}},
        "x-order": 3,
    }
    assert [] == of({"properties": {"tree": {"$ref": "#/$defs/tree"}}, "$defs": {"tree": tree}})


def test_labels_are_those_of_any_tool() -> None:
    """Whether what it gives may be believed, and whether it acts outward; nothing it lacks."""
    spec = Declaration(**HAIL, emits={"/at": Emits.TRUSTED}, outward=False).spec("HailShip")
    assert ({"/at": "trusted"}, False) == (spec.emits, spec.acts_outward)
    with pytest.raises(ValueError, match="labels `/when`, which its output does not have"):
        Declaration(**HAIL, emits={"/when": Emits.TRUSTED})


def test_a_rule_may_name_a_declared_tool(folder: Path) -> None:
    """A ban on its flows is one on a tool that this agent has."""
    rules = folder / "policy" / "rules.toml"
    ban = '[[flow]]\nid = "harbour.quiet"\nfrom = "ListShips"\nto = "HailShip"\nreason = "hush"\n'
    rules.write_text(f"{rules.read_text()}\n{ban}")
    words = {"$from": "list", "path": "/names"}
    step = {**STEP, "args": {"ship": "skiff", "words": words}}
    assert ("LS-RULE-010", "step `hail` /words") in said(folder, LIST, step)
    rules.write_text(rules.read_text().replace("HailShip", "HaleShip"))
    assert "did you mean `HailShip`?" == refusal(lambda: world(folder)).fix


def test_habits_are_those_of_any_tool() -> None:
    """What writes and does not say that it may be done twice gets one attempt."""
    spec = Declaration(**HAIL).spec("HailShip")
    assert ("none", 1) == (spec.idempotency, spec.attempts)
    with pytest.raises(ValueError, match="gets one attempt"):
        Declaration(**HAIL, attempts=3)
