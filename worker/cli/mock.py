"""`lockstep mock`: answers for a sandbox, taken from a run that really took place."""

import asyncio
import re
from typing import Annotated

import typer

from activities.package import AgentPackage
from activities.store import FolderStore
from lockstep.compose import COMPOSE
from lockstep.errors import LockstepError
from lockstep.loading import parse_json
from worker.again.taped import Tape, taped
from worker.cli.options import HereOption, RunArgument, agent_here, group
from worker.cli.terminal import (
    Format,
    FormatOption,
    counted,
    emit_json,
    is_json,
    out,
    safe,
    say,
    write_file,
)
from worker.home import Home
from worker.records.history import PLANNING, fetch, kind_of
from worker.runs import resolve, subject_of
from worker.session import session

app = group(__doc__)

_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


@app.callback()
def mock() -> None:
    """Answers for a sandbox, taken from a run that really took place."""


@app.command("record")
def record(
    run: RunArgument,
    name: Annotated[
        str | None,
        typer.Option(
            "--name",
            metavar="NAME",
            help="The folder under `mocks/`; by default called after the run.",
        ),
    ] = None,
    agent: HereOption = None,
    format: FormatOption = Format.HUMAN,
) -> None:
    """Write mocks that answer as a run's tools did, one file a tool."""
    package = agent_here(agent)
    id, tape, folder = asyncio.run(_taped(package, run, name))
    target = package.root / folder
    if target.exists():
        raise LockstepError.of(
            "LS-CLI-001", str(target), "is there already", "name another with --name, or remove it"
        )
    for file, text in tape.files.items():
        # Whatever is written has to be what everything else will read.
        parse_json(text, str(target / file))
    target.mkdir(parents=True)
    for file, text in tape.files.items():
        write_file(target / file, text)
    if is_json():
        emit_json({"run": id, "folder": str(target), "mocks": tape.tools, "notes": tape.notes})
        return
    for note in tape.notes:
        out.print(f"[yellow]note[/yellow] {safe(note)}")
    for tool, file in tape.tools.items():
        table = "compose" if tool == COMPOSE else f"tools.{tool}"
        out.print(f'[{table}]\nmock = "{file}"', markup=False)
    say(f"{counted(len(tape.files), 'file')} in {target}; review them: they hold what was answered")


async def _taped(package: AgentPackage, run: str, name: str | None) -> tuple[str, Tape, str]:
    home = Home.find()
    async with session(home, say) as open_:
        id = await resolve(open_.client, run)
        history = await fetch(open_.client, id)
    subject = subject_of(history)
    if kind_of(history) == PLANNING or subject is None or subject[0] != package.agent.name:
        raise LockstepError.of(
            "LS-CLI-001",
            f"`{id}`",
            f"is no run of agent `{package.agent.name}`",
            "name one of its runs, or its agent's folder with --agent",
        )
    # A schedule's runs have their time in their id, with colons.
    part = name or re.sub(r"[^A-Za-z0-9_.-]", "-", id)
    if len(part) > 80 or not _PART.fullmatch(part):
        raise LockstepError.of(
            "LS-CLI-001",
            "--name",
            f"`{part[:80]}` cannot be a folder's name here",
            "use letters, digits, `_`, `-` and `.`",
        )
    folder = f"mocks/{part}"
    code = package.world(subject[1]).code
    tape = taped(history, FolderStore(home.values), code, folder)
    if not tape.tools:
        raise LockstepError.of(
            "LS-CLI-001", f"`{id}`", "has no answer that could be kept", "name another run"
        )
    return id, tape, folder
