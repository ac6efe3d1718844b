"""`lockstep pin`: fetch the catalogues of an environment and pin them in files to commit.

All are fetched before the first file is written, so that a server that is away changes nothing.
"""

import asyncio
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from activities.catalogue import Repinned, repin
from activities.package import AgentPackage
from activities.pinned import written
from lockstep.environment import Environment
from lockstep.errors import LockstepError
from worker.cli.options import EnvironmentOption, agent_here
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

_MOST_SHOWN = 20
"""Names of each kind of change; the file itself, in a diff, has them all."""


def pin(
    env: EnvironmentOption,
    agent: Annotated[
        Path | None, typer.Option("--agent", help="The agent's folder; by default the one here.")
    ] = None,
    format: FormatOption = Format.HUMAN,
) -> None:
    """Fetch the catalogues that a manifest names and pin them in files beside it."""
    package = agent_here(agent)
    manifest = package.manifest(env)
    if not manifest.catalogues:
        raise LockstepError.of(
            "LS-CLI-001",
            "--env",
            f"the manifest of `{env}` names no catalogue",
            "name another environment, or write `[catalogues.KIND]` into its manifest",
        )
    fetched = asyncio.run(_fetch(manifest, package))
    texts = [written(one.pinned, one.path) for one in fetched]
    for one, text in zip(fetched, texts, strict=True):
        if not one.unchanged:
            write_file(one.path, text)
    # What was written has to be what everything else will read.
    package.world(env)
    if is_json():
        emit_json({"environment": env, "catalogues": [_told(one) for one in fetched]})
        return
    for one in fetched:
        _show(one)
    if any(one.before is not None and not one.unchanged for one in fetched):
        say(f"review and commit it; locks of `{env}` have drifted: lock their plans again")


async def _fetch(manifest: Environment, package: AgentPackage) -> list[Repinned]:
    environ = dict(os.environ)
    return [await repin(manifest, kind, package.manifests, environ) for kind in manifest.catalogues]


def _told(one: Repinned) -> dict[str, Any]:
    return {
        "kind": one.pinned.kind,
        "file": str(one.path),
        "members": len(one.pinned.members),
        "unchanged": one.unchanged,
        "added": one.change.added,
        "removed": one.change.removed,
        "dropped": one.dropped,
    }


def _show(one: Repinned) -> None:
    state = "unchanged" if one.unchanged else "pinned"
    members = counted(len(one.pinned.members), "name")
    out.print(f"[green]{state}[/green] {safe(one.path)}  {members}")
    _show_names("+", one.change.added)
    _show_names("-", one.change.removed)
    if one.dropped:
        out.print(f"  [yellow]left out[/yellow] {one.dropped:,} that can be no name")


def _show_names(sign: str, names: Iterable[str]) -> None:
    all_ = tuple(names)
    for name in all_[:_MOST_SHOWN]:
        out.print(f"  {sign} {safe(name)}")
    if len(all_) > _MOST_SHOWN:
        out.print(f"  {sign} {len(all_) - _MOST_SHOWN:,} more")
