"""MCP servers in manifests: what can be pinned, what a pinned tool may count as, what is drift."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import JsonValue, ValidationError

from activities.files.pinned import read_tools, written_tools
from activities.mcp.tools import mcp_tools
from activities.mcp.wire import Reach
from activities.package import load_package
from lockstep import Environment
from lockstep.admissible import MAX_NODES, inadmissible
from lockstep.environment import Binding
from lockstep.errors import LockstepError
from lockstep.finding import Finding
from lockstep.loading import load
from lockstep.mcp import McpBinding, McpServer
from lockstep.pinned_tools import ENVELOPE, PinnedTool, PinnedTools, refusals, spec_of
from lockstep.plan import Plan
from lockstep.told_otherwise import told_otherwise
from lockstep.tool import Effect, Idempotency
from lockstep.trust import Trust
from policies.check import check
from policies.lineage.labels import planner_reads
from policies.locks.drift import drift
from policies.locks.freeze import freeze
from policies.world import World

QUAY = Path(__file__).parents[1] / "agents" / "quay"
TEXT: dict[str, JsonValue] = {
    "type": "object",
    "properties": {"text": {"type": "string"}},
    "required": ["text"],
}


def said(**changes: Any) -> dict[str, Any]:
    """A tool in a server's words."""
    return {"name": "echo", "description": "Say it again.", "inputSchema": TEXT, **changes}


def bound(**table: Any) -> McpBinding:
    return McpBinding.model_validate({"server": "s", **table})


def refused(tool: dict[str, Any], **table: Any) -> list[str]:
    return [one.problem for one in refusals(bound(**table), PinnedTool.of(tool), "t")]


def quay() -> World:
    return load_package(QUAY).world("test")


# What a manifest may say


@pytest.mark.parametrize(
    "table",
    [
        {"file": "s.json"},
        {"file": "s.json", "command": ["x"], "url": "http://x"},
        {"file": "s.json", "command": ["x"], "headers": {"A": "b"}},
        {"file": "s.json", "url": "http://x", "env": {"A": "b"}},
        {"file": "s.json", "command": [""]},
        {"file": "s.json", "command": ["x", "a\x00b"]},
        {"file": "../s.json", "command": ["x"]},
        {"file": "s.json", "command": "x"},
    ],
)
def test_a_server_is_a_program_or_an_address(table: dict[str, Any]) -> None:
    """One of both, with what belongs to it, pinned beside the manifest."""
    with pytest.raises(ValidationError):
        McpServer.model_validate(table)


def test_what_nobody_says_of_a_tool_is_taken_for_the_worst() -> None:
    """Destructive, not to be called twice, and tried once."""
    spec = spec_of("Echo", bound(), PinnedTool.of(said()))

    assert (Effect.DESTRUCTIVE, Idempotency.NONE, 1) == (
        spec.effect,
        spec.idempotency,
        spec.attempts,
    )


@pytest.mark.parametrize(
    "table",
    [
        {"effect": "write", "attempts": 2},
        {"idempotency": "keyed"},
        {"tool": "two words"},
        {"server": "S"},
    ],
)
def test_a_binding_promises_nothing_that_mcp_cannot_keep(table: dict[str, Any]) -> None:
    """A second attempt at what is not idempotent, and a key that there is no place for."""
    with pytest.raises(ValidationError):
        bound(**table)


def test_a_tool_is_reached_one_way() -> None:
    """An endpoint beside a server would be one that nobody calls."""
    with pytest.raises(ValidationError, match="has no `endpoint`"):
        Binding.model_validate({"endpoint": "http://x", "mcp": {"server": "s"}})


def test_a_tool_of_a_server_that_is_not_there_is_no_tool() -> None:
    """Found when the manifest is read."""
    manifest = {"lockstep": "environment/1", "name": "test", "stage": "dev"}
    with pytest.raises(ValidationError, match=r"there is no `\[mcp.s\]`"):
        Environment.model_validate({**manifest, "tools": {"Echo": {"mcp": {"server": "s"}}}})


def test_a_manifest_without_servers_has_the_digest_it_had() -> None:
    """A lock that was made before there were any is still good."""
    assert {"endpoint": "", "settings": {}, "mock": None} == Binding().model_dump(mode="json")


# What a server may say


def test_what_is_pinned_reads_back_the_same(tmp_path: Path) -> None:
    """In ASCII, whatever it holds: a reviewer sees each character."""
    tool = PinnedTool.of(said(description="a\u202eb", annotations={"readOnlyHint": True}))
    pinned = PinnedTools(lockstep="mcp/1", server="s", tools=(tool,))
    path = tmp_path / "s.json"
    text = written_tools(pinned, path)
    path.write_text(text)

    assert text.isascii()
    assert pinned == load(PinnedTools, path)
    assert pinned.digest == load(PinnedTools, path).digest


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "two words"},
        {"name": None},
        {"description": 7},
        {"inputSchema": None},
        {"inputSchema": {"maximum": 2**60}},
        {"annotations": {"readOnlyHint": "yes"}},
    ],
)
def test_what_is_no_tool_is_not_pinned(changes: dict[str, Any]) -> None:
    """A name that could be mistaken, and what has no digest."""
    with pytest.raises(ValueError):  # noqa: PT011 – whichever model refuses first
        PinnedTool.of(said(**changes))


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("/description", {"description": "Say it twice."}),
        ("/title", {"title": "Echo"}),
        (
            "/input/properties/text/description",
            {
                "inputSchema": {
                    **TEXT,
                    "properties": {"text": {"type": "string", "description": "a key"}},
                },
            },
        ),
        (
            "/input/properties/note",
            {
                "inputSchema": {
                    **TEXT,
                    "properties": {"text": {"type": "string"}, "note": {"type": "string"}},
                },
            },
        ),
        ("/output", {"outputSchema": {"type": "object"}}),
        ("/hints/readOnlyHint", {"annotations": {"readOnlyHint": True}}),
    ],
)
def test_a_change_is_named_by_its_field(field: str, changes: dict[str, Any]) -> None:
    """Description, schemas and hints: everything that somebody could be taken in by."""
    (change,) = PinnedTool.of(said()).changed(PinnedTool.of(said(**changes)))

    assert field == change.at


def test_a_change_at_the_end_of_a_long_text_is_shown() -> None:
    """From shortly before it, escaped and in bounds."""
    old, new = "x" * 400 + " as it was", "x" * 400 + " and\u202e pay"
    (told,) = told_otherwise(PinnedTool.of(said(description=old)), [said(description=new)])

    same = "x" * 18 + " a"
    assert f'`/description` was …"{same}s it was" and is …"{same}nd\\u202e pay"' == told


def test_a_tool_that_stands_twice_is_not_what_was_pinned() -> None:
    """Nobody could say which of them would be called."""
    assert ["it stands in its server's list twice"] == told_otherwise(
        PinnedTool.of(said()), [said(), said()]
    )


def test_what_is_not_read_is_no_change() -> None:
    """Icons, `_meta` and the order of keys."""
    now = dict(reversed(said(icons=[{"src": "x"}], _meta={"a": 1}).items()))

    assert () == PinnedTool.of(said()).changed(PinnedTool.of(now))


# What can be decided


GOOD: list[JsonValue] = [
    TEXT,
    {"type": "object"},
    {"$schema": "http://json-schema.org/draft-07/schema#", "type": "object"},
    {
        "type": "object",
        "properties": {
            "unit": {"anyOf": [{"$ref": "#/$defs/Unit"}, {"type": "null"}], "default": None},
            "many": {"type": "array", "items": {"$ref": "#/$defs/Unit"}, "minItems": 1},
            "free": {"type": "object", "additionalProperties": True},
            "n": {"type": ["integer", "null"], "minimum": 0, "exclusiveMaximum": 9},
            "any": True,
        },
        "additionalProperties": False,
        "$defs": {
            "Unit": {"enum": ["m", "ft"], "title": "Unit"},
            "Tree": {"type": "object", "properties": {"below": {"$ref": "#/$defs/Tree"}}},
        },
    },
]


@pytest.mark.parametrize("schema", GOOD)
def test_what_servers_write_can_be_decided(schema: JsonValue) -> None:
    """Objects, lists, unions, enumerations, bounds, and definitions at the top."""
    assert [] == list(inadmissible(schema))


@pytest.mark.parametrize(
    ("at", "schema"),
    [
        ("", {"type": "string"}),
        ("", True),
        ("/not", {"not": {}}),
        ("/x-lockstep-resource", {"x-lockstep-resource": "metric"}),
        ("/properties/a/if", {"properties": {"a": {"if": {}}}}),
        ("/properties/a", {"properties": {"a": False}}),
        ("/properties/a/type", {"properties": {"a": {"type": "text"}}}),
        ("/properties/a/$ref", {"properties": {"a": {"$ref": "https://evil.example/s.json"}}}),
        ("/properties/a/$ref", {"properties": {"a": {"$ref": "#"}}}),
        ("/properties/a/$ref", {"properties": {"a": {"$ref": "#/$defs/b"}}}),
        ("/$defs/a/$ref", {"$defs": {"a": {"$ref": "#/$defs/a"}}}),
        ("/properties/a/$defs", {"properties": {"a": {"$defs": {}}}}),
        ("/properties/a/items", {"properties": {"a": {"items": [{}]}}}),
        ("/$schema", {"$schema": "https://json-schema.org/draft/2019-09/schema"}),
        ("/anyOf", {"anyOf": [{}] * 65}),
        ("/$id", {"$id": "x"}),
        ("/description", {"description": "x" * 20_000}),
        ("/required", {"required": "text"}),
        ("/minProperties", {"minProperties": True}),
    ],
)
def test_what_cannot_be_decided_is_refused_by_its_place(at: str, schema: Any) -> None:
    """A keyword nobody here reads, a foreign reference, a circle, another dialect, our mark."""
    whole = {"type": "object", **schema} if isinstance(schema, dict) else schema

    assert at in {found.at for found in inadmissible(whole)}


def test_a_schema_that_is_too_large_is_not_walked_to_its_end() -> None:
    """Nor one that is too deep."""
    deep: JsonValue = {"type": "string"}
    for _ in range(60):
        deep = {"type": "array", "items": deep}
    wide = {f"p{n}": {"type": "string"} for n in range(MAX_NODES + 1)}

    assert 1 == len(list(inadmissible({"type": "object", "properties": {"a": deep}})))
    assert "larger or deeper" in next(inadmissible({"type": "object", "properties": wide})).problem


def test_a_pattern_that_nobody_can_run_is_refused(tmp_path: Path) -> None:
    """A schema that could not be used would decide nothing, call by call."""
    tool = said(inputSchema={**TEXT, "properties": {"text": {"pattern": "("}}})
    (found,) = _contradictions(tool)

    assert "LS-MCP-002" == found.code
    assert "a schema of `echo` cannot be used" in found.problem


# What a tool counts as


@pytest.mark.parametrize(
    ("hints", "effect", "fits"),
    [
        ({}, "read", True),
        ({"readOnlyHint": True, "destructiveHint": True}, "read", True),
        ({"readOnlyHint": True}, "destructive", True),
        ({"readOnlyHint": False}, "read", False),
        ({"readOnlyHint": False, "destructiveHint": False}, "write", True),
        ({"readOnlyHint": False, "destructiveHint": True}, "write", False),
        ({"destructiveHint": True}, "read", False),
    ],
)
def test_a_hint_makes_a_tool_more_harmful_and_never_less(
    hints: dict[str, bool], effect: str, fits: bool
) -> None:
    """What a server admits counts; what it promises does not."""
    assert fits == (not refused(said(annotations=hints), effect=effect))


def test_a_tool_is_not_called_idempotent_against_its_server() -> None:
    """The server knows what it does twice."""
    hints = {"readOnlyHint": False, "idempotentHint": False}

    assert ["`idempotency` is `natural`, and its server itself hints that it is not"] == refused(
        said(annotations=hints), effect="write", idempotency="natural"
    )


def test_a_foreign_tool_acts_outward_until_somebody_says_otherwise() -> None:
    """A read too: its arguments go to somebody else. A server that says it does counts."""
    open_world = said(annotations={"openWorldHint": True})

    assert spec_of("Echo", bound(effect="read"), PinnedTool.of(said())).acts_outward
    assert [] == refused(said(), outward=False)
    assert [
        "`outward` is false, and its server itself hints that it reaches the open world"
    ] == refused(open_world, outward=False)


def test_a_label_for_what_a_foreign_tool_does_not_give_is_refused() -> None:
    """With the place of its table."""
    (found,) = _contradictions(said(), emits={"/txet": "trusted"})

    assert ("LS-MCP-002", "test.toml/tools/Echo/mcp") == (found.code, found.place)
    assert "`/txet`" in found.problem


def test_a_model_that_reads_a_servers_descriptions_is_believed_as_far_as_they_are() -> None:
    """Until somebody vouches for them: of the tools that are there for plans."""
    world = quay()
    vouched = world.environment.mcp["tide"].model_copy(update={"trust": Trust.TRUSTED})
    servers = {"tide": vouched, "other": McpServer(url="http://127.0.0.1", file="o.json")}
    manifest = world.environment.model_copy(update={"mcp": servers})

    assert Trust.UNTRUSTED is planner_reads(world)
    assert Trust.TRUSTED is planner_reads(replace(world, environment=manifest))


def test_a_description_that_nobody_would_read_is_refused() -> None:
    """Cut short, it would hide what was cut."""
    assert ["`echo` is described in 9,000 characters, more than 8,192"] == refused(
        said(description="x" * 9000)
    )


def test_a_tool_without_declared_output_gives_its_text() -> None:
    """One envelope for all of them; arguments that a schema does not name are not passed on."""
    spec = spec_of("Echo", bound(effect="read"), PinnedTool.of(said()))

    assert ENVELOPE == spec.output
    assert spec.input["additionalProperties"] is False
    assert [] == list(inadmissible(ENVELOPE))


# In an agent


def test_the_tools_of_a_server_are_checked_like_any_other() -> None:
    """By their schemas, references included, without a server and without the SDK."""
    steps = [
        {"id": "read", "tool": "ReadTide", "args": {"station": 5, "depth": 1}},
        {"id": "log", "tool": "WriteLog", "args": {"text": {"$from": "read", "path": "/metres"}}},
    ]
    plan = Plan.model_validate({"lockstep": "plan/1", "steps": steps})

    assert ["LS-PLAN-007", "LS-PLAN-008", "LS-PLAN-010"] == sorted(
        found.code for found in check(plan, quay(), "ana").errors
    )


def test_policy_sees_the_arguments_of_a_foreign_tool() -> None:
    """By name and type, as its schema has them."""
    steps = [{"id": "read", "tool": "ReadTide", "args": {"station": "dry"}}]
    plan = Plan.model_validate({"lockstep": "plan/1", "steps": steps})
    (found,) = check(plan, quay(), "ana").errors

    assert "LS-POLICY-002" == found.code
    assert "quay.dry" in found.problem


def test_any_change_of_a_pinned_list_is_drift() -> None:
    """Of the tool that is used, and of any other of its server: a list is one thing."""
    world = quay()
    steps = [{"id": "read", "tool": "ReadTide", "args": {"station": "north"}}]
    plan = Plan.model_validate({"lockstep": "plan/1", "steps": steps})
    body = freeze(plan, check(plan, world, "ana"), world)
    pinned = world.servers["tide"]
    more = pinned.model_copy(update={"tools": (*pinned.tools, PinnedTool.of(said()))})

    assert () == drift(body, world)
    (found,) = drift(body, replace(world, servers={"tide": more}))
    assert "`mcp.tide.tools` has changed" in found.problem


def test_a_server_that_a_plan_does_not_use_may_change() -> None:
    """As other tools may."""
    world = quay()
    other = McpServer(url="http://127.0.0.1", file="o.json")
    servers = {**world.environment.mcp, "other": other}
    manifest = world.environment.model_copy(update={"mcp": servers})
    steps = [{"id": "read", "tool": "ReadTide", "args": {"station": "north"}}]
    plan = Plan.model_validate({"lockstep": "plan/1", "steps": steps})
    with_other = replace(world, environment=manifest)
    body = freeze(plan, check(plan, with_other, "ana"), with_other)

    assert "mcp.other" in body.pins.environment
    assert () == drift(body, world)


def test_tools_that_are_not_pinned_do_not_exist(tmp_path: Path) -> None:
    """A file that is missing, or that is another server's, is an error with the way out of it."""
    manifest = quay().environment
    for text in (None, json.dumps({"lockstep": "mcp/1", "server": "ebb", "tools": []})):
        if text is not None:
            (tmp_path / "test.tide.json").write_text(text)
        with pytest.raises(LockstepError, match="run `lockstep pin --env test`") as raised:
            read_tools(manifest, tmp_path)
        assert "LS-MCP-003" == raised.value.code


def test_a_name_that_the_server_has_not_is_suggested() -> None:
    """From what is pinned."""
    (found,) = _contradictions(said(), tool="ecko")

    assert ("LS-MCP-002", "did you mean `echo`?") == (found.code, found.fix)


def test_nothing_loads_the_sdk_but_what_talks_to_a_server() -> None:
    """It takes a second: no check and no command waits for it."""
    asked = (
        "import sys, pathlib; import worker.cli.pin, worker.serve; "
        "from activities.package import load_package; "
        f"load_package(pathlib.Path({str(QUAY)!r})).world('test'); "
        "print('mcp' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)

    assert "False" == told.stdout.strip()


def _contradictions(given: dict[str, Any], **table: Any) -> tuple[Finding, ...]:
    pinned = PinnedTools(lockstep="mcp/1", server="s", tools=(PinnedTool.of(given),))
    manifest = Environment.model_validate(
        {
            "lockstep": "environment/1",
            "name": "test",
            "stage": "dev",
            "mcp": {"s": {"command": ["x"], "file": "s.json"}},
            "tools": {"Echo": {"mcp": {"server": "s", "tool": "echo", **table}}},
        }
    )
    with pytest.raises(LockstepError) as raised:
        mcp_tools(manifest, {"s": pinned}, {}, "test.toml")
    return raised.value.findings


def test_of_a_flood_of_words_no_more_is_looked_at_than_is_told() -> None:
    """To look for secrets takes a second a megabyte, in which a worker does nothing else: the steps
    of other runs would be taken for dead.
    """
    looked: list[int] = []

    def scrub(words: str, most: int) -> str:
        looked.append(most)
        return words[:most]

    way = Reach("s", (), {}, "", {}, Path(), 1.0, 1, scrub)
    flood = way.quoted("\x1b" * 10_000_000)
    assert ("short", True) == (way.quoted("short"), flood.endswith("…"))
    assert max(looked) <= 2 * len(flood)
