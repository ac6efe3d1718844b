"""`lockstep diff`: what a reviewer wants to know of two locks, environments or policies.

Two files of JSON can be compared by git; a lock's steps move when an edge does, and a manifest's
defaults and catalogues are not in it. So both are compared as what they mean. A pin is a digest:
that it changed says which file, tool or part of the manifest to look at.
"""

from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import JsonValue

from lockstep.codes import Exit
from lockstep.difference import Change, environment_changes, lock_changes
from lockstep.errors import LockstepError
from lockstep.shown import shown
from policies.locks.today import today
from worker.cli.beside import looking
from worker.cli.diff_policy import diff_policies
from worker.cli.drawing import called
from worker.cli.options import HereOption, agent_here, package_for, person, read_lock
from worker.cli.terminal import (
    Format,
    FormatOption,
    counted,
    emit_json,
    is_json,
    out,
    safe,
    show_findings,
)
from worker.home import Home

_MOST_SHOWN = 40
"""Differences of each part; `--format json` has them all."""
SIGNS = {"added": "[green]+[/green]", "removed": "[red]-[/red]", "changed": "[yellow]~[/yellow]"}


def diff(
    old: Annotated[
        Path | None, typer.Argument(help="A lock; or an agent's folder, or a policy's.")
    ] = None,
    new: Annotated[
        Path | None,
        typer.Argument(help="What to hold against it; of a lock, by default the present."),
    ] = None,
    env: Annotated[
        list[str] | None,
        typer.Option("--env", metavar="ENV", help="Given twice: two environments, not locks."),
    ] = None,
    agent: HereOption = None,
    cases: Annotated[
        Path | None,
        typer.Option(
            "--cases",
            metavar="FILE",
            help="Of policies: cases to ask both; by default the new agent's.",
        ),
    ] = None,
    format: FormatOption = Format.HUMAN,
) -> None:
    """Compare two locks, a lock with the present, two environments, or two policies."""
    if old is not None and new is not None and not env and old.is_dir() and new.is_dir():
        if not diff_policies(old, new, agent, cases):
            raise typer.Exit(Exit.REJECTED)
        return
    match (old, new, env or []):
        case (Path(), Path(), []):
            first, second = read_lock(old), read_lock(new)
            names = (f"{old}  {first.digest}", f"{new}  {second.digest}")
            found = lock_changes(first.body, second.body, spoken=not is_json())
        case (Path(), None, []):
            _show_today(old, agent)
            return
        case (None, None, [one, other]):
            package = agent_here(agent)
            names = (f"environment `{one}`", f"environment `{other}`")
            found = environment_changes(
                package.world(one).environment, package.world(other).environment
            )
        case _:
            raise LockstepError.of(
                "LS-CLI-001",
                "",
                "wanted two locks, one to hold against the present, two folders, or `--env` twice",
                "write `diff OLD NEW`, `diff LOCK` or `diff --env ENV --env ENV`",
            )
    _show(names, found)
    if found:
        raise typer.Exit(Exit.REJECTED)


def _show_today(path: Path, agent: Path | None) -> None:
    """What a lock would be, were it made today; the pins are told by what changed in them."""
    lock = read_lock(path)
    look, aside = looking(path, lock, Home.find().values)
    world = package_for(path, agent).world(lock.body.environment)
    now = today(lock, world, person(None), look)
    told = (*now.drifted, *aside, *now.checked.errors)
    all_ = lock_changes(lock.body, now.body or lock.body)
    # What drifted is told in words; pins of what this plan does not use have none.
    found = tuple(one for one in all_ if one.parts[0] != "pins") if now.drifted else all_
    if is_json():
        emit_json(
            {
                "same": now.digest == lock.digest,
                "old": lock.digest,
                "new": now.digest,
                "changes": [change.model_dump(mode="json") for change in found],
                "findings": [one.model_dump(mode="json") for one in told],
            }
        )
    else:
        if now.digest is not None:
            _show((f"{path}  {lock.digest}", f"today  {now.digest}"), found)
        show_findings(told, out)
        if now.digest is None:
            out.print("[red]rejected[/red]: today it would not be locked")
    if now.digest != lock.digest:
        raise typer.Exit(Exit.REJECTED)


def _show(names: tuple[str, str], found: tuple[Change, ...]) -> None:
    if is_json():
        told: list[Any] = [change.model_dump(mode="json") for change in found]
        emit_json({"same": not found, "old": names[0], "new": names[1], "changes": told})
        return
    out.print(f"[red]-[/red] {safe(names[0])}")
    out.print(f"[green]+[/green] {safe(names[1])}")
    for part, changed in groupby(found, key=lambda change: change.parts[0]):
        show_part(part, list(changed))
    out.print(counted(len(found), "difference") if found else "the same")


def show_part(part: str, changed: list[Change]) -> None:
    """The differences of one part, by its name."""
    out.print(f"[bold]{safe(part)}[/bold]")
    for change in changed[:_MOST_SHOWN]:
        out.print(f"  {SIGNS[change.kind]} {safe(line(change))}")
    if len(changed) > _MOST_SHOWN:
        out.print(f"    {len(changed) - _MOST_SHOWN:,} more")


def line(change: Change) -> str:
    """One difference in words, without the part that it is in."""
    part = change.parts[0]
    rest = change.parts[1:]
    value = change.old if change.kind == "removed" else change.new
    if part == "pins" and len(rest) == 2:
        return f"{rest[0]}  {rest[1]}"
    if part == "steps" and len(rest) == 1 and isinstance(value, dict):
        return _step(rest[0], value)
    # A step, a tool or a kind of resource first; within it the place, as it is looked up.
    named = 2 if part == "resources" else 1
    place = "  ".join(filter(None, (" ".join(rest[:named]), _pointer(rest[named:]))))
    if change.kind == "changed":
        return f"{place}  {_brief(change.old)} -> {_brief(change.new)}".lstrip()
    return f"{place}  {_brief(value)}".lstrip()


def _step(id: str, value: dict[str, JsonValue]) -> str:
    args = value["args"]
    needs = value["needs"]
    after = f"  after {', '.join(map(str, needs))}" if isinstance(needs, list) and needs else ""
    return f"{id}  {value['tool']}({called(args) if isinstance(args, dict) else ''}){after}"


def _pointer(parts: Iterable[str]) -> str:
    return "".join(f"/{part}" for part in parts)


def _brief(value: JsonValue) -> str:
    return shown({"": value}).removeprefix("=")
