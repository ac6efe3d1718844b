"""Drafts as a model writes them: what the laws about them share."""

import json
from typing import Any

import pytest

from lockstep.compose import COMPOSE
from lockstep.errors import LockstepError
from lockstep.loading import shaped
from lockstep.plan import Plan
from lockstep.unfolding import unfold
from tests.laws.office import SUMMARY

Json = dict[str, Any]

STEP: Json = {
    "id": "a", "tool": "Echo", "args_json": '{"text": "hi"}', "after": [], "reason": "Why not.",
}  # fmt: skip
SAID: Json = {**STEP, "id": "c", "tool": COMPOSE, "args_json": '{"instruction": "Say so."}'}
ANSWER = json.dumps(SUMMARY)
ROWS: dict[str, Json] = {
    "guards": {"step": "a", "left_json": '{"$input": "/x"}', "is": "==", "right_json": "1"},
    "loops": {"step": "a", "in_json": '{"$input": "/list"}', "max": 3},
    "fallbacks": {"step": "a", "error": "Fog", "instead_json": '{"skip": true}'},
    "compose": {
        "step": "c", "output_json": ANSWER, "max_tokens": 0, "max_input_tokens": 0, "long": "cut",
    },
    "bounds": {"step": "a", "timeout": "5s", "attempts": 0},
}  # fmt: skip
NOTHING: Json = {name: [] for name in ROWS}


def draft(*steps: Json, gaps: Any = (), **rows: list[Json]) -> str:
    return json.dumps({"steps": list(steps), **NOTHING, **rows, "gaps": list(gaps)})


def findings(text: str) -> list[str]:
    """What is wrong with a text, in words."""
    with pytest.raises(LockstepError) as error:
        unfold(text, "goal")
    assert {"LS-MODEL-008"} == {found.code for found in error.value.findings}
    return [str(found).removeprefix("LS-MODEL-008 ") for found in error.value.findings]


def refused(text: str) -> list[str]:
    """The places of what is wrong with a text."""
    return [line.partition(": ")[0] for line in findings(text)]


def read(text: str) -> Plan:
    return shaped(Plan, unfold(text, "goal")[0], "plan")
