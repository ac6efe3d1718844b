"""`lockstep dev`: the whole of it on one machine, until Ctrl-C."""

import asyncio
import signal
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from lockstep.errors import LockstepError
from worker.cli.terminal import Format, FormatOption, emit_json, is_json, out, safe, say
from worker.connection import connect
from worker.discovery import packages
from worker.embedded.stack import Stack, embedded_stack
from worker.home import Home
from worker.session import Served, has_worker, worker_command

_PATIENCE = 15.0
"""Seconds that a worker is given to come up before we say that it has not."""


def dev(
    agent: Annotated[
        list[Path] | None,
        typer.Option(
            "--agent",
            metavar="FOLDER",
            help="An agent's folder; repeatable; by default all found here.",
        ),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            "--port",
            metavar="PORT",
            min=1,
            max=65535,
            help="The server's port; by default 7233, or a free one.",
        ),
    ] = None,
    ui_port: Annotated[
        int | None,
        typer.Option(
            "--ui-port",
            metavar="PORT",
            min=1,
            max=65535,
            help="The Web UI's port; by default 8233, or a free one.",
        ),
    ] = None,
    format: FormatOption = Format.HUMAN,
) -> None:
    """Start Temporal with its Web UI and a supervised worker; Ctrl-C stops both."""
    chosen = [one for start in agent or [Path.cwd()] for one in _found(start)]
    for one in chosen:
        # What a worker would stumble over is said now, by its code, and not in a log.
        next(p for p in packages(one.root)).world(one.environment)
    asyncio.run(_dev(chosen, port, ui_port))


def _found(start: Path) -> list[Served]:
    """Every environment of every agent that a folder leads to, or LS-AGENT-001."""
    found = list(packages(start))
    if not found:
        raise LockstepError.of(
            "LS-AGENT-001",
            str(start),
            "no agent package here, above, or two folders below",
            "name an agent's folder with --agent",
        )
    return [Served.of(package, name) for package in found for name in package.environments]


async def _late(stack: Stack, chosen: list[Served], told: asyncio.Event) -> set[str]:
    """The queues that no worker polls after a while. What is typed next, and comes sooner than our
    worker, would bring one of its own.
    """
    client = await connect(stack.target)
    late = {one.queue for one in chosen}
    with suppress(TimeoutError):
        async with asyncio.timeout(_PATIENCE):
            while late and not told.is_set():
                late = {queue for queue in late if not await has_worker(client, queue)}
                await asyncio.sleep(0.1 if late else 0)
    return late


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
        if not is_json():
            out.print(f"[green]Temporal[/green]  {stack.server.address}")
            out.print(f"[green]Web UI[/green]    {stack.server.ui}")
        late = await _late(stack, chosen, told)
        if not told.is_set():
            _announce(stack, chosen, late, home)
        await told.wait()
        # From here on Ctrl-C ends the waiting for whoever still uses the server.
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().remove_signal_handler(number)
        say("stopping")


def _announce(stack: Stack, chosen: list[Served], late: set[str], home: Home) -> None:
    """That all is up, or what is not; whoever reads JSON waits for this."""
    server = stack.server
    if is_json():
        emit_json({"address": server.address, "ui": server.ui, "home": str(home.root)})
        return
    for one in chosen:
        state = "  [yellow]not up yet[/yellow]" if one.queue in late else ""
        out.print(f"[green]worker[/green]    {safe(one.queue)}  [dim]{safe(one.root)}[/dim]{state}")
    out.print(f"[dim]logs in {safe(home.logs)}; Ctrl-C stops everything[/dim]")
