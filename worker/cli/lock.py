"""`lockstep lock`: the validator workflow checks a plan and freezes it into a lock file."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from activities.package import AgentPackage
from lockstep.codes import Exit
from lockstep.errors import LockstepError
from lockstep.finding import Finding
from policies.check import check
from worker.cli.approving import Waiting, ended_or_waiting, show_unapproved
from worker.cli.check import show_checked
from worker.cli.lockfile import keep_lock
from worker.cli.options import (
    AgentOption,
    PersonOption,
    package_for,
    person,
    read_plan,
)
from worker.cli.refresh import refresh as refreshed
from worker.cli.terminal import (
    Format,
    FormatOption,
    emit_json,
    is_json,
    out,
    safe,
    say,
    show_findings,
)
from worker.home import Home
from worker.plans import begin, ended
from worker.session import Served, session
from workflows.lock_plan import LockRequest, LockResult


def lock(
    plans: Annotated[
        list[Path], typer.Argument(metavar="PLAN", help="A plan: JSON; with --refresh, locks.")
    ],
    env: Annotated[
        str | None,
        typer.Option("--env", metavar="ENV", help="The environment: a manifest of the agent."),
    ] = None,
    out_file: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="FILE", help="Where the lock goes; by default beside the plan."
        ),
    ] = None,
    refresh: Annotated[
        bool,
        typer.Option("--refresh", help="Check the plans of these locks again and lock them anew."),
    ] = False,
    agent: AgentOption = None,
    as_: PersonOption = None,
    format: FormatOption = Format.HUMAN,
) -> None:
    """Check a plan and, if it passes, freeze it into a lock to commit and review."""
    if refresh and env is None and out_file is None:
        code = refreshed(plans, agent, person(as_))
        if code is not Exit.DONE:
            raise typer.Exit(code)
        return
    if refresh or env is None or len(plans) != 1:
        raise LockstepError.of(
            "LS-CLI-001",
            "",
            "wanted a plan and its environment, or locks to refresh, which name their own",
            "write `lockstep lock PLAN --env ENV` or `lockstep lock --refresh LOCK…`",
        )
    _lock_plan(plans[0], env, out_file, agent, person(as_))


def _lock_plan(plan: Path, env: str, out_file: Path | None, agent: Path | None, by: str) -> None:
    package = package_for(plan, agent)
    package.world(env)
    file = read_plan(plan)
    target = out_file or _beside(plan, env)
    request = LockRequest(plan=file.raw, agent=package.agent.name, environment=env, by=by)
    result = asyncio.run(_lock(request, package))
    if isinstance(result, Waiting):
        show_unapproved(result)
        raise typer.Exit(Exit.PAUSED)
    if result.lock is None:
        show_checked(result.checked, file.plan)
        show_findings(result.findings)
        if check(file.plan, package.world(env), by).passed:
            say(
                f"the files here would pass: the worker of `{package.agent.name}.{env}` read them "
                "before they were changed; start it again, then lock"
            )
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
    show_checked(result.checked, file.plan)
    state = "unchanged" if same else "locked"
    out.print(f"[green]{state}[/green] {safe(target)}  {result.lock.digest}")


async def _lock(request: LockRequest, package: AgentPackage) -> LockResult | Waiting:
    asks = package.world(request.environment).decider.submits
    serve = Served.of(package, request.environment)
    async with session(Home.find(), say, serve=serve) as open_:
        handle = await begin(open_.client, request)
        result = await (ended_or_waiting(handle, open_) if asks else ended(handle))
    if isinstance(result, Finding):
        raise LockstepError(result)
    return result


def _beside(plan: Path, env: str) -> Path:
    """`weekly.local.plan.json` and `weekly.json` both give `weekly.local.lock.json`."""
    stem = plan.name.removesuffix(".json").removesuffix(".plan").removesuffix(f".{env}")
    return plan.with_name(f"{stem}.{env}.lock.json")
