"""`lockstep run`: run a lock and watch it; or plan for a goal first, and run what was locked."""

import asyncio
import contextlib
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from temporalio.client import WorkflowHandle

from activities.package import AgentPackage
from activities.store import FolderStore
from lockstep.codes import CODES, Exit
from lockstep.decision import Outcome
from lockstep.errors import LockstepError
from lockstep.finding import Finding, Severity
from lockstep.fork import Fork
from lockstep.lock import Lock
from policies.checks.arguments import check_value
from policies.checks.declared import uncallable
from policies.locks.drift import drift
from worker.cli.beside import looking
from worker.cli.options import (
    AgentOption,
    DetachOption,
    InputOption,
    PersonOption,
    WaitOption,
    agent_here,
    inputs,
    package_for,
    person,
    read_lock,
)
from worker.cli.outcome import show_result
from worker.cli.plan import OutOption, Planned, as_json, made, ready, show_planned, wanted
from worker.cli.progress import Progress
from worker.cli.question import show_question, show_waiting
from worker.cli.terminal import (
    Format,
    FormatOption,
    emit_json,
    err,
    is_json,
    out,
    safe,
    say,
    show_findings,
)
from worker.home import Home
from worker.inbox import open_questions
from worker.runs import follow, result, start
from worker.session import Served, Session, fleeting, session
from workflows.lock_plan import LockRequest
from workflows.run import Run
from workflows.run_request import RunRequest

_CANCEL_PATIENCE = 10.0


@dataclass(frozen=True)
class Order:
    """How somebody wants a lock run. `planned` is there where a model was asked for it first,
    `fork` where it goes on from another run.
    """

    inputs: dict[str, Any]
    by: str
    at: datetime | None
    wait: bool
    detach: bool
    planned: Planned | None = None
    fork: Fork | None = None

    def request(self, lock: Lock) -> RunRequest:
        return RunRequest(
            lock=lock,
            inputs=self.inputs,
            started_by=self.by,
            scheduled_at=self.at.astimezone() if self.at and self.at.tzinfo is None else self.at,
            planned=self.planned.cost if self.planned else None,
            fork=self.fork,
        )


def run(
    what: Annotated[
        str,
        typer.Argument(
            metavar="LOCK|GOAL", help="A lock file; or, with --env, a goal to plan for first."
        ),
    ],
    env: Annotated[
        str | None,
        typer.Option("--env", metavar="ENV", help="With a goal: the environment to run in."),
    ] = None,
    input: InputOption = None,
    at: Annotated[
        datetime | None,
        typer.Option(
            "--at", metavar="TIME", help="The time the run is about, with zone; by default now."
        ),
    ] = None,
    wait: WaitOption = False,
    detach: DetachOption = False,
    out_file: OutOption = None,
    agent: AgentOption = None,
    as_: PersonOption = None,
    format: FormatOption = Format.HUMAN,
) -> None:
    """Run a lock: exactly these steps, with no model asked. A goal is planned and locked first."""
    order = Order(inputs(input), person(as_), at, wait, detach)
    if _is_file(what):
        code = _run_file(Path(what), env, agent, order)
    else:
        code = _run_goal(what, env, agent_here(agent), out_file, order)
    if code is not Exit.DONE:
        raise typer.Exit(code)


def _is_file(what: str) -> bool:
    """A sentence is a goal; what ends like a file, or is one, is a lock."""
    with contextlib.suppress(OSError, ValueError):
        if Path(what).exists():
            return True
    return what.endswith((".json", ".toml")) or not what.strip()


def _run_file(path: Path, env: str | None, agent: Path | None, order: Order) -> Exit:
    locked = read_lock(path)
    package = package_for(path, agent)
    if env not in (None, locked.body.environment):
        raise LockstepError.of(
            "LS-CLI-001",
            "--env",
            f"the lock is for `{locked.body.environment}`, and `{env}` was asked for",
            f"leave --env out, or lock the plan for `{env}`",
        )
    refuse_early(locked, package, order.inputs, path)

    async def work() -> Exit:
        lasting = must_last(locked, order)
        serve = Served.of(package, locked.body.environment)
        async with session(Home.find(), say, serve=serve, lasting=lasting) as open_:
            return await watched(open_, locked, order)

    return asyncio.run(work())


def _run_goal(
    goal: str, env: str | None, package: AgentPackage, out_file: Path | None, order: Order
) -> Exit:
    if env is None:
        raise LockstepError.of(
            "LS-CLI-001",
            "--env",
            f"`{goal[:60]}` is no file, and a goal needs an environment to plan for",
            "name a lock file, or add --env",
        )
    request: LockRequest = wanted(goal, package, env, order.by)
    _refuse_inputs(package.agent.input_schema, order.inputs)

    async def work() -> Exit:
        home = await ready(env, package, out_file)
        async with session(home, say, serve=Served.of(package, env)) as open_:
            planned = await made(open_, request, package, out_file)
            lock = planned.result.lock if planned.result else None
            if lock is None or not is_json():
                show_planned(planned, lasting=open_.lasting)
            if lock is None:
                return planned.exit
            lasting = must_last(lock, order)
            if lasting and not open_.lasting:
                raise fleeting(lasting, "what runs here ends with the command")
            return await watched(open_, lock, replace(order, planned=planned))

    return asyncio.run(work())


def refuse_early(
    lock: Lock, package: AgentPackage, given: dict[str, Any], path: Path | None
) -> None:
    """What the run would refuse anyway is refused before a server is started for it; `path` is
    where the lock lies, if it is a file, and what it pinned beside it.
    """
    world = package.world(lock.body.environment)
    look, aside = looking(path, lock, Home.find().values)
    found = (
        *drift(lock.body, world, look),
        *uncallable(lock.body.calls, world, Severity.ERROR),
    )
    if found:
        raise LockstepError(*found, *aside)
    _refuse_inputs(lock.body.inputs, given)


def _refuse_inputs(schema: dict[str, Any], given: dict[str, Any]) -> None:
    misfits = tuple(check_value("inputs", {**schema, "required": []}, given, "LS-PLAN-013"))
    if misfits:
        raise LockstepError(*misfits)


def must_last(lock: Lock, order: Order) -> str:
    """A run that is left alone, or is sure to wait for a human, needs somewhere to go on."""
    if order.detach:
        return "a detached run"
    asking = [step.id for step in lock.steps if step.expected is Outcome.REQUIRE_APPROVAL]
    return f"a run that asks a human (step `{asking[0]}`)" if asking else ""


async def watched(open_: Session, lock: Lock, order: Order) -> Exit:
    """Start a run and show it, to its end or to where it waits for a human."""
    handle = await start(open_.client, order.request(lock))
    if order.detach:
        _announce(handle.id, "started")
        return Exit.DONE
    say(f"run {handle.id}")
    try:
        with Progress(lock, err, quiet=is_json()) as progress:
            async for heard in follow(handle):
                progress.take(heard.events)
                progress.note(heard.retrying)
                if progress.paused and not order.wait:
                    break
    except asyncio.CancelledError:
        # Said below the steps: it is the last thing to read.
        await _interrupted(handle, open_)
        raise
    if progress.paused:
        return await _paused(open_, handle.id)
    return await _report(handle, open_.home, progress, order)


async def _interrupted(handle: WorkflowHandle[Run, Any], open_: Session) -> None:
    """Ctrl-C: a lasting run goes on; one whose server ends with us is cancelled, not left
    hanging.
    """
    if open_.lasting:
        err.print(f"the run goes on: `lockstep runs show {handle.id}`", markup=False)
        return
    said = f"the run was not cancelled in time: `lockstep runs show {handle.id}`"
    with contextlib.suppress(Exception):
        async with asyncio.timeout(_CANCEL_PATIENCE):
            await handle.cancel()
            ended = await result(handle)
            said = f"the run was cancelled; to go on with it: `lockstep fork {handle.id}`"
            if not isinstance(ended, Finding):
                said = f"the run had ended, {ended.status}: `lockstep runs show {handle.id}`"
    err.print(said, markup=False)


async def _paused(open_: Session, run: str) -> Exit:
    questions = await open_questions(open_.client, run)
    if is_json():
        emit_json(
            {
                "status": "waiting",
                "run": run,
                "questions": [question.model_dump(mode="json") for question in questions],
            }
        )
        return Exit.PAUSED
    for question in questions:
        show_question(question)
    show_waiting(open_.lasting)
    return Exit.PAUSED


async def _report(
    handle: WorkflowHandle[Run, Any], home: Home, progress: Progress, order: Order
) -> Exit:
    ended = await result(handle)
    if isinstance(ended, Finding):
        if is_json():
            emit_json({"status": "ended", "run": handle.id, "findings": [ended.model_dump()]})
        else:
            show_findings([ended])
        return CODES[ended.code].exit
    if is_json():
        planning = {"planning": as_json(order.planned)} if order.planned else {}
        emit_json({**ended.model_dump(mode="json"), **planning})
    else:
        show_result(ended, progress.lock, FolderStore(home.values))
    if ended.status == "completed":
        return Exit.DONE
    return CODES[ended.findings[0].code].exit


def _announce(run: str, status: str) -> None:
    if is_json():
        emit_json({"status": status, "run": run})
    else:
        out.print(f"{status} {safe(run)}")
