"""How a run ended, as a person reads it: its findings, or what its last steps gave."""

import contextlib

from activities.store import FolderStore, load
from lockstep.errors import LockstepError
from lockstep.fallback import last
from lockstep.lock import Lock
from worker.cli.bill import cost
from worker.cli.terminal import counted, out, safe, show_findings
from workflows.run_result import RunResult


def show_result(ended: RunResult, lock: Lock | None, store: FolderStore) -> None:
    """The end of a run: its findings, or what its last steps gave."""
    show_findings(ended.findings, out)
    if ended.status != "completed":
        out.print(f"[red]{ended.status}[/red] {safe(ended.run)}")
        if ended.status == "failed" and ended.outputs:
            out.print(f"[dim]once it is mended: lockstep fork {safe(ended.run)}[/dim]")
        return
    out.print(f"[green]completed[/green] {safe(ended.run)}")
    # A run whose rest was planned anew ended by another lock than the one it began with.
    known = lock is not None and lock.digest == ended.lock
    for id in last(lock.steps) if lock is not None and known else ended.outputs:
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
        f"[dim]{counted(spent.calls, 'call')}, {counted(spent.tokens, 'token')}, "
        f"${spent.microdollars / 1e6:.2f}, {counted(ended.planner_calls, 'planner call')}; "
        f"{ended.events} events, head {ended.head[:19]}…[/dim]"
    )
    if ended.planned is not None:
        out.print(f"[dim]  of it to plan: {safe(cost(ended.planned.bill))}[/dim]")
