"""Real plans in other people's forms, read twice: made ones of the same forms here, and the
recorded ones where `LOCKSTEP_CASES` says that they are.
"""

import gzip
import json
import os
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from benchmarks import real_plans
from benchmarks.recorded.case import CLASSES, Names

# Read now: other tests take such variables out of the environment.
CASES = Path(os.environ.get("LOCKSTEP_CASES", Path(__file__).parents[3] / "shared" / "cases"))

Json = dict[str, Any]

NODES = {
    "nodes": [
        {"id": "Look At", "input-type": ["image"], "output-type": ["text"]},
        {"id": "Look-At", "input-type": ["image", "text"], "output-type": ["text"]},
        {"id": "Draw", "input-type": ["text"], "output-type": ["image"]},
        {"id": "Compare", "input-type": ["text", "text"], "output-type": []},
    ]
}
TASKBENCH: list[tuple[list[Json], set[str]]] = [
    ([{"task": "Look At", "arguments": ["a.jpg"]}], set()),
    ([{"task": "Look-At", "arguments": ["what is it?", "a.jpg"]}], set()),
    ([{"task": "Look_At", "arguments": ["a.jpg"]}], {"unknown_tool"}),
    ([{"task": "Draw"}], {"missing_argument"}),
    ([{"task": "Draw", "arguments": ["a cat", "a dog"]}], {"unknown_argument"}),
    ([{"task": "Look At", "arguments": ["a.wav"]}], {"mistyped_argument"}),
    ([{"task": "Draw", "arguments": ["<node-0>"]}], {"self_reference", "mistyped_argument"}),
    (
        [
            {"task": "Draw", "arguments": [{"name": "input", "value": "<node-1>"}]},
            {"task": "Look At", "arguments": ["a.jpg"]},
        ],
        {"forward_reference"},
    ),
    ([{"task": "Draw", "arguments": ["<node-7>"]}], {"dangling_reference"}),
    (
        [
            {"task": "Look At", "arguments": ["a.jpg"]},
            {"task": "Draw", "arguments": ["<node-0>.label"]},
        ],
        {"dangling_reference"},
    ),
    (
        [
            {"task": "Draw", "arguments": ["a cat"]},
            {"task": "Compare", "arguments": ["<node-0>", "the picture <node-0> of a cat"]},
        ],
        {"mistyped_argument"},
    ),
]

SPECS = [
    {
        "name": "Find Place",
        "query_parameters": {
            "query": {"type": "String", "required": True},
            "limit": {"type": "number"},
        },
        "output_parameters": {
            "id": {"type": "string"},
            "at": {"type": "Object", "properties": {"x": {"type": "Number"}}},
            "names": {"type": "Array", "items": {"type": "object", "properties": {"en": {}}}},
            "odd": {"type": "object", "properties": "see the manual"},
        },
    },
    {
        "name": "Weather",
        "path_parameters": {"place": {"type": "string", "required": True}},
        "output_parameters": {"rain": {"type": "Boolean"}},
    },
]


def then(place: str, label: str = "var1", **args: Any) -> list[Json]:
    find = {"name": "Find Place", "arguments": {"query": "Oslo", **args}, "label": label}
    ask = {"name": "Weather", "arguments": {"place": place}, "label": "var2"}
    return [find, ask, {"name": "var_result", "arguments": {"rain": "$var2.rain$"}}]


NESTFUL: list[tuple[list[Json], set[str]]] = [
    (then("$var1.id$", limit=3), set()),
    (then("$var1.names[0].en$"), set()),
    (then("$var1.odd.anything$"), set()),
    (then("near $var1.at.x$"), set()),
    (then("$var1.at.x$"), {"mistyped_argument"}),
    (then("$var1.names.en$"), {"dangling_reference"}),
    (then("$var1.code$"), {"dangling_reference"}),
    (then("$var9.id$"), {"dangling_reference"}),
    (then("$var2.rain$"), {"self_reference", "mistyped_argument"}),
    ([*reversed(then("$var1.id$")[:2])], {"forward_reference"}),
    (then("$var1.id$", limit="3"), {"mistyped_argument"}),
    (then("$var1.id$", zoom=3), {"unknown_argument"}),
    ([{"name": "Weather", "arguments": {}}], {"missing_argument"}),
    ([{"name": "weather", "arguments": {"place": "Oslo"}}], {"unknown_tool"}),
]

PROMPT = {
    "id": "p",
    "question": "?",
    "function": {
        "name": "geo.area",
        "parameters": {
            "type": "dict",
            "properties": {
                "sides": {"type": "array", "items": {"type": "float"}},
                "unit": {"type": "string", "enum": ["m"]},
                "more": {"type": "dict", "properties": {"n": {"type": "integer"}}},
                "any": {"type": "any"},
            },
            "required": ["sides"],
        },
    },
}
BFCL: list[tuple[Any, set[str] | None]] = [
    ([{"geo.area": '{"sides": [1, 2.5], "unit": "km"}'}], set()),
    ([{"geo_area": {"sides": [], "more": {"n": 3.0, "else": 1}, "any": None}}], set()),
    ('{"tool_calls": [{"name": "geo.area", "arguments": {"sides": 3}}]}', {"mistyped_argument"}),
    ([{"geo.area": {"sides": [1], "more": {"n": "3"}}}], {"mistyped_argument"}),
    ([{"geo.area": {"unit": "m"}}], {"missing_argument"}),
    ([{"geo.area": {"sides": [1], "height": 2}}], {"unknown_argument"}),
    ([{"geo.volume": {}}], {"unknown_tool"}),
    ("I would call geo.area", None),
    ([{"geo.area": "{"}], None),
]


def told(kind: str, files: list[Path]) -> list[tuple[set[str], set[str]]]:
    """Of each plan what the scan found and what the checker did."""
    found = []
    for case in real_plans.KINDS[kind](files):
        names = Names()
        findings = real_plans.judged(case, real_plans.world(case, names), names)
        assert all(map(real_plans.names_its_place, findings))
        found.append((set(case.scanned), {real_plans.classed(one) for one in findings}))
    return found


def written(path: Path, *rows: Any) -> Path:
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


def test_taskbench_is_read_as_it_is_meant(tmp_path: Path) -> None:
    """Arguments by their kind, numbers of nodes as references, and names that differ by a dash."""
    tools = written(tmp_path / "tools.json", NODES)
    plans = written(tmp_path / "plans.json", *({"task_nodes": plan} for plan, _ in TASKBENCH))
    assert [(wrong, wrong) for _, wrong in TASKBENCH] == told("taskbench", [plans, tools])


def test_nestful_is_read_as_it_is_meant(tmp_path: Path) -> None:
    """Labels and paths as references, formulas as text, types however they are written."""
    tools = written(tmp_path / "spec.json", SPECS)
    plans = written(tmp_path / "data.json", [{"output": plan} for plan, _ in NESTFUL])
    assert [(wrong, wrong) for _, wrong in NESTFUL] == told("nestful", [tools, plans])


def test_bfcl_is_read_as_it_is_meant(tmp_path: Path) -> None:
    """Three ways to write a call, and text that is none; values beyond types are not looked at."""
    prompts, answers = tmp_path / "prompts.jsonl.gz", tmp_path / "answers.jsonl"
    prompts.write_bytes(gzip.compress(json.dumps(PROMPT).encode()))
    rows = [[f"m{number:02}", "p", answer, None] for number, (answer, _) in enumerate(BFCL)]
    written(answers, *rows)
    expected = [(wrong, wrong) for _, wrong in BFCL if wrong is not None]
    assert expected == told("bfcl", [prompts, answers])


def test_a_form_says_what_else_it_saw(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line of JSON: a plan whose numbers would be right counted from 1 is wrong, and noted."""
    plan = [
        {"task": "Look At", "arguments": ["a.jpg"]},
        {"task": "Draw", "arguments": ["<node-1>"]},
    ]
    tools = written(tmp_path / "tools.json", NODES)
    plans = written(tmp_path / "plans.json", {"task_nodes": plan}, {"task_nodes": plan[:1]})
    assert 0 == real_plans.main(["taskbench", str(tools), str(plans)])
    said = json.loads(capsys.readouterr().out)
    assert (2, 1, 0) == (said["plans"], said["rejected"], said["exceptions"])
    assert {"right_if_counted_from_1": 1} == said["notes"]
    assert said["findings"] == said["findings_that_name_step_and_field"]
    seen = {side: said["classes"]["self_reference"][side] for side in ("both", "only_ours")}
    assert {"both": 1, "only_ours": 0} == seen


RECORDED = {
    "taskbench": (
        "taskbench/data/huggingface/tool_desc.json",
        "taskbench/prediction/huggingface/mistral-7b/direct.json",
    ),
    "nestful": (
        "nestful/data/executable/executable-spec.json",
        "nestful/data/executable/executable-data.json",
    ),
    "bfcl": ("bfcl/prompts.jsonl.gz", "bfcl/results.jsonl.gz"),
}


@pytest.mark.parametrize("kind", RECORDED)
def test_the_checker_and_the_scan_agree_on_recorded_plans(kind: str) -> None:
    """No exception, every finding in its place, and no class of defects that only one has seen,
    but for what stands in an argument that no tool takes.
    """
    folder = CASES
    files = [folder / name for name in RECORDED[kind]]
    if not all(file.is_file() for file in files):
        pytest.skip("LOCKSTEP_CASES names no folder with the recorded plans")
    cases = real_plans.KINDS[kind](files)
    found = real_plans.compared(islice(cases, 300))
    assert (0, []) == (found["exceptions"], found["nameless_examples"])
    assert found["valid_rejected_percent"] < 0.2 if kind == "bfcl" else found["rejected"] > 0
    assert {*CLASSES} == {*found["classes"]}
    for name, sides in found["classes"].items():
        assert 0 == sides["only_ours"], name
        assert sides["only_independent"] <= (3 if name == "dangling_reference" else 0), name
