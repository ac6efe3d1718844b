"""`lockstep check --batch` at the shell: a line a plan, a summary, one exit code for them all."""

import asyncio
import json
from pathlib import Path

import pytest

from tests.runs.command import lockstep
from tests.runs.yard import CRANE, TEST, plan, say, step, with_

pytestmark = pytest.mark.asyncio(loop_scope="session")

HERE = ["--env", TEST, "--agent", str(CRANE)]
GOOD = json.dumps(plan(say()))
DENIED = json.dumps(
    plan(say(), with_(step("lift", "Remove", ledger="a", load="engine"), after=["hello"]))
)
LINES = [GOOD, "", DENIED, "{", '{"lockstep": "plan/1", "steps": 1}', "[" * 100, "\x1b[31m", GOOD]


async def test_every_line_has_a_result_and_all_are_counted(
    surroundings: Path, tmp_path: Path
) -> None:
    """Whatever stands on a line; and 3, since some are rejected."""
    file = tmp_path / "plans.jsonl"
    file.write_text("\n".join(LINES))
    human, machine = await asyncio.gather(
        lockstep("check", "--batch", str(file), *HERE),
        lockstep("check", "--batch", str(file), *HERE, "--format", "json"),
    )
    assert (3, 3, "", "") == (human.code, machine.code, human.err, machine.err)
    shown = human.out.splitlines()
    assert "     1  passed    1 step" == shown[0]
    assert shown[1].startswith("     3  rejected  LS-POLICY-002 step `lift`: Remove(`engine`) is")
    assert "7 plans: 2 passed, 5 rejected" == shown[7]
    assert "     1  LS-POLICY-002  policy denies the step" in shown
    *lines, last = [json.loads(line) for line in machine.out.splitlines()]
    assert [1, 3, 4, 5, 6, 7, 8] == [line["line"] for line in lines]
    assert [True, False, False, False, False, False, True] == [line["passed"] for line in lines]
    assert {"hello": "ALLOW", "lift": "DENY"} == lines[1]["outcomes"]
    assert {
        "plans": 7,
        "passed": 2,
        "rejected": 5,
        "codes": {"LS-LOAD-002": 2, "LS-LOAD-004": 1, "LS-LOAD-007": 1, "LS-POLICY-002": 1},
    } == last["summary"]


async def test_plans_that_all_pass_exit_with_0(surroundings: Path, tmp_path: Path) -> None:
    """From a file that lies in the agent's own folder or from anywhere else."""
    file = tmp_path / "plans.jsonl"
    file.write_text(f"{GOOD}\n{GOOD}\n")
    said = await lockstep("check", "--batch", str(file), *HERE)
    assert (0, "2 plans: 2 passed, 0 rejected") == (said.code, said.out.splitlines()[-1])


async def test_what_is_no_batch_is_an_error_of_use(surroundings: Path, tmp_path: Path) -> None:
    """No file, nothing in it, a plan beside it, neither; standard input that is closed."""
    empty, one = tmp_path / "empty.jsonl", tmp_path / "one.json"
    empty.write_text("\n \n")
    one.write_text(GOOD)
    for arguments, code in (
        (("--batch", str(tmp_path / "nowhere")), "LS-LOAD-001"),
        (("--batch", str(tmp_path)), "LS-LOAD-001"),
        (("--batch", str(empty)), "LS-CLI-001"),
        (("--batch", "-"), "LS-CLI-001"),
        ((str(one), "--batch", str(one)), "LS-CLI-001"),
        ((), "LS-CLI-001"),
    ):
        said = await lockstep("check", *arguments, *HERE)
        assert (2, "", code) == (said.code, said.out, said.err.split()[0]), said
