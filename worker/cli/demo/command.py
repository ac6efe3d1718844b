"""`lockstep demo`: the six failures of production agents, live, in under a minute.

Real Temporal, real policy, real runs; only the model is a stand-in, because it has to misbehave on
cue. No key and no network are needed.
"""

import asyncio
import time

import typer
from rich.table import Table

from lockstep.codes import Exit
from worker.cli.demo.acts import ACTS, Row
from worker.cli.demo.stage import Stage, staged
from worker.cli.terminal import Format, FormatOption, emit_json, is_json, out, safe
from worker.home import Home


def demo(format: FormatOption = Format.HUMAN) -> None:
    """Show the six failures of production agents, and what Lockstep answers; needs no key."""
    home = Home.find()
    began = time.monotonic()

    async def work() -> tuple[list[Row], Stage]:
        out.print("[bold]Six ways an agent fails in production, and what Lockstep answers.[/bold]")
        out.print("Temporal, policy and runs are real. The model is a stand-in that misbehaves;")
        out.print("nothing is paid: prices are what a real model would have cost.\n")
        async with staged(home) as stage:
            rows = []
            for number, (name, says, act) in enumerate(ACTS, start=1):
                out.print(f"[bold]{number}  {name}[/bold]: {says}")
                rows.append(await act(stage))
                out.print()
            return rows, stage

    out.quiet = is_json()
    rows, stage = asyncio.run(work())
    out.quiet = False
    if is_json():
        emit_json({"acts": [vars(row) for row in rows], "runs": stage.runs})
    else:
        _ending(rows, stage, home, time.monotonic() - began)
    if not all(row.held for row in rows):
        raise typer.Exit(Exit.ERROR)


def _ending(rows: list[Row], stage: Stage, home: Home, seconds: float) -> None:
    table = Table(box=None, pad_edge=False)
    for column in ("", "failure", "the model", "Lockstep"):
        table.add_column(column, header_style="dim")
    for row in rows:
        mark = "[green]✓[/green]" if row.held else "[red]✗ not as said[/red]"
        table.add_row(mark, row.failure, row.model, row.answer)
    out.print(table)
    totals = stage.model.totals
    out.print(
        f"\n{seconds:.0f} s; {totals.requests} planner calls, all of them to plan; "
        f"{len(stage.runs)} runs, which made none"
    )
    last = stage.runs[-1]
    out.print("\nLook closer:")
    out.print(f"  lockstep runs show {safe(last)}")
    out.print(f"  lockstep runs events {safe(stage.runs[0])}")
    out.print(
        "  lockstep dev                    [dim]then http://127.0.0.1:8233, Temporal's Web UI[/dim]"
    )
    out.print(f"  {safe(home.root / 'demo' / 'digests' / 'latest.html')}    [dim]the digest[/dim]")
