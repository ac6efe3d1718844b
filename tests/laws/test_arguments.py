"""Do a step's arguments fit its tool? Each misfit has its place, and a fix that puts it right."""

import socket
from typing import Any

import pytest
from pydantic import Field

from lockstep.finding import Finding
from lockstep.record import Record
from lockstep.tool import ToolSpec, tool
from policies.checks.arguments import Sources, check_arguments, check_value
from tests.laws.pace import within
from tests.laws.port import LIST, POST, WEIGH, Json, only, with_, without, world

STRING: Json = {"type": "string"}


def about(step: Json, *others: Json) -> tuple[str, str, str, str]:
    """The one finding about a step among others that pass: code, place, problem, fix."""
    found = only(*others, step)
    return (found.code, found.place, found.problem, found.fix)


def spec_with(input_: Json) -> ToolSpec:
    return world().tools["ListShips"].model_copy(update={"input": input_})


def found(input_: Json, args: Json, **outputs: Json) -> list[Finding]:
    """What is wrong with arguments of a tool that takes such an input."""
    return list(check_arguments("s", spec_with(input_), args, Sources(outputs, {})))


def test_a_wrong_type_three_levels_deep_is_named_by_its_pointer() -> None:
    """The place is the argument itself, the problem shows what was found there."""
    wrong = with_(WEIGH, args={"limit": {"tons": 5, "per": {"unit": "day", "times": "two"}}})
    assert (
        "LS-PLAN-008",
        "step `weigh` /limit/per/times",
        'wanted `integer`, found `"two"`',
        "give a value of that type",
    ) == about(wrong, LIST)


def test_a_wrong_type_beside_a_reference_is_named_as_well() -> None:
    """Where a part is not known yet, the rest still is."""
    wrong = with_(
        WEIGH, args={"limit": {"tons": {"$input": "/days"}, "per": {"unit": "day", "times": []}}}
    )
    assert "step `weigh` /limit/per/times" == about(wrong, LIST)[1]
    wrong = with_(POST, args={"extra": {"a": {"$run": "/id"}, "b": 7}})
    assert "step `post` /extra/b" == about(wrong, LIST, WEIGH)[1]


def test_a_missing_argument_is_named() -> None:
    """At the top and inside; where the others are literals and where they are references."""
    assert (
        "LS-PLAN-006",
        "step `list`",
        "argument `cargo` is missing",
        "add `cargo`: `array`",
    ) == about(without(LIST, "cargo"))
    assert ("LS-PLAN-006", "step `post` /weight") == about(
        with_(POST, args={"weight": {"tons": {"$from": "weigh", "path": "/tons"}}}), LIST, WEIGH
    )[:2]
    assert ("LS-PLAN-006", "step `post` /weight") == about(
        with_(POST, args={"weight": {"tons": 5}}), LIST, WEIGH
    )[:2]


@pytest.mark.parametrize("berth", ["south", {"$input": "/berth"}], ids=["literal", "reference"])
def test_an_unknown_argument_is_named_with_the_one_that_was_meant(berth: Any) -> None:
    """The nearest known name is proposed; without one, removal is, and what names there are."""
    wrong = with_(without(LIST, "when"), args={"berht": "south", "berth": berth})
    assert (
        "LS-PLAN-007",
        "step `list`",
        "argument `berht` is not known",
        "did you mean `berth`?",
    ) == about(wrong)
    wrong = with_(without(LIST, "when"), args={"zzz": 1, "berth": berth})
    assert (
        "argument `zzz` is not known (there is `cargo`, `berth`, `when`)",
        "remove it",
    ) == about(wrong)[2:]
    wrong = with_(WEIGH, args={"limit": {"tons": 5, "per": {"tims": 2}}})
    assert ("step `weigh` /limit/per", "did you mean `times`?") == (
        about(wrong, LIST)[1],
        about(wrong, LIST)[3],
    )


def test_a_value_outside_an_enumeration_is_told_the_choices() -> None:
    """And the nearest of them."""
    assert (
        "LS-PLAN-008",
        "step `list` /berth",
        '`"nroth"` is not one of `"north"`, `"south"`',
        "did you mean `north`?",
    ) == about(with_(LIST, args={"berth": "nroth"}))


def test_bounds_and_patterns_hold_at_plan_time() -> None:
    """Numbers, lengths, list sizes and patterns are the tool's own."""
    wrong: list[Json] = [{"when": {"days": 0}}, {"when": {"date": "today"}}, {"cargo": []}]
    for args in wrong:
        assert "LS-PLAN-008" == about(with_(LIST, args=args))[0]
    assert "step `list` /cargo" == about(with_(LIST, args={"cargo": []}))[1]


def test_a_union_speaks_through_the_branch_that_fits_best() -> None:
    """Of a span or a date, the one that was nearly right."""
    assert (
        'wanted `integer`, found `"seven"`'
        == about(with_(LIST, args={"when": {"days": "seven"}}))[2]
    )
    assert "step `list` /when" == about(with_(LIST, args={"when": 7}))[1]
    assert "wanted `object`, found `7`" == about(with_(LIST, args={"when": 7}))[2]
    assert (
        "wanted `object` or `null`, found `7`"
        == about(with_(POST, args={"weight": 7}), LIST, WEIGH)[2]
    )


def test_a_reference_to_a_field_the_producer_lacks_proposes_one_it_has() -> None:
    """The producer is named, with the fields it has, and the nearest of them."""
    wrong = with_(WEIGH, args={"ships": {"$from": "list", "path": "/shpis"}})
    assert (
        "LS-PLAN-009",
        "step `weigh` /ships",
        "`list/shpis` names `shpis`, which the output of step `list` does not have "
        "(it has `ships`, `names`, `count`)",
        "did you mean `ships`?",
    ) == about(wrong, LIST)
    wrong = with_(WEIGH, args={"ships": {"$from": "list", "path": "/ships/0/nam"}})
    assert "did you mean `name`?" == about(wrong, LIST)[3]
    wrong = with_(LIST, args={"berth": {"$input": "/bert"}})
    assert ("LS-PLAN-009", "did you mean `berth`?") == about(wrong)[::3]
    wrong = with_(POST, args={"text": {"$run": "/clock"}})
    assert "what a plan may know of its run does not have" in about(wrong, LIST, WEIGH)[2]


@pytest.mark.parametrize(
    ("reference", "brings"),
    [
        ({"$from": "list", "path": "/count"}, "`integer` where `array` is wanted"),
        ({"$from": "list", "path": "/names"}, "a list of `string` where `object` is wanted"),
        ({"$from": "list"}, "`object` where `array` is wanted"),
        ({"$from": "list", "path": "/ships/0"}, "`object` where `array` is wanted"),
        ({"$input": "/berth"}, "`string` where `array` is wanted"),
        ({"$run": "/id"}, "`string` where `array` is wanted"),
    ],
    ids=repr,
)
def test_a_reference_of_the_wrong_type_is_found_before_anything_runs(
    reference: Json, brings: str
) -> None:
    """What it would bring is compared with what is wanted, down to the items."""
    code, place, problem, _ = about(with_(WEIGH, args={"ships": reference}), LIST)
    assert ("LS-PLAN-010", "step `weigh` /ships") == (code, place)
    assert problem.endswith(f" brings {brings}")


def test_a_reference_inside_a_list_is_checked_item_by_item() -> None:
    """One good item does not excuse the next."""
    ships = [{"$from": "list", "path": "/ships/0"}, {"$from": "list", "path": "/names/0"}]
    assert ("LS-PLAN-010", "step `weigh` /ships/1") == about(
        with_(WEIGH, args={"ships": ships}), LIST
    )[:2]
    ships = [{"$from": "list", "path": "/ships/0"}, {"name": "skiff", "tons": "3"}]
    assert ("LS-PLAN-008", "step `weigh` /ships/1/tons") == about(
        with_(WEIGH, args={"ships": ships}), LIST
    )[:2]


def test_a_malformed_reference_is_neither_reference_nor_literal() -> None:
    """It is named as what it tried to be."""
    wrong = with_(WEIGH, args={"ships": {"$form": "list"}})
    assert ("LS-PLAN-011", "step `weigh` /ships") == about(wrong, LIST)[:2]


def test_a_real_value_that_looks_like_a_reference_is_a_value() -> None:
    """When arguments are resolved, nothing is resolved a second time."""
    schema: Json = {"type": "object", "additionalProperties": STRING}
    assert [] == list(check_value("inputs", schema, {"$from": "list"}, "LS-PLAN-013"))
    deep: Any = {"$from": 1}
    for _ in range(8):
        deep = {"x": deep}
    inner: Json = {"additionalProperties": {"$ref": "#/definitions/T"}, "type": "object"}
    recursive: Json = {"definitions": {"T": inner}, "$ref": "#/definitions/T"}
    (finding,) = check_value("inputs", recursive, deep, "LS-PLAN-013")
    assert ("LS-PLAN-013", "wanted `object`, found `1`") == (finding.code, finding.problem)


def expression(*branches: str) -> Json:
    """A recursive union of closed objects that all have a `left` and a `right`."""
    node = {"$ref": "#/$defs/Node", "description": "what stands beside a $ref holds too"}
    leaf = {"type": "object", "properties": {"x": STRING}, "required": ["x"]}
    forks = [
        {
            "type": "object",
            "properties": {"left": node, "right": node},
            "required": ["left", "right"],
            "title": name,
            "additionalProperties": False,
        }
        for name in branches
    ]
    return {
        "$defs": {"Node": {"anyOf": [{**leaf, "additionalProperties": False}, *forks]}},
        "type": "object",
        "properties": {"e": {"$ref": "#/$defs/Node"}},
    }


@pytest.mark.parametrize("bottom", [{"x": 1}, {"x": {"$from": "s", "path": "/n"}}], ids=repr)
def test_recursive_unions_take_no_time(bottom: Json) -> None:
    """Sixty levels of alternatives, and the wrong value at the bottom is named; each once."""
    value: Json = bottom
    for _ in range(60):
        value = {"left": value, "right": {"x": "y"}}
    output = {"type": "object", "properties": {"n": {"type": "integer"}}}
    with within(0.5):
        (finding,) = found(expression("and", "or", "xor"), {"e": value}, s=output)
    assert f"step `s` /e{'/left' * 60}/x" == finding.place


def test_a_path_through_recursive_unions_takes_no_time() -> None:
    """A pointer of a hundred parts into a recursive output meets the same schemas again."""
    schema = expression("and", "or", "xor")
    path = "/e" + "/left" * 100
    with within(0.5):
        args = {"e": {"$from": "s", "path": path}, "f": {"$from": "s", "path": f"{path}/middle"}}
        (finding,) = found(schema, args, s=schema)
    assert ("LS-PLAN-009", "step `s` /f") == (finding.code, finding.place)


@pytest.mark.parametrize("loop", ["#", "#/$defs/A", "#/$defs/B"])
def test_schemas_that_name_only_themselves_end(loop: str) -> None:
    """A `$ref` that leads back to itself says nothing, and does not hang."""
    schema: Json = {
        "$defs": {"A": {"$ref": "#/$defs/B"}, "B": {"$ref": "#/$defs/A"}},
        "properties": {"x": {"$ref": loop}},
    }
    values: list[Any] = [1, {"$from": "s"}, [{"$from": "s"}, {"y": 1}]]
    for args in ({"x": value} for value in values):
        assert isinstance(found(schema, args, s=schema), list)


def test_a_schema_on_the_network_is_never_fetched() -> None:
    """A server that listens hears nothing, and the argument is refused in one line."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/schema.json"
        (finding,) = found({"properties": {"x": {"$ref": url}}}, {"x": 1})
        assert ("LS-PLAN-008", "correct the tool") == (finding.code, finding.fix)
        assert "the tool's schema cannot be used" in finding.problem
        with pytest.raises(TimeoutError):
            server.accept()


def test_a_schema_in_a_file_is_never_read(tmp_path: Any) -> None:
    """Neither to accept what it admits nor to tell what it holds."""
    secret = tmp_path / "schema.json"
    secret.write_text('{"const": "secret-7c1"}')
    for url in (f"file://{secret}", "schema.json", f"file:{secret}"):
        schemas: list[Json] = [
            {"$ref": url},
            {"properties": {"x": {"$ref": url}}},
            {"$schema": url},
        ]
        for schema in schemas:
            (finding,) = found(schema, {"x": "secret-7c1"})
            assert "LS-PLAN-008" == finding.code
            assert "secret-7c1" not in str(finding)


@pytest.mark.parametrize("pattern", ["^(a+)+$", "^(a|a)*$", "^(?=(a+)+$)a+$", r"^(a+)+\1$"])
def test_a_hostile_pattern_takes_no_time(pattern: str) -> None:
    """Whether it matches, does not, or is given up: there is an answer, and soon."""
    with within(0.5):
        findings = found({"properties": {"x": {"pattern": pattern}}}, {"x": "a" * 5000 + "!"})
    assert ["LS-PLAN-008"] == [finding.code for finding in findings]


@pytest.mark.parametrize(
    "schema",
    [{"type": "nonsense"}, {"properties": 7}, {"pattern": "("}, {"$ref": "#/no"}],
    ids=repr,
)
def test_a_schema_that_cannot_be_used_decides_nothing(schema: Json) -> None:
    """So the argument is refused, and it is the tool that has to be corrected."""
    values: list[Any] = [1, {"y": {"z": {"deep": {"er": {}}}}}]
    for value in values:
        (finding,) = found(schema, {"x": value})
        assert ("LS-PLAN-008", "correct the tool") == (finding.code, finding.fix)


class Many(Record):
    """As many items as anybody likes."""

    items: list[str]
    ratio: float = Field(default=1, le=1)


@tool("Count", effect="read")
def count(request: Many) -> Many:
    return request


def test_a_hundred_thousand_items_are_checked_quickly() -> None:
    """With a reference among them as well, each item costs next to nothing."""
    items: list[Any] = ["x"] * 100_000
    sources = Sources({"s": STRING}, {})
    with within(1):
        assert [] == list(check_arguments("s", count.spec, {"items": items}, sources))
        few = [*items[:10_000], {"$from": "s"}, 7]
        (finding,) = check_arguments("s", count.spec, {"items": few}, sources)
    assert "step `s` /items/10001" == finding.place


def test_a_long_value_is_shown_short() -> None:
    """What is wrong is told in a line that fits a screen, however long the value is."""
    (finding,) = found({"properties": {"x": {"type": "integer"}}}, {"x": "a" * 100_000})
    assert 200 > len(str(finding))
    (finding,) = found({"properties": {"x": {"pattern": "b"}}}, {"x": "a" * 100_000})
    assert 300 > len(str(finding))


def test_control_characters_are_shown_and_not_obeyed() -> None:
    """A name from a plan cannot break the line, clear the screen or turn the text round."""
    (finding,) = found(
        {"properties": {}, "additionalProperties": False}, {"a\nLS-PLAN-001\x1b[2J\u202e": 1}
    )
    assert 1 == len(str(finding).splitlines())
    assert "a\\nLS-PLAN-001\\x1b[2J\\u202e" in str(finding)
