"""The declared output of a compose step: what both we and a provider decide, and no more."""

from typing import Any

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from lockstep.output import MAX_FIELDS, OutputSchema
from worker.standin.grammar import unfit

ADAPTER: TypeAdapter[Any] = TypeAdapter(OutputSchema)
Json = dict[str, Any]


def record(**fields: Any) -> Json:
    return {
        "type": "object",
        "properties": fields,
        "required": list(fields),
        "additionalProperties": False,
    }


WORD = {"type": "string"}
plain = st.sampled_from(["string", "integer", "number", "boolean", "null"])
choices = st.sampled_from(["string", "integer", "number", "boolean"]).map(lambda one: [one, "null"])
names = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)
leaves = st.one_of(
    plain.map(lambda one: {"type": one}),
    choices.map(lambda one: {"type": one}),
    st.lists(names, min_size=1, max_size=4, unique=True).map(
        lambda words: {"type": "string", "enum": words, "description": "one of them"}
    ),
)
records = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.dictionaries(names, inner, min_size=1, max_size=3).map(lambda found: record(**found)),
        inner.map(lambda found: {"type": "array", "items": found}),
    ),
    max_leaves=6,
).map(lambda inner: record(found=inner))


@given(records)
def test_what_is_taken_here_is_taken_by_a_provider(schema: Json) -> None:
    """The other side's rules are those of its stand-in, which refuses what the real one does."""
    try:
        taken = ADAPTER.validate_python(schema)
    except ValidationError:
        reject()
    assert schema == taken
    assert unfit(taken) is None


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        ({"type": "string"}, "an output is an object"),
        ({"type": "object"}, "names its fields"),
        (record(), "names its fields"),
        ({**record(a=WORD), "additionalProperties": True}, "`additionalProperties`: false"),
        ({**record(a=WORD), "required": []}, "`required` names every field"),
        ({**record(a=WORD), "required": ["a", "b"]}, "`required` names every field"),
        ({**record(a=WORD), "minProperties": 1}, "`minProperties` cannot be said"),
        (record(a={"type": "string", "maxLength": 3}), "`maxLength` cannot be said of a `string`"),
        (record(a={"type": "string", "pattern": "^(a+)+$"}), "`pattern` cannot be said"),
        (record(a={"type": "integer", "minimum": 1}), "`minimum` cannot be said of a `integer`"),
        (record(a={"$ref": "http://127.0.0.1/x"}), "`type` is one of"),
        (record(a={"anyOf": [WORD, WORD]}), "`type` is one of"),
        (record(a={"type": "file"}), "`type` is one of"),
        (record(a={"type": ["string", "integer"]}), "a plain one or null"),
        (record(a={"type": ["object", "null"]}), "a plain one or null"),
        (record(a={"type": "array"}), "says in `items`"),
        (record(a={"type": "array", "items": WORD, "minItems": 2}), "`minItems` may be 0 or 1"),
        (record(a={"type": "string", "enum": []}), "a list of 1 to"),
        (record(a={"type": "string", "enum": ["a", 1]}), "`enum` holds text"),
        (record(a={"type": "string", "enum": ["a", None]}), "`enum` holds text"),
        (record(a={"type": "string", "enum": ["low", "LOW"]}), "nothing but their case"),
        (record(**{"a b": WORD}), "a field's name is letters"),
        (record(**{f"f{n}": WORD for n in range(MAX_FIELDS + 1)}), "101 fields, more than 100"),
        (
            record(**{f"f{n}": {"type": ["string", "null"]} for n in range(17)}),
            "17 choices of types",
        ),
        (record(a={"type": "string", "description": "x" * 20_000}), "more than 16,384"),
        (record(a=record(a=record(a=record(a=record(a=record(a=WORD)))))), "more than 6 levels"),
    ],
)
def test_anything_else_is_refused_with_a_reason(schema: Json, says: str) -> None:
    """Before it is refused in the middle of a run, by somebody else and in other words."""
    with pytest.raises(ValidationError) as refused:
        ADAPTER.validate_python(schema)
    assert says in str(refused.value)
