"""A model's draft: what is a plan becomes one, and what is not is said with its place."""

import json
from contextlib import suppress
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockstep.canonical import MAX_DEPTH
from lockstep.draft import MAX_GAPS, SCHEMA, unfold
from lockstep.errors import LockstepError
from lockstep.plan import Plan

STEP = {"id": "a", "tool": "Echo", "args_json": '{"text": "hi"}', "after": [], "reason": "Why not."}


def draft(*steps: dict[str, Any], gaps: Any = ()) -> str:
    return json.dumps({"steps": list(steps), "gaps": list(gaps)})


def refused(text: str) -> list[str]:
    """The places of what is wrong with a text."""
    with pytest.raises(LockstepError) as error:
        unfold(text, "goal")
    assert {"LS-MODEL-008"} == {found.code for found in error.value.findings}
    return [found.place for found in error.value.findings]


def test_a_draft_becomes_a_plan() -> None:
    """Arguments are read from their text; the goal is the one that was asked, not the model's."""
    document, gaps = unfold(draft(STEP, gaps=["no tool sends mail"]), "say hi")
    plan = Plan.model_validate(document)
    assert ("say hi", {"text": "hi"}) == (plan.goal, plan.steps["a"].args)
    assert ("no tool sends mail",) == gaps


def test_the_schema_is_closed_flat_and_whole() -> None:
    """Every field required, no object open, no union, no reference: what providers can hold to."""
    words = json.dumps(SCHEMA)
    assert not any(word in words for word in ("anyOf", "oneOf", "$ref", '"minimum"', "default"))

    def walk(schema: Any) -> None:
        if isinstance(schema, dict) and schema.get("type") == "object":
            assert schema["additionalProperties"] is False
            assert list(schema["properties"]) == schema["required"]
        for child in schema.values() if isinstance(schema, dict) else ():
            walk(child)

    walk(SCHEMA)
    assert jsonschema_rs.validator_for(SCHEMA).is_valid(json.loads(draft(STEP)))


@pytest.mark.parametrize(
    "text", ["", "  \n", "Sure! Here is the plan.", "{", "[]", "null", '{"steps": 3, "gaps": []}']
)
def test_what_is_no_draft_is_refused(text: str) -> None:
    """Prose, half a document, nothing at all."""
    assert refused(text)


@pytest.mark.parametrize(
    "args", ["", "{", "prose", '{"a": 1, "a": 2}', '{"a": NaN}', '{"a": 12345678901234567890}']
)
def test_arguments_are_read_strictly(args: str) -> None:
    """The same reader as for every document, and the step's place in what it says."""
    (place,) = refused(draft(STEP, {**STEP, "id": "b", "args_json": args}))
    assert place.startswith("/steps/1/args_json")


def test_arguments_that_are_no_object_are_left_to_the_check() -> None:
    """They are JSON, and so part of the document that the check refuses by name."""
    document, _ = unfold(draft({**STEP, "args_json": "[1]"}), "goal")
    assert isinstance(document, dict)
    with pytest.raises(ValueError, match="args"):
        Plan.model_validate(document)


def test_a_draft_has_no_room_for_more_than_was_asked() -> None:
    """A field of its own, such as a longer timeout, is refused and not dropped."""
    assert ["answer /steps/0/timeout"] == [
        place.replace("answer/", "answer /") for place in refused(draft({**STEP, "timeout": "9h"}))
    ]


def test_arguments_nested_beyond_reading_are_refused() -> None:
    """What could not be frozen and read again is no proposal."""
    deep = "[" * (MAX_DEPTH - 2) + "]" * (MAX_DEPTH - 2)
    assert refused(draft({**STEP, "args_json": f'{{"a": {deep}}}'}))


def test_gaps_are_bounded() -> None:
    """They are shown to people."""
    _, gaps = unfold(draft(gaps=["x" * 1_000] * 100), "goal")
    assert MAX_GAPS == len(gaps)
    assert all(len(gap) <= 500 for gap in gaps)


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda raw: raw.decode("latin-1")))
def test_no_text_does_more_than_be_refused(text: str) -> None:
    """Whatever a model says."""
    with suppress(LockstepError):
        unfold(text, "goal")
