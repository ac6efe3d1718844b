"""`lockstep dev`: the whole of it on one machine, until Ctrl-C."""

import asyncio
import signal
from pathlib import Path
from typing import Annotated

import typer

from lockstep.errors import LockstepError
from worker.cli.options import served
from worker.cli.terminal import Format, FormatOption, emit_json, is_json, out, safe, say
from worker.discovery import packages
from worker.home import Home
from worker.session import Served, worker_command
from worker.stack import embedded_stack


def dev(
    agent: Annotated[
        list[Path] | None,
        typer.Option("--agent", help="An agent's folder; repeatable; by default all found here."),
    ] = None,
    port: Annotated[int | None, typer.Option("--port", min=1, max=65535)] = None,
    ui_port: Annotated[int | None, typer.Option("--ui-port", min=1, max=65535)] = None,
    format: FormatOption = Format.HUMAN,
) -> None:
    """Start Temporal with its Web UI and a supervised worker; Ctrl-C stops both."""
    chosen = [
        served(package, environment)
        for start in agent or [Path.cwd()]
        for package in packages(start)
        for environment in package.environments
    ]
    if not chosen:
        raise LockstepError.of(
            "LS-AGENT-001",
            str(Path.cwd()),
            "no agent package here, above, or two folders below",
            "name one with --agent",
        )
    for one in chosen:
        # What a worker would stumble over is said now, by its code, and not in a log.
        next(p for p in packages(one.root)).world(one.environment)
    asyncio.run(_dev(chosen, port, ui_port))


async def _dev(chosen: list[Served], port: int | None, ui_port: int | None) -> None:
    told = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    home = Home.find()
    async with embedded_stack(
        home,
        worker_command=worker_command(chosen),
        kind="dev",
        ui=True,
        say=say,
        port=port,
        ui_port=ui_port,
    ) as stack:
        server = stack.server
        if is_json():
            emit_json({"address": server.address, "ui": server.ui, "home": str(home.root)})
        else:
            out.print(f"[green]Temporal[/green]  {server.address}")
            out.print(f"[green]Web UI[/green]    {server.ui}")
            for one in chosen:
                out.print(
                    f"[green]worker[/green]    {safe(one.queue)}  [dim]{safe(one.root)}[/dim]"
                )
            out.print(f"[dim]logs in {safe(home.logs)}; Ctrl-C stops everything[/dim]")
        await told.wait()
        # From here on Ctrl-C ends the waiting for whoever still uses the server.
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().remove_signal_handler(number)
        say("stopping")
