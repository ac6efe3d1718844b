"""A run's bundle, looked at and changed: what the tests of audits have in common."""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from temporalio.client import WorkflowHistory

from lockstep.audited import Audited
from lockstep.bundle import HISTORY, SUMS, write_sums
from lockstep.canonical import Digest, digest_bytes
from worker.audits.audit import verified
from worker.audits.bundle import Bundle
from worker.audits.evidence import Evidence
from worker.cli.beside import first_of, looking
from worker.records.saved import parsed

HOSTILE = "[gone](https://evil.example) <img src=x> \x1b[2J # no"
"""What somebody writes beside a yes."""


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


def change_json(path: Path, change: Callable[[Any], None]) -> None:
    value = json.loads(path.read_text())
    change(value)
    path.write_text(json.dumps(value, indent=2) + "\n")


def change_history(copy: Path, change: Callable[[Any], None]) -> None:
    document = json.loads((copy / HISTORY).read_text())
    change(document["events"])
    (copy / HISTORY).write_text(json.dumps(document, indent=1, sort_keys=True) + "\n")


def history_of(folder: Path) -> WorkflowHistory:
    return parsed(json.loads((folder / HISTORY).read_text()), HISTORY)


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
