"""What an audit finds: whatever was changed in a bundle, and in the history that it rests on."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from activities.store import FolderStore
from lockstep.bundle import ABOUT, EVENTS, HISTORY
from lockstep.canonical import digest, digest_bytes
from lockstep.lock import Body, Lock
from tests.runs.audits.bundles import (
    Exported,
    change_history,
    change_json,
    checked,
    codes,
    history_of,
    look,
    replaced,
    summed,
)
from worker.audits.audit import bundled
from worker.audits.bundle import write_bundle
from worker.audits.evidence import Evidence
from worker.cli.audit_page import markdown

pytestmark = pytest.mark.asyncio(loop_scope="session")


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
    forged = await Evidence.of(history_of(copy))
    assert replaced(copy / HISTORY, _as_text(exported.head, str(forged.head)))
    forged = await Evidence.of(history_of(copy))
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
    lock = (await Evidence.of(history_of(copy))).trail.locks[0].model_dump(mode="json")
    (copy / "lock.json").write_text(json.dumps(lock, indent=2) + "\n")
    summed(copy)
    found = await checked(copy, exported.head)
    assert (exported.past.trail.events[-1].at, True) == (found.ended_at, found.head_kept)
    lines = [line for line in markdown(found).splitlines() if "by eve " in line]
    assert [True] == ["said beside the lock" in line for line in lines], lines
    assert any("said beside the lock" in one for one in found.unproven)
