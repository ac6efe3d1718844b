"""`lockstep lock`: the validator workflow checks a plan and freezes it into a lock file."""

import asyncio
import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from temporalio.client import WorkflowFailureError

from activities.contract import Proposal
from activities.package import AgentPackage
from lockstep.codes import Exit
from lockstep.errors import LockstepError
from lockstep.finding import Finding
from lockstep.loading import load, parse_json, read, shaped
from lockstep.lock import Lock
from lockstep.names import task_queue
from lockstep.plan import Plan
from policies.drift import drift
from worker.cli.check import show_checked
from worker.cli.options import (
    AgentOption,
    EnvironmentOption,
    PersonOption,
    package_for,
    person,
    served,
)
from worker.cli.terminal import Format, FormatOption, emit_json, is_json, out, safe, say
from worker.home import Home
from worker.session import session
from workflows.lock_plan import LockPlan, LockResult

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
    proposal = Proposal(plan=raw, agent=package.agent.name, environment=env, by=person(as_))
    result = asyncio.run(_lock(proposal, package))
    if result.lock is None:
        show_checked(result.checked, proposed)
        raise typer.Exit(Exit.REJECTED)
    stale = drift(result.lock.body, package.world(env))
    if stale:
        # The worker answers for what it read when it started.
        raise LockstepError(*(found.model_copy(update={"fix": _RESTART}) for found in stale))
    same = _is_there(result.lock, target)
    if not same:
        write_lock(result.lock, target)
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


def _is_there(lock: Lock, path: Path) -> bool:
    """Whether the file is this very lock already; then who proposed it first stays on record."""
    try:
        return load(Lock, path).digest == lock.digest
    except LockstepError:
        return False


async def _lock(proposal: Proposal, package: AgentPackage) -> LockResult:
    environment = proposal.environment
    async with session(Home.find(), say, serve=served(package, environment)) as open_:
        at = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
        try:
            result = await open_.client.execute_workflow(
                LockPlan.run,
                proposal.model_dump(mode="json"),
                id=f"lock.{package.agent.name}.{environment}.{at}",
                task_queue=task_queue(package.agent.name, environment),
                static_summary=f"lock a plan for {environment}",
            )
        except WorkflowFailureError as error:
            raise LockstepError(_finding(error)) from None
    return LockResult.model_validate(result)


def _finding(error: WorkflowFailureError) -> Finding:
    cause: BaseException | None = error.cause
    while cause is not None and getattr(cause, "cause", None) is not None:
        cause = getattr(cause, "cause", None)
    kind = getattr(cause, "type", None) or ""
    code = kind if kind.startswith("LS-") else "LS-CLI-002"
    problem = str(getattr(cause, "message", cause)).removeprefix(f"{code} ")
    return Finding(code=code, place="", problem=problem, fix="see the worker's log")


def _beside(plan: Path, env: str) -> Path:
    """`weekly.local.plan.json` and `weekly.json` both give `weekly.local.lock.json`."""
    stem = plan.name.removesuffix(".json").removesuffix(".plan").removesuffix(f".{env}")
    return plan.with_name(f"{stem}.{env}.lock.json")


def write_lock(lock: Lock, path: Path) -> None:
    """All of the file or none of it; the old one stays until the new one is whole."""
    text = lock.model_dump_json(indent=2) + "\n"
    try:
        handle, part = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "w") as file:
                file.write(text)
            Path(part).chmod(0o644)
            Path(part).replace(path)
        except BaseException:
            Path(part).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise LockstepError.of(
            "LS-SRV-007",
            str(path),
            f"the lock cannot be written: {(error.strerror or str(error)).lower()}",
            "free some space or choose another --out",
        ) from None
