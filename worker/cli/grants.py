"""`lockstep grants`: the yeses that stand for every run of a lock."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated

import typer

from lockstep.decision import StandingGrant
from lockstep.errors import LockstepError
from worker.cli.options import HereOption, RunArgument, agent_here, group
from worker.cli.standing import Kept, keep, kept, revoke, short, standing_in
from worker.cli.terminal import (
    Format,
    FormatOption,
    counted,
    emit_json,
    is_json,
    out,
    safe,
    say,
)
from worker.home import Home
from worker.runs import resolve
from worker.session import session

app = group(__doc__)


@app.command("list")
def list_(agent: HereOption = None, format: FormatOption = Format.HUMAN) -> None:
    """The grants in an agent's folder, and whether each counts."""
    found = kept(agent_here(agent), datetime.now(UTC))
    if is_json():
        emit_json([_json(one) for one in found])
        return
    if not found:
        out.print("no yes stands: give one with `lockstep inbox approve RUN --standing 30d`")
    for one in found:
        _show(one)


@app.command("keep")
def keep_(
    run: RunArgument,
    agent: HereOption = None,
    format: FormatOption = Format.HUMAN,
) -> None:
    """Write the grants that a run was given beside its lock."""
    package = agent_here(agent)

    async def work() -> list[StandingGrant]:
        async with session(Home.find(), say) as open_:
            return await standing_in(open_.client, await resolve(open_.client, run), package)

    given = asyncio.run(work())
    paths = keep(package, given, datetime.now(UTC))
    if is_json():
        emit_json({"grants": len(given), "files": [str(path) for path in paths]})
        return
    for path in paths:
        out.print(f"[green]kept[/green] {safe(path)}: review it, commit it, and deploy it")
    if not paths:
        out.print("nothing to keep: none was given, or all are kept already or have expired")


@app.command("revoke")
def revoke_(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="GRANT", help="Names that `grants list` shows.")
    ] = None,
    expired: Annotated[
        bool, typer.Option("--expired", help="Also take out all that have expired.")
    ] = False,
    agent: HereOption = None,
    format: FormatOption = Format.HUMAN,
) -> None:
    """Take grants back; workers that see the folder heed it at once."""
    if not names and not expired:
        raise LockstepError.of(
            "LS-CLI-001", "", "wanted a grant to take back, or --expired", "see `grants list`"
        )
    gone = revoke(agent_here(agent), names or [], expired, datetime.now(UTC))
    if is_json():
        emit_json({"revoked": [_json(one) for one in gone]})
        return
    for one in gone:
        _show(one, "[yellow]taken out[/yellow]")
    out.print(f"{counted(len(gone), 'grant')} taken out: commit it, and deploy it to the workers")


def _json(one: Kept) -> dict[str, object]:
    return {
        "grant": short(one.grant),
        "file": str(one.path),
        "fault": one.fault,
        **one.grant.model_dump(mode="json"),
    }


def _show(one: Kept, state: str = "") -> None:
    grant = one.grant
    state = state or (f"[red]{safe(one.fault)}[/red]" if one.fault else "[green]counts[/green]")
    out.print(
        f"[bold]{short(grant)}[/bold]  step {safe(grant.step)}, {safe(grant.rule)} lifted by "
        f"{safe(grant.by)} until {grant.expires_at:%Y-%m-%d %H:%M} UTC  {state}"
    )
    out.print(f"  [dim]arguments {grant.args_digest}, in {safe(one.path)}[/dim]")
    out.print(f"  [dim]given in {safe(grant.run)}, {safe(grant.question)}[/dim]")
