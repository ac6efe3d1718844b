"""`lockstep replay`: send a run's history through the code again, and compare what Temporal does
not.
"""

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from temporalio.client import WorkflowHistory

from activities.package import find_root, load_package
from activities.store import FolderStore
from lockstep.bundle import MAX_HISTORY_BYTES
from lockstep.codes import Exit
from lockstep.errors import LockstepError
from lockstep.loading import read
from policies.world import World
from worker.again.replay import ReplayReport, compare
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
from worker.discovery import packages
from worker.home import Home
from worker.records.history import fetch
from worker.records.saved import parsed
from worker.runs import resolve, subject_of
from worker.session import session


def replay(
    run: Annotated[
        str, typer.Argument(help="A run's id, the start of one, `latest`, or a history in JSON.")
    ],
    agent: Annotated[
        Path | None,
        typer.Option(
            "--agent", metavar="FOLDER", help="The agent's folder; by default searched for."
        ),
    ] = None,
    save: Annotated[
        Path | None,
        typer.Option("--save", metavar="FILE", help="Write the history to a file as well."),
    ] = None,
    format: FormatOption = Format.HUMAN,
) -> None:
    """Replay a run: arguments, timeouts, decisions, outputs and result must all be the same
    again.
    """
    home = Home.find()
    path = Path(run)
    saved = path.suffix == ".json"
    history = saved_history(path) if saved else asyncio.run(_fetched(run, home))
    if save is not None:
        write_file(save, history.to_json())
    world, notes = _world(subject_of(history), agent)
    report = asyncio.run(compare(history, FolderStore(home.values), world))
    report = report.model_copy(update={"notes": (*report.notes, *notes)})
    if is_json():
        emit_json(report.model_dump(mode="json"))
    else:
        _show(report)
    if report.findings:
        raise typer.Exit(Exit.REJECTED)


def saved_history(path: Path) -> WorkflowHistory:
    """A history in a file of any name: which run it is of stands in it."""
    return parsed(read(path, MAX_HISTORY_BYTES), str(path), path.stem)


async def _fetched(run: str, home: Home) -> WorkflowHistory:
    async with session(home, say) as open_:
        return await fetch(open_.client, await resolve(open_.client, run))


def _world(
    subject: tuple[str, str] | None, agent: Path | None
) -> tuple[World | None, tuple[str, ...]]:
    """The agent as it is now, wherever it is found; without it the decisions are taken as
    recorded.
    """
    if subject is None:
        return None, ()
    name, environment = subject
    try:
        if agent is not None:
            return load_package(find_root(agent)).world(environment), ()
        for package in packages(Path.cwd()):
            if package.agent.name == name:
                return package.world(environment), ()
    except LockstepError as error:
        return None, (str(error),)
    return None, (f"agent `{name}` was not found here: name its folder with --agent",)


def _show(report: ReplayReport) -> None:
    show_findings(report.findings, out)
    for note in report.notes:
        out.print(f"[yellow]note[/yellow] {safe(note)}")
    compared = (
        f"{report.activities} activities, {report.decisions} decisions, {report.outputs} outputs, "
        f"{report.events} events"
    )
    if report.findings:
        out.print(f"[red]differs[/red] {safe(report.run)}: {compared} compared")
        return
    end = "" if report.result else "; there is no result to compare"
    out.print(f"[green]the same again[/green] {safe(report.run)}: {compared}{end}")
    if report.head:
        out.print(f"[dim]head {report.head}[/dim]")
