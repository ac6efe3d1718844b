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
from lockstep.errors import LockstepError
from lockstep.lock import Lock
from policies.locks.thaw import thaw
from worker.cli.beside import plan_of, stem
from worker.cli.lockfile import is_there, keep_lock
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
    text = _text(thaw(lock.body, package.world(request.environment).tools))
    for target in _targets(package, request, out_file):
        proposal = plan_of(target)
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
    for target in map(plan_of, _targets(package, request, out_file)):
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
            yield out_file.with_name(f"{stem(out_file)}-{number}.lock.json")
    folder = package.root / "plans"
    words = re.findall(r"[a-z0-9]+", request.goal.lower())[:5]
    start = "-".join(words)[:60] or "plan"
    for number in count(1):
        again = f"-{number}" if number > 1 else ""
        yield folder / f"{start}{again}.{request.environment}.lock.json"


def _text(document: Any) -> str:
    return json.dumps(document, indent=2) + "\n"
