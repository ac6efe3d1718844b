"""`lockstep check --fix` at the shell: the file is mended, the difference shown, and judged."""

import json
from pathlib import Path

import pytest

from tests.runs.command import lockstep
from tests.runs.yard import CRANE, TEST, plan, say, step

pytestmark = pytest.mark.asyncio(loop_scope="session")

HERE = ["--env", TEST, "--agent", str(CRANE)]


async def test_a_missing_edge_is_written_and_the_plan_passes(
    surroundings: Path, tmp_path: Path
) -> None:
    """3 before and 0 after, with what was written told to people and to programs."""
    path = tmp_path / "moving.json"
    lift = step("lift", "Remove", ledger="a", load="rubble")
    path.write_text(json.dumps(plan(say(), lift), indent=1))
    said = await lockstep("check", str(path), *HERE, "--format", "json")
    (found,) = [one for one in said.json["findings"] if one["code"] == "LS-RULE-001"]
    assert (3, [{"step": "lift", "after": "hello"}]) == (said.code, found["edges"])
    assert "fixed" not in said.json
    fixed = await lockstep("check", str(path), *HERE, "--fix")
    assert (0, "") == (fixed.code, fixed.err)
    assert '\n+   "after": ["hello"]\n' in fixed.out
    assert "fixed: 1 edge added" in fixed.out
    again = await lockstep("check", str(path), *HERE, "--fix", "--format", "json")
    assert (0, [], True) == (again.code, again.json["fixed"], again.json["passed"])
    batch = await lockstep("check", "--batch", str(path), "--fix", *HERE)
    assert (2, "LS-CLI-001") == (batch.code, batch.err.split()[0])
