"""`lockstep pin`: fetch the catalogues of an environment, and the tools of its MCP servers, and pin
them in files to commit.

All are fetched before the first file is written, so that a server that is away changes nothing.
"""

import asyncio
import os
from collections.abc import Iterable
from typing import Any

from activities.catalogue import Repinned, repin
from activities.files.pinned import written, written_tools
from activities.mcp.pins import RepinnedTools, repin_tools
from activities.package import AgentPackage
from lockstep.environment import Environment
from lockstep.errors import LockstepError
from worker.cli.options import EnvironmentOption, HereOption, agent_here
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
    agent: HereOption = None,
    format: FormatOption = Format.HUMAN,
) -> None:
    """Fetch the catalogues and the MCP tools that a manifest names, and pin them in files."""
    package = agent_here(agent)
    manifest = package.manifest(env)
    if not manifest.catalogues and not manifest.mcp:
        raise LockstepError.of(
            "LS-CLI-001",
            "--env",
            f"the manifest of `{env}` names no catalogue and no MCP server",
            "name another environment, or write `[catalogues.KIND]` or `[mcp.NAME]` into its "
            "manifest",
        )
    catalogues, servers = asyncio.run(_fetch(manifest, package))
    texts: list[tuple[Repinned | RepinnedTools, str]] = [
        *((one, written(one.pinned, one.path)) for one in catalogues),
        *((one, written_tools(one.pinned, one.path)) for one in servers),
    ]
    for one, text in texts:
        if not one.unchanged:
            write_file(one.path, text)
    if is_json():
        # What was written has to be what everything else will read.
        package.world(env)
        emit_json(
            {
                "environment": env,
                "catalogues": [_told(one) for one in catalogues],
                "mcp": [_told_tools(one) for one in servers],
            }
        )
        return
    for catalogue in catalogues:
        _show(catalogue)
    for server in servers:
        _show_tools(server, manifest)
    if any(one.before is not None and not one.unchanged for one, _ in texts):
        say(f"review and commit it; locks of `{env}` have drifted: lock their plans again")
    # The same, after what there is to review has been told.
    package.world(env)


async def _fetch(
    manifest: Environment, package: AgentPackage
) -> tuple[list[Repinned], list[RepinnedTools]]:
    environ, folder = dict(os.environ), package.manifests
    return (
        [await repin(manifest, kind, folder, environ) for kind in manifest.catalogues],
        [
            await repin_tools(manifest, name, root=package.root, folder=folder, environ=environ)
            for name in manifest.mcp
        ],
    )


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


def _told_tools(one: RepinnedTools) -> dict[str, Any]:
    return {
        "server": one.pinned.server,
        "file": str(one.path),
        "tools": len(one.pinned.tools),
        "unchanged": one.unchanged,
        "added": one.change.added,
        "removed": one.change.removed,
        "changed": one.changed,
        "dropped": one.dropped,
    }


def _show_tools(one: RepinnedTools, manifest: Environment) -> None:
    state = "unchanged" if one.unchanged else "pinned"
    out.print(f"[green]{state}[/green] {safe(one.path)}  {counted(len(one.pinned.tools), 'tool')}")
    tools = one.pinned.by_name
    # A hint is for whoever writes the manifest, and decides nothing.
    _show_names("+", (f"{name}  {tools[name].hints.shown}" for name in one.change.added))
    _show_names("-", one.change.removed)
    _show_names("~", one.changed)
    if one.dropped:
        out.print(f"  [yellow]left out[/yellow] {one.dropped:,} that no manifest could name")
    bound = [tool.mcp for tool in manifest.tools.values() if tool.mcp is not None]
    if not any(binding.server == one.pinned.server for binding in bound):
        say(f"none of them exists here yet: write `[tools.NAME.mcp]` into {manifest.name}.toml")


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
