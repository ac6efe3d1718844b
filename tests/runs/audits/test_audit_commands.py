"""The commands that export, verify, report and list, as a user types them."""

import json
from pathlib import Path

import pytest

from tests.runs.audits.bundles import Exported
from tests.runs.command import lockstep
from tests.runs.yard import Yard, say, step, with_
from worker.audits.bundle import Bundle
from worker.runs import result

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_the_commands_export_verify_and_report(
    yard: Yard, exported: Exported, tmp_path: Path
) -> None:
    """As a user types them; a bundle is verified with no home and no server; what is there already
    is not written over, and a run under way has nothing to audit.
    """
    target, home = tmp_path / "out", yard.home.root
    said = await lockstep("audit", "export", exported.run, str(target), "--format=json", home=home)
    assert (0, exported.head) == (said.code, said.json["head"])
    assert Bundle.open(exported.folder).sums_digest == said.json["sums"]
    twice = await lockstep("audit", "export", exported.run, str(target), home=home)
    assert (2, True) == (twice.code, "LS-AUDIT-008" in twice.err)

    alone = tmp_path / "alone"
    verify = ("audit", "verify", str(target), "--head", exported.head)
    told = await lockstep(*verify, home=alone, TEMPORAL_ADDRESS="127.0.0.1:1")
    assert (0, True) == (told.code, told.out.startswith(f"holds {exported.run}: completed"))
    other = await lockstep("audit", "verify", str(target), "--head", "sha256:" + "1" * 64)
    assert (3, True) == (other.code, "LS-AUDIT-010" in other.out)

    page = await lockstep(
        "audit", "report", str(target), "--markdown", home=alone, TEMPORAL_ADDRESS="127.0.0.1:1"
    )
    assert 0 == page.code
    assert "approve by ben" in page.out
    assert r"\[gone\](https:\//evil.example) \<img src=x\> \\x1b\[2J \# no" in page.out
    here = await lockstep("audit", "report", exported.run, "--format=json", home=home)
    assert (
        json.loads(here.out)["answers"]
        == json.loads(
            (await lockstep("audit", "report", str(target), "--format=json", home=alone)).out
        )["answers"]
    )

    review = await lockstep("audit", "list", "--format=json", home=home)
    row = next(one for one in review.json if one["run"] == exported.run)
    assert {"approve": 1, "edit": 1} == row["answers"]
    assert ("completed", True, exported.head) == (row["ended"], row["mocked"], row["head"])
    assert (1, 1, 0) == (row["denied"], row["waited"], row["findings"])

    waiting = await yard.start(
        yard.lock(say(), with_(step("take", "Remove", ledger="x", load="beam"), after=["hello"]))
    )
    await yard.question(waiting)
    soon = await lockstep("audit", "export", waiting.id, str(tmp_path / "w"), home=home)
    assert (2, True) == (soon.code, "LS-AUDIT-009" in soon.err)
    await waiting.terminate()
    cut = await lockstep("audit", "report", waiting.id, "--format=json", home=home)
    assert (0, "terminated") == (cut.code, cut.json["ended"])
    assert any("returned nothing" in note for note in cut.json["notes"])
    assert (await result(waiting)) is not None
