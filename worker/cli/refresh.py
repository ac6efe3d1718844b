"""`lockstep lock --refresh`: the plan of a lock, held against the present, and locked anew.

What comes out is another lock for review, and nobody's yes to it: the standing grants of the old
one end with its digest. A plan that no longer passes leaves its lock as it was.
"""

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from activities.package import AgentPackage
from lockstep.canonical import Digest
from lockstep.codes import Exit
from lockstep.difference import Change, lock_changes
from lockstep.errors import LockstepError
from lockstep.finding import Finding
from lockstep.lock import Lock
from policies.locks.today import today
from worker.cli.approving import Waiting, ended_or_waiting, show_unapproved
from worker.cli.beside import looking
from worker.cli.diff import show_part
from worker.cli.lockfile import keep_lock
from worker.cli.options import package_for, read_lock
from worker.cli.terminal import emit_json, is_json, out, safe, say, show_findings
from worker.home import Home
from worker.plans import begin, ended
from worker.session import Served, Session, session
from workflows.lock_plan import LockRequest


@dataclass(frozen=True)
class _Stale:
    """A lock that would be another one today; `drifted` says what has changed since."""

    path: Path
    lock: Lock
    package: AgentPackage
    request: LockRequest
    drifted: tuple[Finding, ...]


@dataclass(frozen=True)
class _Outcome:
    """What became of one lock; `new` is there where one was written, `findings` where none was."""

    path: Path
    old: Digest | None
    new: Lock | None = None
    drifted: tuple[Finding, ...] = ()
    changed: tuple[Change, ...] = ()
    findings: tuple[Finding, ...] = ()
    waiting: Waiting | None = None

    @property
    def status(self) -> str:
        if self.waiting is not None:
            return "waiting"
        if self.findings:
            return "rejected"
        return "refreshed" if self.new is not None else "unchanged"

    @property
    def json(self) -> dict[str, Any]:
        return {
            "file": str(self.path),
            "status": self.status,
            "old": self.old,
            "new": self.new.digest if self.new is not None else self.old,
            "drifted": [one.model_dump(mode="json") for one in self.drifted],
            "changes": [one.model_dump(mode="json") for one in self.changed],
            "findings": [one.model_dump(mode="json") for one in self.findings],
            "questions": [
                one.model_dump(mode="json")
                for one in (self.waiting.questions if self.waiting is not None else ())
            ],
        }


def refresh(paths: list[Path], agent: Path | None, by: str) -> Exit:
    """Each lock for itself: one that is rejected keeps no other from being written."""
    looked = [_look(path, agent, by) for path in dict.fromkeys(paths)]
    stale = [one for one in looked if isinstance(one, _Stale)]
    made = asyncio.run(_made(stale)) if stale else {}
    outcomes = [made[one.path] if isinstance(one, _Stale) else one for one in looked]
    if is_json():
        emit_json({"locks": [one.json for one in outcomes]})
    else:
        for one in outcomes:
            _show(one)
    if any(one.findings for one in outcomes):
        return Exit.REJECTED
    return Exit.PAUSED if any(one.waiting for one in outcomes) else Exit.DONE


def _look(path: Path, agent: Path | None, by: str) -> _Stale | _Outcome:
    """Whether there is anything to be made anew; told without a server."""
    old = None
    try:
        lock = read_lock(path)
        old = lock.digest
        package = package_for(path, agent)
        look, aside = looking(path, lock, Home.find().values)
        now = today(lock, package.world(lock.body.environment), by, look)
    except LockstepError as error:
        return _Outcome(path, old, findings=error.findings)
    drifted = (*now.drifted, *aside)
    if now.body is None:
        return _Outcome(path, old, drifted=drifted, findings=now.checked.errors)
    if now.digest == old:
        return _Outcome(path, old)
    request = LockRequest(
        plan=now.plan,
        agent=package.agent.name,
        environment=lock.body.environment,
        by=by,
        refreshes=old,
        author=lock.author,
        literals=lock.body.literals,
    )
    return _Stale(path, lock, package, request, drifted)


async def _made(stale: Iterable[_Stale]) -> dict[Path, _Outcome]:
    outcomes = {}
    for environment in _by_environment(stale):
        first = environment[0]
        serve = Served.of(first.package, first.request.environment)
        async with session(Home.find(), say, serve=serve) as open_:
            for one in environment:
                outcomes[one.path] = await _locked(open_, one)
    return outcomes


def _by_environment(stale: Iterable[_Stale]) -> Iterator[list[_Stale]]:
    """Those that one worker answers for."""
    groups: dict[tuple[Path, str], list[_Stale]] = {}
    for one in stale:
        groups.setdefault((one.package.root, one.request.environment), []).append(one)
    yield from groups.values()


async def _locked(open_: Session, one: _Stale) -> _Outcome:
    handle = await begin(open_.client, one.request)
    asks = one.package.world(one.request.environment).decider.submits
    result = await (ended_or_waiting(handle, open_) if asks else ended(handle))
    if isinstance(result, Waiting):
        return _Outcome(one.path, one.lock.digest, drifted=one.drifted, waiting=result)
    if isinstance(result, Finding):
        raise LockstepError(result)
    if result.lock is None:
        findings = result.checked.errors or result.findings
        return _Outcome(one.path, one.lock.digest, drifted=one.drifted, findings=findings)
    # Who proposed the plan, and whoever refreshed it before, stays on record.
    new = Lock.freeze(result.lock.body, *one.lock.statements, *result.lock.statements)
    keep_lock(new, one.package, one.path)
    changed = tuple(
        change for change in lock_changes(one.lock.body, new.body) if change.parts[0] != "pins"
    )
    return _Outcome(one.path, one.lock.digest, new, one.drifted, changed)


_COLOURS = {"waiting": "yellow", "unchanged": "dim", "refreshed": "green", "rejected": "red"}


def _show(one: _Outcome) -> None:
    colour = _COLOURS[one.status]
    out.print(f"[{colour}]{one.status}[/{colour}] {safe(one.path)}")
    if one.new is not None:
        out.print(f"  {one.old} -> {one.new.digest}")
    for found in one.drifted:
        out.print(f"  [dim]since then[/dim]  {safe(found.problem)}")
    if one.changed:
        show_part("steps", [change for change in one.changed if change.parts[0] == "steps"])
    show_findings(one.findings, out)
    if one.waiting is not None:
        show_unapproved(one.waiting)
    if one.new is not None:
        out.print("  [dim]review and commit it; grants for the old one have ended[/dim]")
