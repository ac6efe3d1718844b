"""`lockstep standin`: a model that says what a script says, until Ctrl-C."""

import asyncio
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from worker.cli.terminal import Format, FormatOption, emit_json, is_json, out, safe, say
from worker.standin import server
from worker.standin.ledger import Entry

_KEY = "anything"
"""A stand-in wants a key, as the API does, and takes every one."""


def standin(
    script: Annotated[Path, typer.Argument(help="The script: a JSON or TOML file, `standin/1`.")],
    port: Annotated[
        int,
        typer.Option(
            "--port",
            metavar="PORT",
            min=0,
            max=65535,
            help="The port; 0 is any that is free.",
            show_default=True,
        ),
    ] = 0,
    format: FormatOption = Format.HUMAN,
) -> None:
    """Answer in a model's place, from a script; Ctrl-C ends it."""
    asyncio.run(_standin(script, port))


async def _standin(script: Path, port: int) -> None:
    told = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    with server.standin(script, port, heard=_tell) as model:
        variables = {"ANTHROPIC_BASE_URL": model.base_url, "ANTHROPIC_API_KEY": _KEY}
        if is_json():
            emit_json(
                {
                    "base_url": model.base_url,
                    "ledger": f"{model.base_url}/ledger",
                    "environment": variables,
                }
            )
        else:
            out.print(f"[green]stand-in[/green]  {model.base_url}  [dim]{safe(script)}[/dim]")
            for name, value in variables.items():
                out.print(f"  export {name}={value}")
            out.print(f"[green]ledger[/green]    {model.base_url}/ledger")
            out.print("[dim]Ctrl-C ends it[/dim]")
        # Whoever started us through a pipe waits for this.
        sys.stdout.flush()
        await told.wait()
    totals = model.totals
    say(f"{totals.requests} requests, {totals.usage.total:,} tokens")


def _tell(entry: Entry) -> None:
    """A line a request, as it ends."""
    where = "" if entry.scene is None else f" /scenes/{entry.scene}/answers/{entry.answer}"
    said = f": {entry.error}" if entry.error else ""
    usage = entry.usage
    say(
        f"{entry.number}  {entry.endpoint}  {entry.kind}{where}  {entry.status or 'no status'}, "
        f"{entry.ending}{said}  {usage.input_tokens} in, {usage.cache_creation_input_tokens} "
        f"written, {usage.cache_read_input_tokens} read, {usage.output_tokens} out"
    )
