"""Reading schemas: where a pointer leads, and whether what one gives the other takes.

The schemas may come from strangers, so most of these are odd on purpose.
"""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict

from lockstep.resource import KEYWORD, Touched, touched
from lockstep.schema import can_feed, followed, options, same_value, step_into, types
from tests.laws.pace import within

LOOP: dict[str, Any] = {"$defs": {"A": {"$ref": "#/$defs/B"}, "B": {"$ref": "#/$defs/A"}}}
STRING: dict[str, Any] = {"type": "string"}
INTEGER: dict[str, Any] = {"type": "integer"}
Json = dict[str, Any]

words = st.sampled_from(
    ["$ref", "$defs", "anyOf", "oneOf", "type", "items", "properties", "required", "enum", "x"]
)
targets = st.sampled_from(["#", "#/$defs/x", "#/$defs", "#/anyOf/0", "#x", "http://x/y", "string"])
schemas = st.recursive(
    st.booleans() | st.none() | targets | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=4),
    max_leaves=12,
)
objects = st.dictionaries(words, schemas, max_size=5)


def obj(*required: str, closed: bool = True, **properties: Any) -> dict[str, Any]:
    """An object schema; all its properties are required where none are named."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(required or properties),
        "additionalProperties": not closed,
    }


def feeds(source: Any, target: Any, root: Any = None) -> str | None:
    return can_feed(root or source, source, root or target, target)


def test_a_reference_within_the_schema_is_followed() -> None:
    """With escapes, through several, and what stands beside it still holds."""
    root: dict[str, Any] = {"$defs": {"a/b": STRING, "C": {"$ref": "#/$defs/a~1b"}}}
    assert STRING == followed(root, {"$ref": "#/$defs/C"})
    assert {"type": "string", "title": "t"} == followed(root, {"$ref": "#/$defs/C", "title": "t"})


@pytest.mark.parametrize(
    "target",
    [
        "http://example.invalid/s",
        "file:///etc/passwd",
        "s.json",
        "#/no",
        "#/$defs/A/type",
        "",
        "#a",
    ],
)
def test_a_foreign_or_dead_reference_says_nothing(target: str) -> None:
    """It is the empty schema, and nothing is fetched."""
    assert {} == followed({"$defs": {"A": STRING}}, {"$ref": target}) or target == ""


def test_a_reference_that_goes_in_circles_ends() -> None:
    """Two that name each other, and one that names itself."""
    assert {} == followed(LOOP, {"$ref": "#/$defs/A"})
    assert {} == followed({"$ref": "#"}, {"$ref": "#"})
    assert [{}] == options(LOOP, {"$ref": "#/$defs/A"})
    assert feeds({"$ref": "#/$defs/A"}, STRING, LOOP) is None


@given(objects, schemas, st.lists(st.sampled_from(["x", "0", "properties"]), max_size=3))
@settings(max_examples=30)
def test_no_schema_is_too_odd_to_be_read(root: Any, schema: Any, path: list[str]) -> None:
    """Every function of this file ends, and answers in its own terms."""
    assert isinstance(followed(root, schema), dict)
    assert all(isinstance(option, dict) for option in options(root, schema))
    assert all(isinstance(option, dict) for option in same_value(root, schema))
    assert isinstance(types(followed(root, schema)), frozenset)
    for part in path:
        step_into(root, schema, part)
    assert isinstance(can_feed(root, schema, root, root), str | None)
    touched(root, {"x": {"x": ["y"]}})


@pytest.mark.parametrize(
    ("source", "target"),
    [
        (STRING, STRING),
        (INTEGER, {"type": "number"}),
        (STRING, {}),
        ({}, STRING),
        (STRING, {"anyOf": [INTEGER, STRING]}),
        ({"anyOf": [STRING, INTEGER]}, STRING),
        ({"anyOf": [STRING, {"type": "null"}]}, STRING),
        ({"type": ["string", "null"]}, STRING),
        ({"enum": ["a", "b"]}, STRING),
        ({"const": 3}, INTEGER),
        ({"type": "array", "items": INTEGER}, {"type": "array", "items": {"type": "number"}}),
        ({"type": "array"}, {"type": "array", "items": INTEGER}),
        (obj(a=STRING, b=INTEGER), obj(a=STRING, closed=False)),
        (obj(a=STRING), obj("a", a=STRING, b=INTEGER)),
        (obj("a", a=STRING, b=INTEGER), obj(a=STRING)),
        (obj("a", a=STRING, b=INTEGER), obj("a", a=STRING, b=STRING)),
        (obj(a=STRING), {"type": "object", "additionalProperties": INTEGER}),
    ],
    ids=repr,
)
def test_what_may_fit_is_let_pass(source: Any, target: Any) -> None:
    """Only what cannot fit is refused now; the real value is checked again when it is there."""
    assert feeds(source, target) is None


@pytest.mark.parametrize(
    ("source", "target", "says"),
    [
        (STRING, INTEGER, "`string` where `integer` is wanted"),
        ({"type": "number"}, INTEGER, "`number` where `integer` is wanted"),
        ({"type": "null"}, STRING, "`null` where `string` is wanted"),
        ({"type": ["string", "null"]}, INTEGER, "`null` or `string` where `integer` is wanted"),
        ({"enum": [1, 2]}, STRING, "`integer` where `string` is wanted"),
        ({"enum": ["a", "b"]}, {"const": "c"}, '`"a"` or `"b"` where `"c"` is wanted'),
        (STRING, obj(a=STRING), "`string` where `object` is wanted"),
        (
            {"type": "array", "items": STRING},
            {"type": "array", "items": INTEGER},
            "a list of `string` where `integer` is wanted",
        ),
        (obj(a=STRING), obj(a=STRING, b=STRING), "an object without `b` where `b` is required"),
        (obj(a=obj(b=STRING)), obj(a=obj(b=INTEGER)), "in `a`, in `b`, `string` where"),
        (obj(a=STRING, b=STRING), obj(a=STRING), "an object with `b`, which is not known there"),
        (obj(a=STRING), obj("b", a=INTEGER, b=STRING), "an object without `b`"),
        (obj(a=STRING), {**obj(a=INTEGER), "required": []}, "in `a`, `string` where `integer`"),
        ({"anyOf": [STRING, obj(a=STRING)]}, INTEGER, "where `integer` is wanted"),
    ],
    ids=repr,
)
def test_what_cannot_fit_is_told_in_a_clause(source: Any, target: Any, says: str) -> None:
    """Down to the field, in the types' own names."""
    assert says in str(feeds(source, target))


def test_a_pointer_is_followed_part_by_part() -> None:
    """Into fields, items, values of a map and the branches of a union; with the names there are."""
    schema = obj(ships={"type": "array", "items": obj(name=STRING)}, by={"anyOf": [obj(x=INTEGER)]})
    assert ([{"type": "array", "items": obj(name=STRING)}], ["ships", "by"]) == step_into(
        schema, schema, "ships"
    )
    (items,), _ = step_into(schema, schema["properties"]["ships"], "12")
    assert obj(name=STRING) == items
    assert ([INTEGER], ["x"]) == step_into(schema, schema["properties"]["by"], "x")
    assert ([], ["ships", "by"]) == step_into(schema, schema, "ship")
    assert ([], []) == step_into(schema, schema["properties"]["ships"], "٣")
    assert ([{}], []) == step_into({}, {}, "anything")
    assert ([{}], []) == step_into({}, {"type": "object"}, "anything")
    assert ([{}], ["a"]) == step_into({}, {**obj(a=STRING), "additionalProperties": True}, "b")
    assert ([STRING], []) == step_into(
        {}, {"type": "object", "additionalProperties": STRING}, "any"
    )


class Leaf(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str


class Both(BaseModel):
    model_config = ConfigDict(extra="forbid")
    left: "Tree"
    right: "Tree"


class Either(BaseModel):
    model_config = ConfigDict(extra="forbid")
    left: "Tree"
    right: "Tree"


Tree = Leaf | Both | Either


class Trunk(BaseModel):
    tree: Tree


Trunk.model_rebuild()


def test_recursive_unions_are_compared_in_no_time() -> None:
    """Where alternatives multiply with every level, effort ends before patience does."""
    wide = {"anyOf": [{"type": "array", "items": {"$ref": "#"}} for _ in range(40)]}
    tree = Trunk.model_json_schema()
    with within(0.3):
        assert feeds(wide, wide) is None
        assert feeds(tree, tree) is None
        assert feeds(tree, INTEGER) is not None


SHIP = {"type": "string", KEYWORD: "ship"}


def test_marked_arguments_are_found_wherever_they_stand() -> None:
    """In fields, lists, maps, names of maps, unions, and behind references; in order."""
    schema: Json = {
        "$defs": {"Ship": SHIP, "Crew": {"type": "array", "items": {"$ref": "#/$defs/Ship"}}},
        "properties": {
            "one": {"$ref": "#/$defs/Ship", "description": "d"},
            "crew": {"$ref": "#/$defs/Crew"},
            "map": {"additionalProperties": SHIP, "propertyNames": SHIP},
            "maybe": {"anyOf": [{"type": "null"}, SHIP]},
            "pair": {"prefixItems": [STRING, SHIP]},
            "plain": STRING,
        },
    }
    args: Json = {
        "one": "a", "crew": ["b", "c"], "map": {"d": "e"}, "maybe": "f", "pair": ["g", "h"],
        "plain": "i", "unknown": "j",
    }  # fmt: skip
    assert [
        ("a", "/one"), ("b", "/crew/0"), ("c", "/crew/1"), ("d", "/map/d"), ("e", "/map/d"),
        ("f", "/maybe"), ("h", "/pair/1"),
    ] == [(found.name, found.at) for found in touched(schema, args)]  # fmt: skip


def test_a_resource_is_found_once_and_in_no_time() -> None:
    """In a value of recursive unions as well, however deep it is and however the branches meet."""

    def branch() -> dict[str, Any]:
        return obj(left={"$ref": "#/$defs/T"}, ship=SHIP)

    schema: Json = {"$defs": {"T": {"anyOf": [branch(), branch()]}}, "$ref": "#/$defs/T"}
    args: Any = {"ship": "deep"}
    for _ in range(60):
        args = {"left": args}
    with within(0.2):
        found = touched(schema, args)
    assert [Touched(kind="ship", name="deep", at="/left" * 60 + "/ship")] == list(
        dict.fromkeys(found)
    )
