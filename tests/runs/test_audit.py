"""What an audit promises: a run's bundle says what happened, holds by itself, and shows what was
changed in it.
"""

import asyncio
import base64
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from temporalio.client import WorkflowHistory

from activities.store import FolderStore
from lockstep.audited import Audited
from lockstep.bundle import ABOUT, EVENTS, HISTORY, SIGNATURE, SUMS, write_sums
from lockstep.canonical import Digest, digest, digest_bytes
from lockstep.errors import LockstepError
from lockstep.escalation import Verdict
from lockstep.lock import Body, Lock
from tests.runs.command import lockstep
from tests.runs.test_mocked_world import mocked
from tests.runs.yard import CANARY, Yard, say, step, with_
from worker.audits.audit import bundled, verified
from worker.audits.bundle import Bundle, write_bundle
from worker.audits.evidence import Evidence
from worker.audits.review import reviewed
from worker.cli.audit_page import markdown
from worker.cli.beside import first_of, looking
from worker.records.saved import parsed
from worker.runs import result

pytestmark = pytest.mark.asyncio(loop_scope="session")

HOSTILE = "[gone](https://evil.example) <img src=x> \x1b[2J # no"


@dataclass(frozen=True)
class Exported:
    """A run in which somebody said yes, arguments were edited after a denial, and a mock
    answered.
    """

    run: str
    head: Digest
    folder: Path
    past: Evidence
    values: Path


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def exported(yard: Yard, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    folder = tmp_path_factory.mktemp("audit")
    book = yard.book()
    binding = ('[tools.Write]\nendpoint = "${LEDGERS}"', '[tools.Write]\nmock = "wrote.json"')
    async with yard.other(folder, mocked(binding)) as here, here.worker():
        take = with_(step("take", "Remove", ledger=book.name, load="beam"), after=["hello"])
        cut = with_(
            step("cut", "Remove", ledger=book.name, load={"$from": "name", "path": "/text"}),
            after=["take"],
            reason="it is heavy",
        )
        told = step("told", "Write", ledger=book.name, text="done")
        lock = here.lock(say(), say("name", "engine"), take, cut, told)
        handle = await here.start(lock)
        await here.answer(handle, await here.question(handle), Verdict.APPROVE, "ben", note=HOSTILE)
        rest = await here.question(handle)
        while rest.step != "cut":
            rest = await here.question(handle)
        args = {"ledger": book.name, "load": "rubble"}
        await here.answer(handle, rest, Verdict.EDIT, args=args)
        ended = await here.ended(handle)
        assert "completed" == ended.result.status, ended.result
        assert ["removed beam", "removed rubble"] == book.lines
        past = await Evidence.of(ended.history)
    store, target = FolderStore(yard.home.values), folder / "bundle"
    write_bundle(target, bundled(past, store, look(past, yard.home.values), values=True))
    return Exported(handle.id, ended.result.head, target, past, yard.home.values)


def look(past: Evidence, values: Path) -> Callable[[Digest], bytes | None]:
    return first_of(*(looking(None, lock, values)[0] for lock in past.trail.locks))


async def checked(folder: Path, head: Digest | None = None) -> Audited:
    return await verified(Bundle.open(folder), head)


def codes(found: Audited) -> set[str]:
    return {one.code for one in found.findings}


def summed(folder: Path) -> None:
    """The sums as whoever changed something would write them anew."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != SUMS]
    sums = {str(path.relative_to(folder)): digest_bytes(path.read_bytes()) for path in files}
    (folder / SUMS).write_text(write_sums(sums))


@pytest.fixture
def copy(exported: Exported, tmp_path: Path) -> Path:
    """A copy of the bundle, to be changed."""
    return Path(shutil.copytree(exported.folder, tmp_path / "copy"))


def change_json(path: Path, change: Callable[[Any], None]) -> None:
    value = json.loads(path.read_text())
    change(value)
    path.write_text(json.dumps(value, indent=2) + "\n")


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


def _event(copy: Path) -> str:
    lines = (copy / EVENTS).read_text().splitlines(keepends=True)
    lines[0] = lines[0].replace('"ana"', '"eve"')
    (copy / EVENTS).write_text("".join(lines))
    return "LS-AUDIT-002"


def _dropped(copy: Path) -> str:
    lines = (copy / EVENTS).read_text().splitlines(keepends=True)
    (copy / EVENTS).write_text("".join(lines[:-1]))
    return "LS-AUDIT-002"


def _swapped(copy: Path) -> str:
    lines = (copy / EVENTS).read_text().splitlines(keepends=True)
    lines[4], lines[5] = lines[5], lines[4]
    (copy / EVENTS).write_text("".join(lines))
    return "LS-AUDIT-002"


def _lock(copy: Path) -> str:
    def change(lock: Any) -> None:
        lock["body"]["limits"]["calls"] = 1999
        body = Lock.model_validate({**lock, "digest": _digest_of(lock["body"])})
        lock["digest"] = body.digest

    change_json(copy / "lock.json", change)
    return "LS-AUDIT-002"


def _digest_of(body: Any) -> str:
    return digest(Body.model_validate(body).model_dump(mode="json"))


def _policy(copy: Path) -> str:
    def change(pins: Any) -> None:
        pins["policy"]["approvals.cedar"] = ["// nobody is asked\n"]

    change_json(copy / "pins.json", change)
    return "LS-AUDIT-002"


def _about(copy: Path) -> str:
    change_json(copy / ABOUT, lambda about: about.update(head="sha256:" + "0" * 64))
    return "LS-AUDIT-002"


def _value(copy: Path) -> str:
    path = next(iter(sorted((copy / "values").iterdir())))
    path.write_bytes(path.read_bytes().replace(b'"', b"'"))
    return "LS-AUDIT-001"


def _statement(copy: Path) -> str:
    said = {"kind": "proposed", "by": "eve", "at": "2026-11-21T10:00:00Z"}
    change_json(copy / "lock.json", lambda lock: lock.update(statements=[said]))
    return "LS-AUDIT-002"


def _without(copy: Path) -> str:
    for path in (copy / "values").iterdir():
        if b'"rubble"' in path.read_bytes() or b'"engine"' in path.read_bytes():
            path.unlink()
    return "LS-AUDIT-002"


def _foreign(copy: Path) -> str:
    data = b'"of another run"'
    (copy / "values" / digest_bytes(data).removeprefix("sha256:")).write_bytes(data)
    return "LS-AUDIT-002"


def change_history(copy: Path, change: Callable[[Any], None]) -> None:
    document = json.loads((copy / HISTORY).read_text())
    change(document["events"])
    (copy / HISTORY).write_text(json.dumps(document, indent=1, sort_keys=True) + "\n")


def _terminated(copy: Path) -> str:
    def change(events: Any) -> None:
        last = events[-1]
        del last["workflowExecutionCompletedEventAttributes"]
        last["eventType"] = "EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED"
        last["workflowExecutionTerminatedEventAttributes"] = {"reason": "it got out of hand"}

    change_history(copy, change)
    return "LS-AUDIT-002"


def _unread(copy: Path) -> str:
    change_history(copy, lambda events: events[-1].update(approvedBy="eve"))
    return "LS-AUDIT-002"


def _ended_twice(copy: Path) -> str:
    change_history(copy, lambda events: events.append(events[-1]))
    return "LS-AUDIT-002"


def _absent(copy: Path) -> str:
    there = sorted(f"sha256:{path.name}" for path in (copy / "values").iterdir())
    change_json(copy / ABOUT, lambda about: about.update(absent=there))
    return "LS-AUDIT-002"


def _never_there(copy: Path) -> str:
    change_json(copy / ABOUT, lambda about: about.update(absent=[digest("elsewhere")]))
    return "LS-AUDIT-002"


def _left_out(copy: Path) -> str:
    change_json(copy / ABOUT, lambda about: about.update(values="left out"))
    return "LS-AUDIT-002"


EDITS = [
    *(_event, _dropped, _swapped, _lock, _policy, _about, _value, _statement),
    *(_without, _foreign, _terminated, _unread, _ended_twice, _absent, _never_there, _left_out),
]


@pytest.mark.parametrize("edit", EDITS)
async def test_what_is_edited_beside_the_history_is_found(
    edit: Callable[[Path], str], copy: Path, exported: Exported
) -> None:
    """By the sums; and where those are written anew, by what follows from the history, of which
    the events and so the head are as they were.
    """
    code = edit(copy)
    assert "LS-AUDIT-001" in codes(await checked(copy))
    summed(copy)
    found = await checked(copy, exported.head)
    assert (True, True) == (code in codes(found), found.head_kept)


def replaced(history: Path, change: Callable[[str, Any], Any]) -> int:
    """Every payload of a history as JSON, changed; how many became others."""
    count = 0

    def walk(value: Any) -> Any:
        nonlocal count
        if isinstance(value, dict) and {"metadata", "data"} <= value.keys():
            before = json.loads(base64.b64decode(value["data"]))
            after = change(json.dumps(before, sort_keys=True), before)
            if after != before:
                count += 1
                data = base64.b64encode(json.dumps(after).encode()).decode()
                return {**value, "data": data}
            return value
        if isinstance(value, dict):
            return {key: walk(inner) for key, inner in value.items()}
        return [walk(inner) for inner in value] if isinstance(value, list) else value

    document = walk(json.loads(history.read_text()))
    history.write_text(json.dumps(document, indent=1, sort_keys=True) + "\n")
    return count


def _as_text(old: str, new: str) -> Callable[[str, Any], Any]:
    return lambda text, value: json.loads(text.replace(old, new))


HISTORIES = {
    "a decision": _as_text('"outcome": "REQUIRE_APPROVAL"', '"outcome": "ALLOW"'),
    "who said yes": _as_text('"by": "ben"', '"by": "eve"'),
    "what was edited": _as_text('"load": "rubble"', '"load": "pallet"'),
    "what was asked": _as_text('"tool": "Remove"', '"tool": "Lift"'),
    "an output": _as_text('"text": "engine"', '"text": "pallet"'),
    "who started it": _as_text('"started_by": "ana"', '"started_by": "eve"'),
    "that it was a mock": _as_text('"mocked": true', '"mocked": false'),
    "the policy that decided": _as_text('"engine": "cedarpy', '"engine": "cedarpie'),
}


@pytest.mark.parametrize("what", HISTORIES)
async def test_an_edited_history_is_found(what: str, copy: Path, exported: Exported) -> None:
    """Whatever of it was changed: with the sums written anew, and against the head that was kept
    also where the history agrees with itself.
    """
    assert replaced(copy / HISTORY, HISTORIES[what])
    summed(copy)
    found = await checked(copy, exported.head)
    assert not found.holds
    assert {"LS-AUDIT-001"} != codes(found)


async def test_whoever_writes_all_of_it_anew_is_found_by_the_head_alone(
    exported: Exported, copy: Path
) -> None:
    """The other note is in the history, the result and every file; nothing but a head that was
    kept elsewhere tells.
    """
    assert replaced(copy / HISTORY, _as_text("evil.example", "good.example"))
    forged = await Evidence.of(_history(copy))
    assert replaced(copy / HISTORY, _as_text(exported.head, str(forged.head)))
    forged = await Evidence.of(_history(copy))
    shutil.rmtree(copy)
    store = FolderStore(exported.values)
    write_bundle(copy, bundled(forged, store, look(forged, exported.values), values=True))
    assert () == (await checked(copy)).findings
    assert {"LS-AUDIT-010"} == codes(await checked(copy, exported.head))


async def test_the_page_gives_no_word_or_time_that_the_head_does_not_cover_as_if_it_did(
    exported: Exported, copy: Path
) -> None:
    """When it ended is the last event's; who is said beside the lock to have proposed the plan
    is told as that, among what no look shows.
    """
    change_history(copy, lambda events: events[-1].update(eventTime="2031-01-01T00:00:00Z"))
    said = {"kind": "proposed", "by": "eve", "at": "2026-11-21T10:00:00Z"}

    def proposed(text: str, value: Any) -> Any:
        if isinstance(value, dict) and "lock" in value and isinstance(value["lock"], dict):
            return {**value, "lock": {**value["lock"], "statements": [said]}}
        return value

    assert 1 == replaced(copy / HISTORY, proposed)
    lock = (await Evidence.of(_history(copy))).trail.locks[0].model_dump(mode="json")
    (copy / "lock.json").write_text(json.dumps(lock, indent=2) + "\n")
    summed(copy)
    found = await checked(copy, exported.head)
    assert (exported.past.trail.events[-1].at, True) == (found.ended_at, found.head_kept)
    lines = [line for line in markdown(found).splitlines() if "by eve " in line]
    assert [True] == ["said beside the lock" in line for line in lines], lines
    assert any("said beside the lock" in one for one in found.unproven)


def _history(folder: Path) -> WorkflowHistory:
    return parsed(json.loads((folder / HISTORY).read_text()), HISTORY)


def _link(copy: Path) -> None:
    (copy / EVENTS).rename(copy.parent / "elsewhere")
    (copy / EVENTS).symlink_to(copy.parent / "elsewhere")


def _pipe(copy: Path) -> None:
    (copy / EVENTS).unlink()
    os.mkfifo(copy / EVENTS)


def _stranger(copy: Path) -> None:
    (copy / "values" / "note.txt").write_text("hello")


def _huge(copy: Path) -> None:
    with (copy / "lock.json").open("r+b") as file:
        file.truncate(1 << 40)


def _gone(copy: Path) -> None:
    next((copy / "values").iterdir()).unlink()


def _linked_folder(copy: Path) -> None:
    (copy / "values").rename(copy.parent / "values")
    (copy / "values").symlink_to(copy.parent / "values")


def _unnamed_folder(copy: Path) -> None:
    _linked_folder(copy)
    sums = (copy / SUMS).read_text().splitlines(keepends=True)
    (copy / SUMS).write_text("".join(line for line in sums if "  values/" not in line))


HARMS = [_link, _pipe, _stranger, _huge, _gone, _linked_folder, _unnamed_folder]


@pytest.mark.parametrize("harm", HARMS)
async def test_files_that_are_not_plain_are_not_followed(
    harm: Callable[[Path], None], copy: Path
) -> None:
    """Links, pipes, what nobody named, what is missing and what has no end: said, and bounded."""
    harm(copy)
    async with asyncio.timeout(30):
        assert "LS-AUDIT-001" in codes(await checked(copy))


def _traversal(copy: Path) -> None:
    sums = (copy / SUMS).read_text()
    (copy / SUMS).write_text(sums + f"{'0' * 64}  values/../../../etc/passwd\n")


def _no_history(copy: Path) -> None:
    (copy / HISTORY).unlink()


def _deep(copy: Path) -> None:
    (copy / HISTORY).write_text("[" * 100_000)
    summed(copy)


def _no_bundle(copy: Path) -> None:
    (copy / SUMS).write_bytes(b"\xff\x00")


def _no_start(copy: Path) -> None:
    change_history(copy, lambda events: events.pop(0))
    summed(copy)


@pytest.mark.parametrize("harm", [_traversal, _no_history, _deep, _no_bundle, _no_start])
async def test_what_is_no_bundle_is_refused(harm: Callable[[Path], None], copy: Path) -> None:
    """With a code, soon, and nothing outside the folder is looked at."""
    harm(copy)
    async with asyncio.timeout(30):
        with pytest.raises(LockstepError):
            await checked(copy)


@pytest.mark.parametrize("data", [b"NaN", b"\xff", b"[" * 60_000])
async def test_an_answer_that_is_no_json_is_a_finding(data: bytes, copy: Path) -> None:
    """Of a verify and of a line in a list alike; neither ends in an exception."""

    def change(events: Any) -> None:
        (payload,) = events[-1]["workflowExecutionCompletedEventAttributes"]["result"]["payloads"]
        payload["data"] = base64.b64encode(data).decode()

    change_history(copy, change)
    summed(copy)
    assert "LS-REPLAY-004" in codes(await checked(copy))
    assert reviewed(await Evidence.of(_history(copy))).findings


async def test_a_signature_beside_the_sums_is_no_stranger(copy: Path) -> None:
    """As `ssh-keygen -Y sign` writes it."""
    (copy / SIGNATURE).write_text("-----BEGIN SSH SIGNATURE-----\n")
    assert () == (await checked(copy)).findings


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
