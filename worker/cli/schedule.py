"""`lockstep schedule`: run a lock at set times, with no model asked."""

import asyncio
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from lockstep.decision import Outcome
from lockstep.duration import parse_duration
from lockstep.errors import LockstepError
from worker import schedules
from worker.cli.options import (
    AgentOption,
    InputOption,
    PersonOption,
    group,
    inputs,
    package_for,
    person,
    read_lock,
)
from worker.cli.run import refuse_early
from worker.cli.terminal import Format, FormatOption, emit_json, is_json, out, safe, say
from worker.home import Home
from worker.session import session

app = group(__doc__)

NameArgument = Annotated[str, typer.Argument(help="The schedule's name.")]


@app.command("create")
def create(
    name: NameArgument,
    lock: Annotated[Path, typer.Argument(help="A lock file.")],
    cron: Annotated[
        str | None,
        typer.Option("--cron", metavar="CRON", help='Five fields: "0 6 * * 1" is Monday at six.'),
    ] = None,
    every: Annotated[
        str | None, typer.Option("--every", metavar="TIME", help="A length of time: 7d, 12h.")
    ] = None,
    timezone: Annotated[
        str | None, typer.Option("--timezone", metavar="NAME", help="IANA name; by default UTC.")
    ] = None,
    input: InputOption = None,
    agent: AgentOption = None,
    as_: PersonOption = None,
    format: FormatOption = Format.HUMAN,
) -> None:
    """Run a lock on a schedule that Temporal keeps."""
    locked = read_lock(lock)
    refuse_early(locked, package_for(lock, agent), inputs(input), lock)
    if (cron is None) == (every is None):
        raise LockstepError.of(
            "LS-SCHED-003",
            f"schedule `{name}`",
            "wanted one of --cron and --every",
            'write --cron "0 6 * * 1" or --every 7d',
        )

    async def work() -> None:
        async with session(Home.find(), say, lasting=f"schedule `{name}`") as open_:
            await schedules.create(
                open_.client,
                name,
                locked,
                cron=cron,
                every=_every(name, every),
                timezone=timezone,
                inputs=inputs(input),
                started_by=person(as_),
            )

    asyncio.run(work())
    if is_json():
        emit_json({"schedule": name, "lock": locked.digest})
    else:
        out.print(f"[green]scheduled[/green] {safe(name)}: {safe(cron or every)}")
        asking = [step.id for step in locked.steps if step.expected is Outcome.REQUIRE_APPROVAL]
        if asking:
            say(f"step `{asking[0]}` asks a human in each run, unless a yes stands")


def _every(name: str, every: str | None) -> timedelta | None:
    if every is None:
        return None
    try:
        length: timedelta = parse_duration(every)
    except ValueError as error:
        raise LockstepError.of(
            "LS-SCHED-003", f"schedule `{name}`", str(error), "write --every 7d"
        ) from None
    if length < timedelta(seconds=1):
        raise LockstepError.of(
            "LS-SCHED-003", f"schedule `{name}`", "the shortest interval is 1s", "write --every 7d"
        )
    return length


@app.command("list")
def list_(format: FormatOption = Format.HUMAN) -> None:
    """All schedules that run a lock."""

    async def work() -> list[schedules.Scheduled]:
        async with session(Home.find(), say) as open_:
            return await schedules.listed(open_.client)

    rows = asyncio.run(work())
    if is_json():
        emit_json([vars(row) for row in rows])
        return
    if not rows:
        out.print("no schedules: make one with `lockstep schedule create NAME LOCK --cron …`")
        return
    table = Table(box=None, pad_edge=False)
    for column in ("schedule", "agent", "environment", "next (UTC)", "what"):
        table.add_column(column, style="bold" if column == "schedule" else "", overflow="fold")
    for row in rows:
        table.add_row(
            safe(row.id), safe(row.agent), safe(row.environment), _next(row), safe(row.note)
        )
    out.print(table)


@app.command("describe")
def describe(name: NameArgument, format: FormatOption = Format.HUMAN) -> None:
    """One schedule: its lock, its next times, its recent runs."""

    async def work() -> tuple[schedules.Scheduled, list[datetime]]:
        async with session(Home.find(), say) as open_:
            return await schedules.describe(open_.client, name)

    row, upcoming = asyncio.run(work())
    if is_json():
        emit_json({**vars(row), "upcoming": upcoming})
        return
    out.print(f"[bold]{safe(row.id)}[/bold]  {safe(row.note)}")
    out.print(f"  agent    {safe(row.agent)} in {safe(row.environment)}")
    out.print(f"  lock     {safe(row.lock)}")
    utc = "" if row.paused or row.next_at is None else " UTC"
    out.print(f"  next     {_next(row)}{utc}")
    for at in upcoming[1:5]:
        out.print(f"           {at:%Y-%m-%d %H:%M} UTC")
    for id in row.recent:
        out.print(f"  ran      {safe(id)}")


@app.command("trigger")
def trigger(name: NameArgument, format: FormatOption = Format.HUMAN) -> None:
    """Start a run of the schedule's lock now."""

    async def work() -> None:
        async with session(Home.find(), say, lasting=f"a run of schedule `{name}`") as open_:
            await schedules.trigger(open_.client, name)

    asyncio.run(work())
    if is_json():
        emit_json({"schedule": name, "triggered": True})
    else:
        out.print(f"[green]triggered[/green] {safe(name)}: see `lockstep runs list`")


@app.command("delete")
def delete(name: NameArgument, format: FormatOption = Format.HUMAN) -> None:
    """Forget the schedule; runs that it started go on."""

    async def work() -> None:
        async with session(Home.find(), say) as open_:
            await schedules.delete(open_.client, name)

    asyncio.run(work())
    if is_json():
        emit_json({"schedule": name, "deleted": True})
    else:
        out.print(f"[green]deleted[/green] {safe(name)}")


def _next(row: schedules.Scheduled) -> str:
    if row.paused:
        return "paused"
    return f"{row.next_at:%Y-%m-%d %H:%M}" if row.next_at else "-"
