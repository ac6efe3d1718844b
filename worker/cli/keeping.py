"""The files that a planning leaves: the proposal, and its lock if there is one.

Where nobody named a file, nothing that is there is replaced: a lock may be committed and reviewed,
and a proposal be half mended by hand. The next name is taken instead.
"""

import json
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

from activities.package import AgentPackage
from lockstep.action import defaults
from lockstep.errors import LockstepError
from lockstep.fallback import owners
from lockstep.lock import Body, Lock, LockedToolStep
from worker.cli.lock import is_there, keep_lock
from worker.cli.terminal import write_file
from workflows.lock_plan import LockRequest


def must_be_kept(package: AgentPackage, out_file: Path | None) -> None:
    """Whether what a planning brings can be written down; said before anything is paid for."""
    if out_file is not None and (
        out_file.is_dir() or out_file.suffix != ".json" or out_file.name.endswith(".plan.json")
    ):
        raise LockstepError.of(
            "LS-CLI-001",
            "--out",
            f"wanted a file for the lock, called `….lock.json`, found `{out_file}`",
            "name one; the plan goes beside it",
        )
    folder = package.root / "plans" if out_file is None else out_file.parent
    with suppress(OSError):
        if out_file is None:
            folder.mkdir(exist_ok=True)
        if os.access(folder, os.W_OK | os.X_OK) and folder.is_dir():
            return
    raise LockstepError.of(
        "LS-SRV-007",
        str(folder),
        "is no folder that can be written to, and the lock has to go there",
        "name a file elsewhere with --out",
    )


def keep_locked(
    lock: Lock, package: AgentPackage, request: LockRequest, out_file: Path | None
) -> tuple[Path, Path, bool]:
    """The files of the proposal and of its lock, and whether the lock was there already."""
    text = _text(_as_plan(lock))
    for target in _targets(package, request, out_file):
        proposal = _beside(target)
        if is_there(lock, target):
            # Its plan may have been mended since; then that one is kept, and not ours.
            if not proposal.exists():
                write_file(proposal, text)
            return proposal, target, keep_lock(lock, package, target)
        if out_file is not None or not (target.exists() or _holds_other(proposal, text)):
            same = keep_lock(lock, package, target)
            if not _holds_other(proposal, text):
                write_file(proposal, text)
            return proposal, target, same
    raise AssertionError("there is always another name")


def keep_proposal(
    document: Any, package: AgentPackage, request: LockRequest, out_file: Path | None
) -> Path:
    """The proposal as a file that `check`, `lock` and `inbox edit` take."""
    text = _text(document)
    for target in map(_beside, _targets(package, request, out_file)):
        if not _holds_other(target, text):
            write_file(target, text)
            return target
    raise AssertionError("there is always another name")


def _holds_other(path: Path, text: str) -> bool:
    return path.exists() and path.read_bytes() != text.encode()


def _targets(package: AgentPackage, request: LockRequest, out_file: Path | None) -> Iterator[Path]:
    """Where the lock may go: nothing that somebody wrote is replaced unless it was named."""
    if out_file is not None:
        yield out_file
        for number in count(2):
            yield out_file.with_name(f"{_stem(out_file)}-{number}.lock.json")
    folder = package.root / "plans"
    words = re.findall(r"[a-z0-9]+", request.goal.lower())[:5]
    stem = "-".join(words)[:60] or "plan"
    for number in count(1):
        again = f"-{number}" if number > 1 else ""
        yield folder / f"{stem}{again}.{request.environment}.lock.json"


def _beside(lock: Path) -> Path:
    return lock.with_name(f"{_stem(lock)}.plan.json")


def _stem(lock: Path) -> str:
    return lock.name.removesuffix(".json").removesuffix(".lock")


def _text(document: Any) -> str:
    return json.dumps(document, indent=2) + "\n"


_PROPOSED = {"id", "kind", "tool", "reason", "args", "when", "on_error", "for_each"}


def _as_plan(lock: Lock) -> dict[str, Any]:
    """The plan that a lock was made of: its own edges are those that no reference draws, and its
    fallbacks those that it would not have without saying so.
    """
    whose = owners(lock.steps)
    return {
        "lockstep": "plan/1",
        "goal": lock.body.goal,
        "steps": [
            {
                **step.model_dump(mode="json", include=_PROPOSED - {"on_error"}),
                **_said(step, lock.body),
                "after": sorted({*step.needs} - {*step.draws, whose.get(step.id)}),
            }
            for step in lock.steps
        ],
    }


def _said(step: LockedToolStep, body: Body) -> dict[str, Any]:
    """The fallbacks that are the plan's own."""
    given = defaults(body.recoveries.get(step.tool, {}))
    said = {
        error: fallback.model_dump(mode="json")
        for error, fallback in step.on_error.items()
        if fallback != given.get(error)
    }
    return {"on_error": said} if said else {}
