"""What a bundle promises: it says what happened, and holds by itself."""

from pathlib import Path

import pytest

from activities.store import FolderStore
from lockstep.bundle import SIGNATURE
from tests.runs.audits.bundles import Exported, checked, look
from tests.runs.yard import CANARY
from worker.audits.audit import bundled
from worker.audits.bundle import Bundle, write_bundle

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_bundle_holds_by_itself_and_tells_what_happened(exported: Exported) -> None:
    """Every call with its decision, who said yes and who wrote arguments, what a mock answered."""
    found = await checked(exported.folder, exported.head)
    assert ((), (), True) == (found.findings, found.notes, found.head_kept)
    assert ("completed", exported.head, "ana") == (found.ended, found.head, found.started_by)
    made = {one.step: one for one in found.made}
    assert {"hello", "name", "take.2", "cut.2", "told"} == made.keys()
    assert {"ALLOW"} == {one.outcome for one in found.made}
    assert ("crane.removal-review by ben",) == made["take.2"].approved
    assert ("ana", "") == (made["cut.2"].edited_by, made["take.2"].edited_by)
    assert [("told", True)] == [(one.step, one.mocked) for one in found.made if one.mocked]
    assert all(one.given for one in found.made), found.made
    assert ["REQUIRE_APPROVAL", "DENY"] == [
        one.outcome for one in found.calls if one.end == "held back"
    ]
    assert [("take.1", "approve", "ben"), ("cut.1", "edit", "ana")] == [
        (one.question, one.end, one.by) for one in found.answers
    ]


async def test_the_same_run_gives_the_same_bytes(exported: Exported, tmp_path: Path) -> None:
    """Exported twice, with one digest for all of it; and no secret is in any file."""
    store = FolderStore(exported.values)
    files = bundled(exported.past, store, look(exported.past, exported.values), values=True)
    again = write_bundle(tmp_path / "again", files)
    assert Bundle.open(exported.folder).sums_digest == again
    for path in exported.folder.rglob("*"):
        assert path.is_dir() or CANARY.encode() not in path.read_bytes(), path


async def test_values_may_stay_outside(exported: Exported, tmp_path: Path) -> None:
    """The bundle is as good without them: it says that they are known by their digests."""
    store = FolderStore(exported.values)
    files = bundled(exported.past, store, look(exported.past, exported.values), values=False)
    write_bundle(tmp_path / "bare", files)
    found = await checked(tmp_path / "bare", exported.head)
    assert ((), True) == (found.findings, found.head_kept)
    assert any("values are known by their digests alone" in note for note in found.notes)
    assert not (tmp_path / "bare" / "values").exists()


async def test_a_signature_beside_the_sums_is_no_stranger(copy: Path) -> None:
    """As `ssh-keygen -Y sign` writes it."""
    (copy / SIGNATURE).write_text("-----BEGIN SSH SIGNATURE-----\n")
    assert () == (await checked(copy)).findings
