"""The published JSON Schemas are the nouns: they accept what nouns write, and refuse the rest."""

import json
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from pydantic import BaseModel

from lockstep.agent import Silence
from lockstep.canonical import digest
from lockstep.case import Cases
from lockstep.catalogue import Pinned
from lockstep.decision import StandingGrant
from lockstep.declaration import DeclarationFile
from lockstep.escalation import Answer, Ground, Question, Verdict
from lockstep.event import genesis, link
from lockstep.lock import Lock
from lockstep.mock import Mock
from lockstep.pinned_tools import PinnedTools
from lockstep.planned import PlanLocked
from lockstep.schemas import NOUNS, published
from lockstep.standin import Script
from lockstep.standing import StandingGrants
from lockstep.statement import Proposed
from lockstep.stepped import StepSkipped
from lockstep.value import Value
from tests.laws.port import HARBOUR, ROOT, STEPS, frozen, package, plan, with_, world

PLANS = ROOT / "examples" / "cluster_digest" / "plans"
NOW = datetime(2026, 11, 21, 6, 30, tzinfo=UTC)
ARGS, _ = Value.of({"ship": "skiff"})
SINK = {"id": "sink", "tool": "ScuttleShip", "args": {"ship": "skiff"}, "timeout": "1500ms"}

WRITTEN: dict[str, BaseModel] = {
    "agent": package().agent,
    "answer": Answer(
        question="q", verdict=Verdict.EDIT, by="Ana Núñez", args_digest=ARGS.digest, args={"x": [1]}
    ),
    "cases": Cases.model_validate(
        {
            "lockstep": "cases/1",
            "case": [
                {"env": "test", "tool": "ListShips", "expect": "ALLOW", "rules": []},
                {"env": ["a", "b"], "tool": "X", "unknown": ["/a~1b/0"], "expect": "UNDECIDED"},
            ],
        }
    ),
    "catalogue": Pinned.model_validate(
        {
            "lockstep": "catalogue/1",
            "kind": "metric",
            "source": "prometheus",
            "members": {"up": {}, "job:requests:rate5m": {"critical": True}},
        }
    ),
    "environment": world().environment,
    "event": link(1, NOW, genesis("w"), StepSkipped(step="sink", because="a human said so")),
    "grants": StandingGrants.of(
        {
            StandingGrant(
                lock=ARGS.digest, step="sink", rule="r", args_digest=ARGS.digest,
                policy=ARGS.digest, by="ana", given_at=NOW, expires_at=NOW, run="r", question="q",
            )
        }
    ),
    "lock": Lock.freeze(frozen(*STEPS, SINK), Proposed(by="ana", at=NOW)),
    "mock": Mock.model_validate(
        {
            "lockstep": "mock/1",
            "answers": [
                {"when": {"a": [1]}, "signal": {"name": "FogTooThick", "data": {"b": None}}},
                {"when": {"a": {}}, "output_file": "mocks/fleet.json"},
                {"output": {"ships": []}},
            ],
        }
    ),
    "mcp": PinnedTools.model_validate(
        {
            "lockstep": "mcp/1",
            "server": "files",
            "tools": [
                {"name": "a/b.c", "input": {"type": "object"}, "hints": {"readOnlyHint": False}},
                {"name": "d", "title": "D", "description": "x", "input": {}, "output": {"a": [1]}},
            ],
        }
    ),
    "pins": world().contents,
    "plan": plan(*STEPS, SINK),
    "question": Question(
        id="q", run="r", step="sink", tool="ScuttleShip", ground=Ground.APPROVAL, why="w",
        step_reason="", args=ARGS, rules=(), roles=("pilots",), approvers=("ana",),
        asked_at=NOW, deadline=NOW, silence=Silence.SKIP,
    ),
    "standin": Script.model_validate(
        {
            "lockstep": "standin/1",
            "scenes": [
                {"when": {"contains": "a"}, "answers": [{"json": [None]}, {"garbage": ""}]},
                {"answers": [{"proposal": {"steps": []}, "cut": {}}, {"error": {"status": 429}}]},
            ],
        }
    ),
    "tool": DeclarationFile.model_validate(
        {
            "lockstep": "tool/1",
            "effect": "read",
            "input": {"type": "object"},
            "output": {"type": "object", "properties": {"a": {"type": "string"}}},
            "timeout": "5s",
            "signals": ["FogTooThick"],
        }
    ),
}  # fmt: skip


@cache
def validator(noun: str) -> Any:
    return jsonschema_rs.validator_for(published(noun), validate_formats=True)


def misfits(noun: str, value: Any) -> list[str]:
    return [error.message for error in validator(noun).iter_errors(value)]


@pytest.mark.parametrize("noun", NOUNS)
def test_a_schema_is_a_schema(noun: str) -> None:
    """Valid 2020-12, with a name of its own, and nothing in it has to be fetched."""
    schema = published(noun)
    assert "https://json-schema.org/draft/2020-12/schema" == schema["$schema"]
    assert f"urn:lockstep:{noun}:1" == schema["$id"]
    jsonschema_rs.meta.validate(schema)
    text = json.dumps(schema)
    assert text.count('"$ref": "#/$defs/') == text.count('"$ref"')


@pytest.mark.parametrize("noun", NOUNS)
def test_a_schema_accepts_what_the_noun_writes(noun: str) -> None:
    """As it is dumped, and as it stands in a file without its defaults."""
    value = WRITTEN[noun]
    assert type(value) is NOUNS[noun]
    assert [] == misfits(noun, value.model_dump(mode="json"))
    assert [] == misfits(noun, json.loads(value.model_dump_json()))
    short = json.loads(value.model_dump_json(exclude_defaults=True))
    marked = {"plan": "plan/1", "agent": "agent/1", "environment": "environment/1"}
    marked |= {"standin": "standin/1", "mock": "mock/1", "catalogue": "catalogue/1"}
    marked |= {"cases": "cases/1", "tool": "tool/1"}
    if noun in marked:
        assert [] == misfits(noun, {**short, "lockstep": marked[noun]})


@pytest.mark.parametrize("noun", NOUNS)
def test_a_schema_is_closed(noun: str) -> None:
    """What the noun refuses, its schema refuses: another field, and nothing at all."""
    written = WRITTEN[noun].model_dump(mode="json")
    assert misfits(noun, {**written, "surprise": 1})
    assert misfits(noun, {})
    assert misfits(noun, [])


def test_the_flagships_files_fit() -> None:
    """An editor that checks the committed plan and lock finds nothing to underline."""
    assert [] == misfits("plan", read(PLANS / "weekly.local.plan.json"))
    assert [] == misfits("lock", read(PLANS / "weekly.local.lock.json"))


def test_what_a_person_writes_in_toml_fits() -> None:
    """The manifests of the harbour, as they stand on disk."""
    import tomllib

    for noun, name in (("agent", "agent.toml"), ("environment", "environments/test.toml")):
        assert [] == misfits(noun, tomllib.loads((HARBOUR / name).read_text()))


@pytest.mark.parametrize(
    "step",
    [
        with_(STEPS[0], id="1st"),
        with_(STEPS[0], timeout="5 s"),
        with_(STEPS[0], timeout="0s"),
        with_(STEPS[0], attempts=0),
        with_(STEPS[0], tool="List Ships"),
        STEPS[0] | {"args": []},
        {"id": "list"},
    ],
    ids=repr,
)
def test_what_a_plan_may_not_say_its_schema_does_not_allow(step: Any) -> None:
    """Names, lengths of time and counts are bounded there as well."""
    assert misfits("plan", {"lockstep": "plan/1", "steps": [step]})


def test_every_event_is_told_by_its_type() -> None:
    """A reader of the schema can tell all kinds apart by one word."""
    what = published("event")["properties"]["what"]
    assert "type" == what["discriminator"]["propertyName"]
    assert len(what["oneOf"]) == len(what["discriminator"]["mapping"])
    event = link(1, NOW, genesis("w"), PlanLocked(lock=digest("x"))).model_dump(mode="json")
    assert misfits("event", {**event, "what": {**event["what"], "type": "plan.lokced"}})


def read(path: Path) -> Any:
    return json.loads(path.read_text())
