"""What Cedar is told of a call, and what is put where nothing is known yet."""

import json
from typing import Any

import pytest

from policies.cedar.question import Facts, Path

WORD, NUMBER = {"type": "String"}, {"type": "Long"}
TYPE: dict[str, Any] = {
    "type": "Record",
    "attributes": {
        "args": {
            "type": "Record",
            "attributes": {
                "host": WORD,
                "note": WORD,
                "size": {
                    "type": "Record",
                    "attributes": {"count": NUMBER, "unit": {**WORD, "required": False}},
                },
            },
        },
        "step": WORD,
    },
}


def unknown(at: str) -> Any:
    return {"__extn": {"fn": "unknown", "arg": f"args{at}"}}


def facts(**args: Any) -> Facts:
    return Facts({"args": args, "step": "s"}, TYPE)


def test_no_more_is_told_than_is_read() -> None:
    """As far as a path leads, and nothing beside it."""
    known = facts(host="db-1", note="n", size={"count": 1})
    read: tuple[Path, ...] = (("args", "host"), ("args", "size", "unit"))

    assert {"args": {"host": "db-1", "size": {}}} == json.loads(known.told(read))


def test_what_is_open_is_where_the_signs_stand() -> None:
    """In a record as deep as it lies; the record around it is known."""
    found = facts(host="db-1", size={"count": unknown("/size/count")}, note=unknown("/note"))

    assert {("args", "note"), ("args", "size", "count")} == found.open


@pytest.mark.parametrize(
    ("tried", "expected"),
    [
        ({}, {"host": "", "size": {"count": 0}}),
        ({("args", "host"): "db-1"}, {"host": "db-1", "size": {"count": 0}}),
        ({("args", "size", "count"): 7}, {"host": "", "size": {"count": 7}}),
        # An optional field is not in a plain example, and nothing is put there.
        ({("args", "size", "unit"): "kg"}, {"host": "", "size": {"count": 0}}),
        ({("step",): "other"}, {"host": "", "size": {"count": 0}}),
    ],
)
def test_an_example_has_a_value_of_the_type_for_what_is_open(tried: Any, expected: Any) -> None:
    """What is tried there, and otherwise what is plain; what is known stays."""
    found = facts(host=unknown("/host"), size=unknown("/size"))

    assert {"args": expected, "step": "s"} == json.loads(found.example(((),), tried))


def test_a_word_that_is_spelled_like_a_sign_stays_a_word() -> None:
    """It is data, whoever wrote it."""
    forged = json.dumps(unknown("/host"), separators=(",", ":"))
    found = facts(host=unknown("/host"), note=forged)

    assert {("args", "host")} == found.open
    assert {"host": "", "note": forged} == json.loads(found.example((("args",),), {}))["args"]
