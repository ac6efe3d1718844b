"""`lockstep lock`: the validator workflow checks a plan and freezes it into a lock file."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from activities.package import AgentPackage
from lockstep.codes import Exit
from lockstep.errors import LockstepError
from lockstep.finding import Finding
from lockstep.loading import load, parse_json, read, shaped
from lockstep.lock import Lock
from lockstep.plan import Plan
from policies.drift import drift
from worker.cli.check import show_checked
from worker.cli.options import (
    AgentOption,
    EnvironmentOption,
    PersonOption,
    package_for,
    person,
)
from worker.cli.terminal import (
    Format,
    FormatOption,
    emit_json,
    is_json,
    out,
    safe,
    say,
    write_file,
)
from worker.home import Home
from worker.plans import begin, ended
from worker.session import Served, session
from workflows.lock_plan import LockRequest, LockResult

_RESTART = "the worker read the agent before this change: start it again, then lock"


def lock(
    plan: Annotated[Path, typer.Argument(help="A plan: JSON.")],
    env: EnvironmentOption,
    out_file: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Where the lock goes; by default beside the plan."),
    ] = None,
    agent: AgentOption = None,
    as_: PersonOption = None,
    format: FormatOption = Format.HUMAN,
) -> None:
    """Check a plan and, if it passes, freeze it into a lock to commit and review."""
    package = package_for(plan, agent)
    package.world(env)
    raw = parse_json(read(plan), str(plan))
    proposed = shaped(Plan, raw, str(plan))
    target = out_file or _beside(plan, env)
    request = LockRequest(plan=raw, agent=package.agent.name, environment=env, by=person(as_))
    result = asyncio.run(_lock(request, package))
    if result.lock is None:
        show_checked(result.checked, proposed)
        raise typer.Exit(Exit.REJECTED)
    same = keep_lock(result.lock, package, target)
    if is_json():
        emit_json(
            {
                "status": "locked",
                "digest": result.lock.digest,
                "file": str(target),
                "unchanged": same,
            }
        )
        return
    show_checked(result.checked, proposed)
    state = "unchanged" if same else "locked"
    out.print(f"[green]{state}[/green] {safe(target)}  {result.lock.digest}")


def keep_lock(lock: Lock, package: AgentPackage, target: Path) -> bool:
    """Write a fresh lock where it belongs; whether it was there already."""
    stale = drift(lock.body, package.world(lock.body.environment))
    if stale:
        # The worker answers for what it read when it started.
        raise LockstepError(*(found.model_copy(update={"fix": _RESTART}) for found in stale))
    same = is_there(lock, target)
    if not same:
        write_file(target, lock.model_dump_json(indent=2) + "\n")
    return same


def is_there(lock: Lock, path: Path) -> bool:
    """Whether the file is this very lock already; then who proposed it first stays on record."""
    try:
        return load(Lock, path).digest == lock.digest
    except LockstepError:
        return False


async def _lock(request: LockRequest, package: AgentPackage) -> LockResult:
    serve = Served.of(package, request.environment)
    async with session(Home.find(), say, serve=serve) as open_:
        result = await ended(await begin(open_.client, request))
    if isinstance(result, Finding):
        raise LockstepError(result)
    return result


def _beside(plan: Path, env: str) -> Path:
    """`weekly.local.plan.json` and `weekly.json` both give `weekly.local.lock.json`."""
    stem = plan.name.removesuffix(".json").removesuffix(".plan").removesuffix(f".{env}")
    return plan.with_name(f"{stem}.{env}.lock.json")
