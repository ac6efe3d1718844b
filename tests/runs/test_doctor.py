"""What `lockstep doctor` promises to whoever has it looked at by a machine: exit 1 if it is bad."""

import asyncio
import re
import shutil
from pathlib import Path

import pytest

from tests.runs.command import Said, lockstep
from tests.runs.yard import ROOT

pytestmark = pytest.mark.asyncio(loop_scope="session")

EXAMPLE = ROOT / "examples" / "cluster_digest"
NOBODY = "127.0.0.1:1"


def checks(said: Said) -> dict[str, tuple[bool, str]]:
    return {one["name"]: (one["ok"], one["says"]) for one in said.json}


async def test_of_one_environment_nothing_of_the_others_is_looked_at(tmp_path: Path) -> None:
    """A machine that serves one of them is well while another has drifted."""
    agent = tmp_path / "agent"
    shutil.copytree(EXAMPLE, agent)
    manifest = agent / "environments" / "prod.toml"
    manifest.write_text(re.sub(r"^steps = \d+$", "steps = 11", manifest.read_text(), flags=re.M))
    looked = ["doctor", "--agent", str(agent), "--format", "json"]
    sandbox, prod, slip = await asyncio.gather(
        lockstep(*looked, "--env", "sandbox", home=tmp_path / "a"),
        lockstep(*looked, "--env", "prod", home=tmp_path / "b"),
        lockstep(*looked, "--env", "prdo", home=tmp_path / "d"),
    )

    assert [0, 1, 1] == [one.code for one in (sandbox, prod, slip)]
    assert (True, "cluster_digest: sandbox") == checks(sandbox)["agent"]
    locks = [one["says"] for one in sandbox.json if one["name"] == "lock"]
    assert ["weekly.sandbox.lock.json: nothing has drifted"] == locks
    assert "limits.steps" in checks(prod)["lock"][1]
    assert "LS-ENV-001" in checks(slip)["agent"][1]


async def test_a_server_that_is_named_and_does_not_answer_is_bad(tmp_path: Path) -> None:
    """And no embedded one is missed beside it: a worker's image has none."""
    said = await lockstep(
        *("doctor", "--agent", str(EXAMPLE), "--env", "sandbox", "--format", "json"),
        home=tmp_path / "home",
        TEMPORAL_ADDRESS=NOBODY,
    )

    assert 1 == said.code
    assert (True, "not needed: Temporal's own settings name a server") == (
        checks(said)["embedded server"]
    )
    ok, says = checks(said)["Temporal"]
    assert not ok
    assert NOBODY in says
