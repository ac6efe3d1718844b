"""`lockstep audit`: what happened, in a form that outlives the server: export it, check it, tell
it.
"""

import asyncio
import re
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from activities.store import FolderStore
from lockstep.audited import Audited
from lockstep.bundle import SUMS
from lockstep.canonical import Digest
from lockstep.codes import Exit
from lockstep.contents import Look
from lockstep.errors import LockstepError
from worker.audits.audit import bundled, examined, verified
from worker.audits.bundle import Bundle, raise_if_there, write_bundle
from worker.audits.evidence import Evidence
from worker.audits.review import Reviewed, reviewed
from worker.cli.audit_page import markdown, show_page, show_review, show_verdict
from worker.cli.beside import first_of, looking
from worker.cli.options import RunArgument, SinceOption, ago, group
from worker.cli.terminal import Format, FormatOption, emit_json, is_json, out, safe, say
from worker.home import Home
from worker.records.history import fetch, replay
from worker.runs import listed, resolve
from worker.session import session

app = group(__doc__)

HeadOption = Annotated[
    str | None,
    typer.Option(
        "--head",
        metavar="DIGEST",
        help="The head that was kept elsewhere: `sha256:` and 64 digits.",
    ),
]
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@app.command("export")
def export(
    run: RunArgument,
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="The bundle: a folder that is not there yet.")
    ],
    values: Annotated[
        bool,
        typer.Option(
            "--values/--without-values",
            help="With outputs and arguments in full, or with their digests alone.",
        ),
    ] = True,
    format: FormatOption = Format.HUMAN,
) -> None:
    """Write all that is left of a run into a folder. Keep it where nobody changes it."""
    raise_if_there(folder)
    home = Home.find()
    past = asyncio.run(_past(run, home))
    files = bundled(past, FolderStore(home.values), _look(past, home), values=values)
    sums = write_bundle(folder, files)
    bundle = Bundle.open(folder)
    if is_json():
        told = {"run": past.history.workflow_id, "folder": str(folder), "files": len(bundle.sums)}
        emit_json({**told, "head": past.head, "sums": sums})
        return
    out.print(f"[green]exported[/green] {safe(past.history.workflow_id)} to {safe(folder)}")
    out.print(f"  head  {past.head}")
    out.print(f"  sums  {sums}, of {len(bundle.sums)} files")
    say(f"keep the head elsewhere, or sign {folder / SUMS}; then: lockstep audit verify {folder}")


@app.command("verify")
def verify(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A bundle.")],
    head: HeadOption = None,
    format: FormatOption = Format.HUMAN,
) -> None:
    """Hold a bundle against itself. No server, network or code of the agent is needed."""
    found = asyncio.run(verified(Bundle.open(folder), _digest(head)))
    if is_json():
        emit_json(found.model_dump(mode="json"))
    else:
        show_verdict(found)
    _leave(found)


@app.command("report")
def report(
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="A run as above, or the folder of a bundle.")
    ],
    head: HeadOption = None,
    as_markdown: Annotated[
        bool, typer.Option("--markdown", help="As Markdown, for a ticket.")
    ] = False,
    format: FormatOption = Format.HUMAN,
) -> None:
    """Tell on one page what a run was. What it called with what, who said yes, and what speaks
    against it.
    """
    kept = _digest(head)
    # No run's id has a slash in it.
    if "/" in run or (Path(run) / SUMS).is_file():
        found = asyncio.run(verified(Bundle.open(Path(run)), kept))
    else:
        home = Home.find()
        past = asyncio.run(_past(run, home))
        found = examined(past, FolderStore(home.values), _look(past, home), head=kept)
    if is_json():
        emit_json(found.model_dump(mode="json"))
    elif as_markdown:
        out.print(markdown(found), markup=False, soft_wrap=True, end="")
    else:
        show_page(found)
    _leave(found)


@app.command("list")
def list_(
    since: SinceOption = "30d",
    limit: Annotated[
        int,
        typer.Option("--limit", metavar="N", min=1, max=10_000, help="The newest so many runs."),
    ] = 200,
    format: FormatOption = Format.HUMAN,
) -> None:
    """Tell of many runs, a line each. Who started it, how it ended, what policy and people said."""
    rows, more = asyncio.run(_reviewed(ago(since), limit))
    if is_json():
        emit_json([row.model_dump(mode="json") for row in rows])
    else:
        show_review(rows)
        if more:
            say(f"there are older runs: raise --limit to see more than {limit:,}")
    if any(row.findings for row in rows):
        raise typer.Exit(Exit.REJECTED)


async def _reviewed(since: datetime, limit: int) -> tuple[list[Reviewed], bool]:
    """Newest first, one history at a time; one that the server has dropped since is left out."""
    rows: list[Reviewed] = []
    async with session(Home.find(), say) as open_:
        found = [row for row in await listed(open_.client, limit + 1) if row.started_at >= since]
        for row in found[:limit]:
            try:
                history = await fetch(open_.client, row.id)
            except LockstepError:
                continue
            rows.append(reviewed(Evidence.given(history, await replay(history))))
    return rows, len(found) > limit


async def _past(run: str, home: Home) -> Evidence:
    async with session(home, say) as open_:
        history = await fetch(open_.client, await resolve(open_.client, run))
    return await Evidence.of(history)


def _look(past: Evidence, home: Home) -> Look:
    """Where to find what the locks pin: among the values that workers here have kept."""
    return first_of(*(looking(None, lock, home.values)[0] for lock in past.trail.locks))


def _digest(head: str | None) -> Digest | None:
    if head is not None and _DIGEST.fullmatch(head) is None:
        raise LockstepError.of(
            "LS-CLI-001",
            "--head",
            f"`{head[:80]}` is no head: `sha256:` and 64 hexadecimal digits",
            "write all of it, as `lockstep audit export` and `lockstep replay` print it",
        )
    return None if head is None else Digest(head)


def _leave(found: Audited) -> None:
    if not found.holds:
        raise typer.Exit(Exit.REJECTED)
