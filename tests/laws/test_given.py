"""A script that is given the wrong file says so in a line and exits 2; it shows no traceback."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks import real_plans, recorded_attacks, repairs

PLAN = {"task_nodes": [{"task": "Draw", "arguments": ["a cat"]}]}
NODES = {"nodes": [{"id": "Draw", "input-type": ["text"], "output-type": ["image"]}]}


BAD: dict[str, Callable[[Path], object]] = {
    "missing": lambda path: None,
    "a folder": lambda path: path.mkdir(),
    "empty": lambda path: path.write_bytes(b""),
    "blank": lambda path: path.write_bytes(b"\n \n"),
    "no text": lambda path: path.write_bytes(bytes(range(256))),
    "no JSON": lambda path: path.write_text("{"),
    "deep": lambda path: path.write_text("[" * 100_000),
    "a number": lambda path: path.write_text("7"),
    "null": lambda path: path.write_text("null"),
    "a list": lambda path: path.write_text("[[1]]"),
    "other things": lambda path: path.write_text(json.dumps({"task_nodes": [{"task": 7}]})),
    "half": lambda path: path.write_bytes(gzip.compress(b"x" * 100_000)[:50]),
}


@pytest.mark.parametrize("form", ["taskbench", "nestful", "bfcl", "repairs", "attacks"])
@pytest.mark.parametrize("bad", [*BAD, *(f"{name}.gz" for name in BAD)])
def test_what_cannot_be_read_is_told_in_a_line(
    form: str,
    bad: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Whatever is wrong with a file: which one, and what."""
    path = tmp_path / f"given {bad}"
    BAD[bad.removesuffix(".gz")](path)
    match form:
        case "repairs":
            code = repairs.main([str(path)])
        case "attacks":
            code = recorded_attacks.main([str(path)])
        case _:
            code = real_plans.main([form, str(path)])
    said = capsys.readouterr()
    assert (2, "", 1) == (code, said.out, said.err.count("\n")), said
    assert str(path) in said.err
    assert len(said.err) < 400 + len(str(path))


def test_an_unknown_kind_and_no_plans_are_usage(capsys: pytest.CaptureFixture[str]) -> None:
    """The parser of arguments says which there are."""
    for arguments in (["bench", "x"], ["bfcl"], ["bfcl", "x", "--limit", "0"]):
        with pytest.raises(SystemExit) as ended:
            real_plans.main(arguments)
        assert 2 == ended.value.code
    assert "nestful" in capsys.readouterr().err


def test_fewer_rejected_plans_than_are_sampled_are_all_taken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And none rejected is nothing to repair."""
    tools, plans = tmp_path / "tools.json", tmp_path / "plans.json"
    tools.write_text(json.dumps(NODES))
    plans.write_text(json.dumps(PLAN))
    assert 2 == repairs.main([str(tools), str(plans)])
    assert "nothing to repair" in capsys.readouterr().err
    plans.write_text(json.dumps({"task_nodes": [{"task": "Drew", "arguments": ["a cat"]}]}))
    assert 0 == repairs.main([str(tools), str(plans)])
    assert 1 == json.loads(capsys.readouterr().out)["passing"]
