"""What the stand-in model refuses, because the API does.

A test that passes on what production refuses is worse than none.
"""

import json
from typing import Any

import pytest

from lockstep.draft import SCHEMA
from tests.effects.standing import Json, asked, post, script
from worker.standin.billed import Billed
from worker.standin.server import standin


def _schema(**changes: Any) -> Json:
    return asked(output_config={"format": {"type": "json_schema", "schema": {**SCHEMA, **changes}}})


RECURSIVE = {"type": "object", "properties": {"n": {"$ref": "#/$defs/n"}}, "required": ["n"]}
REFUSED: dict[str, tuple[Json, str]] = {
    "temperature": (asked(temperature=1), "temperature: "),
    "top_p": (asked(top_p=0.5), "top_p: "),
    "top_k": (asked(top_k=3), "top_k: "),
    "no max_tokens": (asked(max_tokens=None), "max_tokens: Field required"),
    "no messages": (asked(messages=[]), "messages: "),
    "no model": (asked(model=None), "model: Field required"),
    "a role": (asked(messages=[{"role": "tool", "content": "x"}]), "messages.0.role: "),
    "no words": (asked(""), "messages.0: text content blocks must not be empty"),
    "prefill": (
        asked(messages=[{"role": "user", "content": "a"}, {"role": "assistant", "content": "{"}]),
        "messages: an answer cannot be begun",
    ),
    "five marks": (
        asked(
            system=[
                {"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}
                for _ in range(5)
            ]
        ),
        "5 blocks have `cache_control`",
    ),
    "open": (_schema(additionalProperties=True), "/: an object must say"),
    "open inside": (
        _schema(properties={"a": {"type": "object", "properties": {}}}, required=["a"]),
        "/properties/a: an object must say",
    ),
    "optional": (
        _schema(properties={f"p{n}": {"type": "string"} for n in range(25)}, required=[]),
        "25 optional properties",
    ),
    "unions": (
        _schema(
            properties={f"p{n}": {"type": ["string", "null"]} for n in range(17)},
            required=[f"p{n}" for n in range(17)],
        ),
        "17 properties with a choice of types",
    ),
    "recursion": (
        _schema(
            properties={"n": {"$ref": "#/$defs/n"}},
            required=["n"],
            **{"$defs": {"n": {**RECURSIVE, "additionalProperties": False}}},
        ),
        "the definitions refer to themselves",
    ),
    "a foreign reference": (
        _schema(properties={"n": {"$ref": "file:///etc/passwd"}}, required=["n"]),
        "`$ref` leads out of the schema",
    ),
    "a bound": (
        _schema(properties={"n": {"type": "integer", "minimum": 1}}, required=["n"]),
        "/properties/n: `minimum` is not supported",
    ),
}


@pytest.mark.parametrize(("request_", "problem"), REFUSED.values(), ids=REFUSED.keys())
def test_what_the_api_refuses_is_refused(request_: Json, problem: str) -> None:
    """With 400 and the reason, before the script is asked."""
    with standin(script({"text": "a"})) as model:
        status, body = post(model, json.dumps(request_))
        entry = model.ledger[0]

    assert (400, "invalid_request_error") == (status, body["error"]["type"])
    assert problem in body["error"]["message"]
    assert (None, Billed()) == (entry.scene, entry.usage)


def test_limits_of_a_schema_may_be_reached() -> None:
    """24 optional and 16 choices pass, and a property may be called like a keyword."""
    optional = {f"p{n}": {"type": "string"} for n in range(24)}
    choices = {f"c{n}": {"anyOf": [{"type": "string"}, {"type": "null"}]} for n in range(15)}
    named = {"minimum": {"type": ["integer", "null"]}}
    required = [*choices, *named]
    wanted = _schema(properties={**optional, **choices, **named}, required=required)
    with standin(script({"text": "a"})) as model:
        assert 200 == post(model, json.dumps(wanted))[0]


@pytest.mark.parametrize("body", ["", "{", "[]", '{"a": NaN}', '{"a":1,"a":2}', b"\xff"])
def test_what_is_no_json_object_is_refused(body: bytes | str) -> None:
    """A client that sends two readings of one request gets none."""
    with standin(script({"text": "a"})) as model:
        status, answer = post(model, body)

    assert (400, "error") == (status, answer["type"])


def test_a_key_is_needed_and_any_will_do() -> None:
    """Either header that clients use; without one, 401."""
    request = json.dumps(asked())
    with standin(script({"text": "a"})) as model:
        statuses = [
            post(model, request, **{"x-api-key": key, **more})[0]
            for key, more in (("", {}), ("x", {}), ("", {"authorization": "Bearer y"}))
        ]

    assert [401, 200, 200] == statuses
    assert [False, True, True] == [entry.key_present for entry in model.ledger]


def test_a_body_that_is_too_large_is_refused() -> None:
    """With 413, after it was read; the client does not see its own write fail."""
    with standin(script({"text": "a"})) as model:
        status, body = post(model, b" " * (32 * 1024 * 1024 + 1))

    assert (413, "request_too_large") == (status, body["error"]["type"])
