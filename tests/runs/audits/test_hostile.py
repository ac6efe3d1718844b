"""What an audit bears: files that are not plain, and folders that are no bundle."""

import asyncio
import base64
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lockstep.bundle import EVENTS, HISTORY, SUMS
from lockstep.errors import LockstepError
from tests.runs.audits.bundles import change_history, checked, codes, history_of, summed
from worker.audits.evidence import Evidence
from worker.audits.review import reviewed

pytestmark = pytest.mark.asyncio(loop_scope="session")


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
    assert reviewed(await Evidence.of(history_of(copy))).findings
