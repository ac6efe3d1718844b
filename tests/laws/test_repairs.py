"""The text of the findings is enough: a hand that reads nothing else repairs what was rejected."""

import json
import os
from pathlib import Path

import pytest

from benchmarks import repairs
from benchmarks.real_plans import world
from benchmarks.recorded import taskbench
from benchmarks.recorded.case import Names

# Read now: other tests take such variables out of the environment.
CASES = Path(os.environ.get("LOCKSTEP_CASES", Path(__file__).parents[3] / "shared" / "cases"))

NODES = {
    "nodes": [
        {"id": "Look", "input-type": ["image"], "output-type": ["text"]},
        {"id": "Draw", "input-type": ["text"], "output-type": ["image"]},
        {"id": "Blend", "input-type": ["image", "text"], "output-type": ["image"]},
    ]
}
PLANS = {
    "a tool that is not there": [{"task": "Paint", "arguments": ["a cat"]}],
    "a tool like no other": [{"task": "Xyz", "arguments": ["a cat"]}],
    "nothing given": [{"task": "Blend", "arguments": []}],
    "one too many": [{"task": "Draw", "arguments": ["a cat", "a dog"]}],
    "of the wrong kind": [{"task": "Look", "arguments": ["a.wav"]}],
    "words for an image": [{"task": "Look", "arguments": ["a cat"]}],
    "itself": [{"task": "Draw", "arguments": ["<node-0>"]}],
    "a step that is not there": [{"task": "Draw", "arguments": ["<node-4>"]}],
    "a field of a text": [
        {"task": "Look", "arguments": ["a.jpg"]},
        {"task": "Draw", "arguments": ["<node-0>.words"]},
    ],
    "a ring": [
        {"task": "Draw", "arguments": ["<node-1>"]},
        {"task": "Look", "arguments": ["<node-0>"]},
    ],
}


@pytest.mark.parametrize("name", PLANS)
def test_each_kind_of_defect_can_be_repaired_from_its_line(name: str, tmp_path: Path) -> None:
    """Whatever is wrong, the lines that go back to the model say enough to put it right."""
    files = [tmp_path / "nodes.json", tmp_path / "plans.json"]
    files[0].write_text(json.dumps(NODES))
    files[1].write_text(json.dumps({"task_nodes": PLANS[name]}))
    (case,) = taskbench.read(files)
    names = Names()

    made = repairs.repaired(case, world(case, names), names)

    assert made.rounds, "the plan was not rejected"
    assert made.passes, made.rounds[-1]


@pytest.mark.skipif(not CASES.is_dir(), reason="the recorded plans are not here")
def test_twenty_recorded_plans_are_repaired_from_their_findings() -> None:
    """Drawn by a fixed seed from what the checker rejects of real models' plans."""
    folder = CASES / "taskbench"
    files = [
        folder / "data/huggingface/graph_desc.json",
        *sorted(folder.glob("prediction/huggingface/*/direct.json")),
    ]
    made = [repairs.repaired(*one) for one in repairs.sampled(files)]

    assert [] == [one.id for one in made if not one.passes]
    assert repairs.SAMPLED == len({one.id for one in made})
