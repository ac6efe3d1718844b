"""Options that several commands share, said the same way everywhere."""

import getpass
import re
import shlex
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from activities.package import AgentPackage, find_root, load_package
from lockstep.duration import parse_duration
from lockstep.errors import LockstepError
from lockstep.loading import parse_json, read, shaped
from lockstep.lock import Lock
from lockstep.plan import Plan
from worker.discovery import roots

RunArgument = Annotated[str, typer.Argument(help="A run's id, the start of one, or `latest`.")]
AgentOption = Annotated[
    Path | None,
    typer.Option(
        "--agent", metavar="FOLDER", help="The agent's folder; by default the one the file lies in."
    ),
]
HereOption = Annotated[
    Path | None,
    typer.Option("--agent", metavar="FOLDER", help="The agent's folder; by default the one here."),
]
EnvironmentOption = Annotated[
    str, typer.Option("--env", metavar="ENV", help="The environment: a manifest of the agent.")
]
WaitOption = Annotated[
    bool,
    typer.Option("--wait/--no-wait", help="Wait for humans too, instead of leaving at once."),
]
DetachOption = Annotated[
    bool, typer.Option("--detach", help="Start the run and leave; needs a lasting server.")
]
SinceOption = Annotated[
    str,
    typer.Option("--since", metavar="LENGTH", help="How far to look back, such as `12h` or `30d`."),
]
InputOption = Annotated[
    list[str] | None,
    typer.Option(
        "--input",
        "-i",
        metavar="NAME=VALUE",
        help="An input: JSON, or else a string; repeatable.",
    ),
]
PersonOption = Annotated[
    str | None,
    typer.Option("--as", metavar="NAME", help="Who you are; by default the name you logged in by."),
]


_PERSON = re.compile(r"[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]{0,126}")


def group(doc: str | None) -> typer.Typer:
    """A command that has commands of its own; `doc` says what for."""
    return typer.Typer(add_completion=False, no_args_is_help=True, rich_markup_mode=None, help=doc)


def person(given: str | None) -> str:
    """Who acts. A claim, not a proof: whoever reaches the server can make another."""
    name = given or getpass.getuser()
    if not _PERSON.fullmatch(name):
        raise LockstepError.of(
            "LS-CLI-001",
            "--as",
            f"`{name[:40]}` is not a person's name: up to 127 characters, all of them visible",
            "write a name",
        )
    return name


def package_for(file: Path, agent: Path | None) -> AgentPackage:
    """The agent package a file belongs to."""
    return load_package(find_root(agent if agent is not None else file))


def agent_here(agent: Path | None) -> AgentPackage:
    """The agent that was named, or the only one there is here; LS-AGENT-001 where that is not
    clear.
    """
    start = agent or Path.cwd()
    found = roots(start)
    if len(found) == 1:
        return load_package(found[0])
    names = ", ".join(f"`{root}`" for root in found[:5])
    raise LockstepError.of(
        "LS-AGENT-001",
        str(start),
        f"there are {len(found)} agents here: {names}"
        if found
        else "no agent package here, above, or two folders below",
        "name the agent's folder with --agent",
    )


@dataclass(frozen=True)
class PlanFile:
    """A plan: its file's bytes, the JSON in them, and what that says."""

    data: bytes
    raw: Any
    plan: Plan


def read_plan(path: Path) -> PlanFile:
    """A plan, read once; a lock in its place is called one."""
    data = read(path)
    value = parse_json(data, str(path))
    if isinstance(value, dict) and "body" in value and "steps" not in value:
        named = shlex.quote(str(path))
        raise LockstepError.of(
            "LS-LOAD-007",
            str(path),
            "this is a lock, and wanted was a plan",
            f"hold it against the present with `lockstep check {named}`, or lock its plan anew "
            f"with `lockstep lock --refresh {named}`",
        )
    return PlanFile(data, value, shaped(Plan, value, str(path)))


def read_lock(path: Path) -> Lock:
    """A lock that is what its digest says; a plan in its place is called one."""
    value = parse_json(read(path), str(path))
    if isinstance(value, dict) and "steps" in value and "body" not in value:
        raise LockstepError.of(
            "LS-LOAD-007",
            str(path),
            "this is a plan, and only a lock is run",
            f"lock it first: `lockstep lock {shlex.quote(str(path))} --env ENV`",
        )
    return shaped(Lock, value, str(path))


def inputs(given: list[str] | None) -> dict[str, Any]:
    """`NAME=VALUE` pairs as JSON values."""
    found: dict[str, Any] = {}
    for pair in given or []:
        name, separator, text = pair.partition("=")
        if not separator or not name:
            raise LockstepError.of(
                "LS-CLI-001", "--input", f"wanted NAME=VALUE, found `{pair}`", "write NAME=VALUE"
            )
        try:
            found[name] = parse_json(text, f"--input {name}")
        except LockstepError:
            found[name] = text
    return found


def ago(since: str) -> datetime:
    """When so long ago was; ten years at most."""
    try:
        length = parse_duration(since)
    except ValueError as error:
        raise LockstepError.of(
            "LS-CLI-001", "--since", str(error), "write a length of time, such as `30d`"
        ) from None
    return datetime.now(UTC) - min(length, timedelta(days=3_650))
