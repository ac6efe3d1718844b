"""`lockstep runs`: which runs there are, how one went, and every event of it."""

import asyncio
import json
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from temporalio.client import WorkflowExecutionStatus, WorkflowHistory

from activities.store import FolderStore
from lockstep.errors import LockstepError
from lockstep.escalation import Ground, Question
from lockstep.event import Event, RunStarted
from lockstep.finding import Finding
from lockstep.lock import Lock
from worker.cli.beside import looking
from worker.cli.lockfile import keep_contents
from worker.cli.options import RunArgument, group
from worker.cli.outcome import show_result
from worker.cli.planning import show_planning
from worker.cli.progress import Progress
from worker.cli.question import show_question
from worker.cli.story import tell
from worker.cli.terminal import (
    Format,
    FormatOption,
    emit_json,
    is_json,
    out,
    safe,
    say,
    show_findings,
    write_file,
)
from worker.home import Home
from worker.inbox import open_questions
from worker.plain import plain
from worker.plans import ended
from worker.records.history import PLANNING, events_of, fetch, kind_of
from worker.records.locks import locks_of, proposed_in
from worker.runs import Listed, listed, lock_of, raise_if_ended, resolve, result
from worker.session import has_worker, session
from workflows.lock_plan import LockPlan, LockResult
from workflows.run import Run
from workflows.run_result import RunResult

app = group(__doc__)

_BETWEEN = len("    2026-11-21 08:55  ")
"""What stands between an id, a status and a length of time in the list."""


@app.command("list")
def list_(
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=1, max=1000, help="How many.")
    ] = 20,
    plannings: Annotated[
        bool, typer.Option("--plannings", help="Plannings instead: how locks came about.")
    ] = False,
    format: FormatOption = Format.HUMAN,
) -> None:
    """The latest runs, newest first; or plannings."""

    async def work() -> list[Listed]:
        async with session(Home.find(), say) as open_:
            return await listed(open_.client, limit, PLANNING if plannings else "Run")

    rows = asyncio.run(work())
    if is_json():
        emit_json([vars(row) for row in rows])
        return
    if not rows:
        first = "plannings yet: begin one with `lockstep plan` or `lockstep lock PLAN`"
        out.print(f"no {first}" if plannings else "no runs yet: start one with `lockstep run LOCK`")
        return
    table = Table(box=None, pad_edge=False)
    what = "planning" if plannings else "run"
    for column in (what, "status", "started", "took"):
        table.add_column(column, style="bold" if column == what else "", no_wrap=True)
    # An id is there to be copied: where the terminal is too narrow it has a line to itself.
    cells = [(row.id, row.status, _took(row)) for row in rows]
    wide = sum(max(map(len, column)) for column in zip(*cells, strict=True))
    narrow = out.width < wide + _BETWEEN
    colours = {"completed": "green", "failed": "red", "waiting": "yellow", "running": "cyan"}
    for row in rows:
        colour = colours.get(row.status, "")
        status = f"[{colour}]{row.status}[/{colour}]" if colour else row.status
        started = f"{row.started_at:%Y-%m-%d %H:%M}"
        whence = f"\n  [not bold dim]forked from {safe(row.forked)}[/]" if row.forked else ""
        if narrow:
            out.print(f"[bold]{safe(row.id)}[/bold]{whence}")
            out.print(f"  {status}  {started}  {_took(row)}")
        else:
            table.add_row(safe(row.id) + whence, status, started, _took(row))
    if not narrow:
        out.print(table)


@dataclass(frozen=True)
class _Seen:
    """A run or a planning as its history and its server show it; `ended` once it has. `idle` is the
    queue that nobody polls, where it is not over and stands still for that.
    """

    id: str
    history: WorkflowHistory
    events: list[Event]
    questions: list[Question]
    ended: RunResult | LockResult | Finding | None
    idle: str = ""

    @property
    def lock(self) -> Lock | None:
        """The lock that a run goes by, or that a planning made; while somebody is asked for a yes
        to a new rest, the one that it is about.
        """
        if isinstance(self.ended, LockResult):
            return self.ended.lock
        if any(question.ground is Ground.REPLAN for question in self.questions):
            return proposed_in(self.history, self.events)
        return next(reversed(locks_of(self.history, self.events)), None)

    @property
    def json(self) -> dict[str, Any]:
        status = "running" if self.ended is None else getattr(self.ended, "status", "ended")
        return {
            "run": self.id,
            "status": status,
            "result": None if self.ended is None else self.ended.model_dump(mode="json"),
            "questions": [question.model_dump(mode="json") for question in self.questions],
            "events": len(self.events),
        }


@app.command("show")
def show(
    run: RunArgument,
    out_file: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="FILE", help="Write the lock it ran, or made, to a file."
        ),
    ] = None,
    format: FormatOption = Format.HUMAN,
) -> None:
    """One run or planning: its steps or proposals, questions, end."""
    home = Home.find()
    seen = asyncio.run(_look(home, run))
    if out_file is not None:
        if seen.lock is None:
            raise LockstepError.of(
                "LS-LOCK-004", f"`{seen.id}`", "has no lock", "plan again, or lock a plan by hand"
            )
        kept, _ = looking(None, seen.lock, home.values)
        keep_contents(seen.lock, out_file, kept)
        write_file(out_file, seen.lock.model_dump_json(indent=2) + "\n")
        say(f"lock {seen.lock.digest} written to {out_file}")
    if is_json():
        emit_json(seen.json)
    elif kind_of(seen.history) == PLANNING:
        assert not isinstance(seen.ended, RunResult)
        show_planning(seen.history, seen.events, seen.questions, seen.ended)
    else:
        _show_run(seen, home)
    if seen.idle and not is_json():
        say(
            f"no worker polls `{seen.idle}`: it goes on when one does, nothing is lost; "
            "start `lockstep dev` or `lockstep worker`"
        )


async def _look(home: Home, run: str) -> _Seen:
    async with session(home, say) as open_:
        id = await resolve(open_.client, run)
        history = await fetch(open_.client, id)
        events = await events_of(history)
        description = await open_.client.get_workflow_handle(id).describe()
        if description.status is WorkflowExecutionStatus.RUNNING:
            asked = await open_questions(open_.client, id)
            served = await has_worker(open_.client, description.task_queue)
            idle = "" if served else description.task_queue
            return _Seen(id, history, events, asked, None, idle)
        if kind_of(history) == PLANNING:
            made = await ended(open_.client.get_workflow_handle_for(LockPlan.run, id))
            return _Seen(id, history, events, [], made)
        done = await result(open_.client.get_workflow_handle_for(Run.run, id))
        return _Seen(id, history, events, [], done)


def _show_run(seen: _Seen, home: Home) -> None:
    for event in seen.events:
        if isinstance(event.what, RunStarted):
            out.print(safe(tell(event)))
    if seen.lock is not None:
        progress = Progress(lock_of(seen.history) or seen.lock, out, quiet=True)
        progress.take(seen.events)
        out.print(progress.table(datetime.now(UTC)))
    for question in seen.questions:
        show_question(question)
    if isinstance(seen.ended, Finding):
        show_findings([seen.ended], out)
    elif isinstance(seen.ended, RunResult):
        show_result(seen.ended, seen.lock, FolderStore(home.values))
    elif not seen.questions:
        out.print("[cyan]running[/cyan]")


@app.command("events")
def events(
    run: RunArgument,
    export: Annotated[
        Path | None,
        typer.Option("--export", metavar="FILE", help="Write the events as JSON Lines to a file."),
    ] = None,
    format: FormatOption = Format.HUMAN,
) -> None:
    """Every event of a run, numbered, chained, from its history."""

    async def work() -> None:
        async with session(Home.find(), say) as open_:
            id = await resolve(open_.client, run)
            found = await events_of(await fetch(open_.client, id))
        lines = "".join(json.dumps(event.line) + "\n" for event in found)
        if export is not None:
            write_file(export, lines)
            say(f"{len(found)} events written to {export}")
        elif is_json():
            sys.stdout.write(lines)
        else:
            for event in found:
                text = "\n      ".join(map(plain, tell(event).splitlines()))
                out.print(f"{event.seq:4d}  {event.at:%H:%M:%S}  {text}", markup=False)

    asyncio.run(work())


@app.command("cancel")
def cancel(run: RunArgument, format: FormatOption = Format.HUMAN) -> None:
    """Stop a run: running steps are cancelled, nothing more is started."""

    async def work() -> str:
        lasting = "the cancelling of a run"
        async with session(Home.find(), say, lasting=lasting, borrowed=True) as open_:
            id = await resolve(open_.client, run)
            await raise_if_ended(open_.client, id)
            await open_.client.get_workflow_handle(id).cancel()
            return id

    id = asyncio.run(work())
    if is_json():
        emit_json({"run": id, "cancelled": True})
    else:
        out.print(f"[green]cancelling[/green] {safe(id)}: see `lockstep runs show`")


def _took(row: Listed) -> str:
    end = row.closed_at or datetime.now(UTC)
    seconds = int((end - row.started_at).total_seconds())
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
