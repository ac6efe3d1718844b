"""`lockstep run`: run a lock and watch it."""

import asyncio
import contextlib
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from temporalio.client import WorkflowHandle

from activities.package import AgentPackage
from activities.store import FolderStore, load
from lockstep.agent import ANYONE, Silence
from lockstep.codes import CODES, Exit
from lockstep.decision import Outcome
from lockstep.errors import LockstepError
from lockstep.escalation import Question, Verdict
from lockstep.finding import Finding
from lockstep.lock import Lock
from policies.arguments import check_value
from policies.drift import drift
from worker.cli.options import (
    AgentOption,
    InputOption,
    PersonOption,
    inputs,
    package_for,
    person,
    read_lock,
    served,
)
from worker.cli.progress import Progress
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
from worker.session import Session, session
from workflows.run import Run, RunRequest, RunResult

_CANCEL_PATIENCE = 10.0


def run(
    lock: Annotated[Path, typer.Argument(help="A lock file.")],
    input: InputOption = None,
    at: Annotated[
        datetime | None,
        typer.Option("--at", help="The time the run is about, with zone; by default now."),
    ] = None,
    wait: Annotated[
        bool,
        typer.Option("--wait/--no-wait", help="Wait for humans too, instead of leaving at once."),
    ] = False,
    detach: Annotated[
        bool, typer.Option("--detach", help="Start the run and leave; needs a lasting server.")
    ] = False,
    agent: AgentOption = None,
    as_: PersonOption = None,
    format: FormatOption = Format.HUMAN,
) -> None:
    """Run a lock: exactly these steps, with no model asked."""
    locked = read_lock(lock)
    package = package_for(lock, agent)
    refuse_early(locked, package, inputs(input))
    request = RunRequest(
        lock=locked,
        inputs=inputs(input),
        started_by=person(as_),
        scheduled_at=at.astimezone() if at is not None else None,
    )
    code = asyncio.run(_run(request, package, wait, detach))
    if code is not Exit.DONE:
        raise typer.Exit(code)


def refuse_early(lock: Lock, package: AgentPackage, given: dict[str, object]) -> None:
    """What the run would refuse anyway is refused before a server is started for it."""
    world = package.world(lock.body.environment)
    found = drift(lock.body, world)
    if found:
        raise LockstepError(*found)
    schema = {**lock.body.inputs, "required": []}
    misfits = tuple(check_value("inputs", schema, dict(given), "LS-PLAN-013"))  # type: ignore[arg-type]  # JSON values, as parsed
    if misfits:
        raise LockstepError(*misfits)


async def _run(request: RunRequest, package: AgentPackage, wait: bool, detach: bool) -> Exit:
    home = Home.find()
    lasting = "a detached run" if detach else _asks(request.lock)
    serve = served(package, request.lock.body.environment)
    async with session(home, say, serve=serve, lasting=lasting) as open_:
        handle = await start(open_.client, request)
        if detach:
            _announce(handle.id, "started")
            return Exit.DONE
        say(f"run {handle.id}")
        with Progress(request.lock, err, quiet=is_json()) as progress:
            try:
                async for heard in follow(handle):
                    progress.take(heard.events)
                    progress.note(heard.retrying)
                    if progress.paused and not wait:
                        break
            except asyncio.CancelledError:
                await _interrupted(handle, open_)
                raise
        if progress.paused:
            return await _paused(open_, handle.id)
        return await _report(handle, home, progress)


def _asks(lock: Lock) -> str:
    """A lock that is sure to wait for a human needs somewhere to wait."""
    asking = [step.id for step in lock.steps if step.expected is Outcome.REQUIRE_APPROVAL]
    return f"a run that asks a human (step `{asking[0]}`)" if asking else ""


async def _interrupted(handle: WorkflowHandle[Run, Any], open_: Session) -> None:
    """Ctrl-C: a lasting run goes on; one whose server ends with us is cancelled, not left
    hanging.
    """
    if open_.lasting:
        err.print(f"the run goes on: `lockstep runs show {handle.id}`", markup=False)
        return
    with contextlib.suppress(Exception):
        async with asyncio.timeout(_CANCEL_PATIENCE):
            await handle.cancel()
            await handle.result()
    err.print("the run was cancelled", markup=False)


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
    if not open_.lasting:
        out.print(
            "the run is kept and waits; nothing is running that could take an answer: "
            "start `lockstep dev` first"
        )
    return Exit.PAUSED


def show_question(question: Question) -> None:
    """Who is asked what, why, until when, and the exact words to answer with."""
    silence = "the run stops" if question.silence is Silence.ABORT else "the step is skipped"
    who = ", ".join(question.approvers) if ANYONE not in question.approvers else "anyone"
    out.print(
        f"[yellow]?[/yellow] step `{safe(question.step)}` waits for a human: {safe(question.why)}"
    )
    out.print(f"  proposed   {safe(question.tool)}({safe(question.shown)})")
    out.print(f"  reason     {safe(question.step_reason) or '-'}")
    out.print(f"  answer by  {question.deadline:%Y-%m-%d %H:%M} UTC, or {silence}")
    out.print(f"  may answer {safe(who)}")
    for offer in question.offers:
        tail = " --args '{…}'" if offer is Verdict.EDIT else ""
        out.print(f"    lockstep inbox {offer} {safe(question.run)} {safe(question.id)}{tail}")


async def _report(handle: WorkflowHandle[Run, Any], home: Home, progress: Progress) -> Exit:
    ended = await result(handle)
    if isinstance(ended, Finding):
        if is_json():
            emit_json({"status": "ended", "run": handle.id, "findings": [ended.model_dump()]})
        else:
            show_findings([ended])
        return CODES[ended.code].exit
    if is_json():
        emit_json(ended.model_dump(mode="json"))
    else:
        show_result(ended, progress.lock, FolderStore(home.values))
    if ended.status == "completed":
        return Exit.DONE
    return CODES[ended.findings[0].code].exit


def show_result(ended: RunResult, lock: Lock | None, store: FolderStore) -> None:
    """The end of a run: its findings, or what its last steps gave."""
    show_findings(ended.findings, out)
    if ended.status != "completed":
        out.print(f"[red]{ended.status}[/red] {safe(ended.run)}")
        return
    out.print(f"[green]completed[/green] {safe(ended.run)}")
    for id in _last(lock) if lock else ended.outputs:
        value = ended.outputs.get(id)
        if value is None:
            continue
        preview = value.preview
        if preview is None:
            with contextlib.suppress(LockstepError):
                preview = load(store, value) if value.size <= 4096 else None
        if isinstance(preview, dict):
            for key, text in preview.items():
                out.print(f"  {safe(id)}.{safe(key)}  {safe(text)}")
        else:
            out.print(f"  {safe(id)}  {value.size:,} bytes  {value.digest}")
    spent = ended.spent
    out.print(
        f"[dim]{spent.calls} calls, {spent.tokens} tokens, ${spent.microdollars / 1e6:.2f}; "
        f"{ended.events} events, head {ended.head[:19]}…[/dim]"
    )


def _last(lock: Lock) -> list[str]:
    """The steps that no other step needs: what the run was for."""
    needed = {need for step in lock.steps for need in step.needs}
    return [step.id for step in lock.steps if step.id not in needed]


def _announce(run: str, status: str) -> None:
    if is_json():
        emit_json({"status": status, "run": run})
    else:
        out.print(f"{status} {safe(run)}")
