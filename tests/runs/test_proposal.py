"""What a model proposes with all that a plan can say, from the goal to the last filed letter."""

from pathlib import Path

import pytest

from lockstep.amount import Amount
from lockstep.compose import COMPOSE
from lockstep.lock import Lock
from lockstep.statement import Proposed
from tests.effects.asking import billed
from tests.laws.office import FILE, READ, SUM, Json, frozen
from tests.runs.command import lockstep
from tests.runs.office import scene
from tests.runs.test_compose import clerk, filed, working
from tests.runs.yard import Yard
from worker.standin.server import standin

pytestmark = pytest.mark.asyncio(loop_scope="session")

EACH: Json = {
    **SUM,
    "instruction": "Sum up the letter in one sentence.",
    "inputs": {"letter": {"$item": ""}},
    "for_each": {"in": {"$from": "read", "path": "/texts"}, "max": 5},
    "on_error": {"ComposeRefused": {"output": {"summary": "not summed up", "urgency": "low"}}},
    "max_tokens": 200,
    "reason": "Nobody reads every letter.",
}
KEPT: Json = {
    **FILE,
    "args": {"text": {"$item": "/summary"}},
    "for_each": {"in": {"$from": "sum"}, "max": 5},
    "when": [{"left": {"$from": "read", "path": "/first"}, "is": "!=", "right": ""}],
    "attempts": 1,
}
NEVER: Json = {
    **FILE,
    "id": "alarm",
    "args": {"text": "fire"},
    "when": [{"left": {"$from": "read", "path": "/first"}, "is": "in", "right": ["fire"]}],
}
STEPS = (READ, EACH, KEPT, NEVER)
FITS: Json = {"json": {"summary": "a letter came", "urgency": "low"}}


async def test_a_model_proposes_a_loop_a_guard_a_fallback_and_a_compose_step(
    yard: Yard, tmp_path: Path
) -> None:
    """First with a guard about a step that is not there, which it is told of; then as a person
    would have written it. What is locked is what would have been by hand, and what runs does all
    of it: one letter summed up, one refused and provided for, both filed, no alarm.
    """
    lost: Json = {
        "steps": [{"id": "read", "tool": "ReadLetters", "args_json": "{}"}],
        "guards": [{"step": "raed", "left_json": "1", "is": "==", "right_json": "1"}],
    }
    scenes = [
        scene("file the letters", {"json": lost}, {"proposal": {"steps": [*STEPS]}}),
        # Whoever is asked about the second letter: both of the office's models refuse.
        {"when": {"contains": "new 1"}, "answers": [{"refusal": "bio"}]},
        {"when": {"contains": "Sum up the letter"}, "answers": [FITS]},
    ]
    with standin({"lockstep": "standin/1", "scenes": scenes}) as model:
        office = clerk(yard, tmp_path, "test")
        async with working(office, model):
            root = str(office.package.root)
            said = await lockstep(
                "plan", "file the letters", "--env", "test", "--agent", root, "--as", "ana"
            )
            assert 0 == said.code, said
            planned = len(model.ledger)
            (path,) = (office.package.root / "plans").glob("*.lock.json")
            lock = Lock.model_validate_json(path.read_text())
            ended = await office.ended(await office.start(lock))

    assert "there is no step `raed`; did you mean `read`?" in model.ledger[1].last_message
    for line in (
        "gives summary, urgency",
        "for each of read/texts (at most 5)",
        "on ComposeRefused: a given output",
        'when read/first != ""',
        'when read/first in ["fire"]',
        '"Nobody reads every letter."',
    ):
        assert line in said.out, said.out

    (proposed,) = lock.statements
    assert isinstance(proposed, Proposed)
    assert (2, 2) == (planned, proposed.planner.bill.calls if proposed.planner else 0)
    by_hand = frozen(*STEPS, here=office.world)
    assert by_hand.steps == lock.body.steps

    assert ("completed", ("alarm",)) == (ended.result.status, ended.result.skipped)
    assert ["low a letter came", "low not summed up"] == sorted(filed(tmp_path))
    composed = [billed(entry).amount for entry in model.ledger[planned:]]
    # A refusal of each of the two models, and one answer; a call of a tool for each letter's file.
    assert (3, sum(composed, Amount(calls=3))) == (len(composed), ended.result.spent)
    (asked,) = [what for what in ended.of("step.completed", "sum") if what.composed]
    assert "claude-sonnet-5-5" == asked.composed.model
    decided = ended.of("step.decided", "file")[0].decision.provenance
    assert ((COMPOSE, "ReadLetters"), ("/text",)) == (decided.sources, decided.untrusted)
