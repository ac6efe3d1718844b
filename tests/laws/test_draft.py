"""A draft is a plan in another form: all that a plan can say, and nothing that it cannot."""

import json
import random
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from lockstep.draft import SCHEMA, Draft, folded
from lockstep.loading import shaped
from lockstep.plan import Plan
from lockstep.trust import Trust
from lockstep.unfolding import unfold
from policies.check import check
from tests.laws.drafts import NOTHING, ROWS, SAID, STEP, draft
from tests.laws.office import FILE, READ, STEPS, SUM, SUMMARY, plan, world
from tests.laws.test_compose_output import record
from worker.standin.grammar import unfit

TAKEN = jsonschema_rs.validator_for(SCHEMA)
"""What a model is held to."""


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
    assert unfit(SCHEMA) is None

    def walk(schema: Any) -> None:
        if isinstance(schema, dict) and schema.get("type") == "object":
            assert schema["additionalProperties"] is False
            assert list(schema["properties"]) == schema["required"]
        for child in schema.values() if isinstance(schema, dict) else ():
            walk(child)

    walk(SCHEMA)
    rows = {name: [row] for name, row in ROWS.items()}
    assert TAKEN.is_valid(json.loads(draft(STEP, SAID, **rows)))


def test_the_schema_says_what_a_draft_has() -> None:
    """Every list and every field of its rows, and no other: else one side would refuse what the
    other wrote.
    """

    def names(model: type[BaseModel]) -> list[str]:
        return [field.alias or name for name, field in model.model_fields.items()]

    described: Any = SCHEMA["properties"]
    assert names(Draft) == list(described)
    rows = {name: field.annotation for name, field in Draft.model_fields.items()}
    for name, listed in rows.items():
        row = listed.__args__[0]  # type: ignore[union-attr]  # each is a tuple of one type
        if row is not str:
            assert names(row) == list(described[name]["items"]["properties"])


def test_the_schema_is_paid_for_once_and_stays_small() -> None:
    """It is read with every question, from a cache after the first; what most plans do not use
    costs each of them less than one step.
    """
    assert len(json.dumps(SCHEMA, separators=(",", ":"))) < 2_000
    assert len(json.dumps(NOTHING, separators=(",", ":"))) < len(json.dumps(STEP))


def plans(seed: int) -> Plan:
    """Plans with everything that a step may hold, sound or not: what fits together is the check's.

    By a seed and not drawn value by value, so that hundreds are made quickly.
    """
    chance = random.Random(seed)

    def maybe(*given: Any) -> Any:
        return chance.choice([None, *given])

    def value(depth: int = 3) -> Any:
        kind = chance.randrange(9 if depth else 6)
        if kind > 6:
            return [value(depth - 1) for _ in range(chance.randrange(3))]
        if kind == 6:
            return {name: value(depth - 1) for name in chance.sample("abcd", 2)}
        plain: list[Any] = ["", 'é\u2028"\\', chance.randrange(-9, 9), 0.5, chance.random() < 0.5]
        references: list[Any] = [{"$input": "/x"}, {"$from": "a", "path": "/b~1"}, {"$item": ""}]
        return chance.choice([*plain, *references])

    def instead() -> Any:
        return chance.choice([{"skip": True}, {"step": "b"}, {"output": value()}])

    def step(id: str) -> Any:
        how = ["==", "!=", "<", "<=", ">", ">=", "in", "not in"]
        looped = {"in": value(), "max": chance.randint(1, 100)}
        names = chance.sample(["Fog", "Storm", "Busy"], chance.randrange(3))
        common = {
            "id": id,
            "when": [
                {"left": value(), "is": chance.choice(how), "right": value()}
                for _ in range(chance.randrange(3))
            ],
            "for_each": maybe(looped),
            "on_error": {name: instead() for name in names},
            "after": chance.sample("xyz", chance.randrange(3)),
            "reason": chance.choice(["", "Why not.", "\x1b[2J"]),
            "timeout": maybe("5s", "1500ms", "1h"),
            "attempts": maybe(1, 20),
        }
        if chance.random() < 0.5:
            args = {name: value() for name in "pq"}
            return {**common, "tool": chance.choice(["Echo", "Lift"]), "args": args}
        composed = {
            "instruction": chance.choice(["Sum up.", '{"$from": "a"}']),
            "inputs": {"letters": value()},
            "output": chance.choice([SUMMARY, record(a=record(b={"type": ["string", "null"]}))]),
            "max_tokens": maybe(64, 32_000),
            "max_input_tokens": maybe(256, 500_000),
            "long": chance.choice(["refuse", "cut"]),
        }
        return {**common, "kind": "compose", **composed}

    steps = [step(id) for id in chance.sample("abcdef", chance.randint(1, 5))]
    return Plan.model_validate({"lockstep": "plan/1", "goal": "goal", "steps": steps})


@given(st.integers(0, 2**32))
@settings(max_examples=300)
def test_every_plan_has_a_draft(seed: int) -> None:
    """What a person may write a model may propose: folded and unfolded it is the plan it was, and
    the schema that models are held to takes it.
    """
    proposed = plans(seed)
    written = folded((step.model_dump(mode="json") for step in proposed.steps), ("a gap",))
    text = json.dumps(written.model_dump(mode="json"))
    document, gaps = unfold(text, "goal")
    assert (proposed, ("a gap",)) == (Plan.model_validate(document), gaps)
    assert TAKEN.is_valid(json.loads(text))


def test_what_is_not_used_is_not_in_the_plan() -> None:
    """A plan of plain calls has the digest that it had before there was more to say."""
    document, _ = unfold(draft(STEP), "goal")
    assert isinstance(document, dict)
    assert [
        {
            "id": "a",
            "kind": "tool",
            "tool": "Echo",
            "args": {"text": "hi"},
            "after": [],
            "reason": "Why not.",
        }
    ] == document["steps"]
    assert document == unfold(json.dumps({"steps": [STEP]}), "goal")[0]


def test_a_model_may_propose_what_a_person_may_write() -> None:
    """The office's own plan, said by a model, passes as it stands."""
    document, _ = unfold(json.dumps(folded(STEPS).model_dump(mode="json")), "")
    proposed = shaped(Plan, document, "plan")
    assert plan(READ, SUM, FILE).digest == proposed.digest
    assert () == check(proposed, world(), "ana").findings


# Whose words they are.


@pytest.mark.parametrize("literals", Trust)
def test_a_models_guard_is_worth_what_the_model_read(literals: Trust) -> None:
    """What it compares with decides over the step, as much as what it compares."""
    guarded = {**FILE, "args": {"text": {"$input": "/tone"}}}
    guarded["when"] = [{"left": {"$input": "/tone"}, "is": "==", "right": "plain"}]
    made = check(plan(guarded), world(), "ana", literals).decisions[-1]
    assert (literals is Trust.UNTRUSTED) == made.provenance.steered


@pytest.mark.parametrize("literals", Trust)
def test_a_models_instruction_is_worth_what_the_model_read(literals: Trust) -> None:
    """What is composed by it is no more trusted, however trusted its inputs are."""
    told = {**SUM, "inputs": {"tone": {"$input": "/tone"}}}
    made = {one.step: one.provenance for one in check(plan(told, FILE), world(), "ana", literals)
            .decisions}  # fmt: skip
    doubted = ("/instruction",) if literals is Trust.UNTRUSTED else ()
    assert doubted == made["sum"].untrusted
    assert (("/text",) if doubted else ()) == made["file"].untrusted
