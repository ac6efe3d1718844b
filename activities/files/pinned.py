"""The files that catalogues and MCP tools are pinned in: how they are read and how written down.

They lie beside the manifest that names them and go through review with it. A file that is missing,
or that is about something else, is an error and never an empty catalogue: with one of those, every
plan would be told that what it names does not exist.
"""

import json
from pathlib import Path

from pydantic import JsonValue

from lockstep.catalogue import Pinned
from lockstep.environment import Environment
from lockstep.errors import LockstepError
from lockstep.loading import MAX_BYTES, load
from lockstep.mcp import ServerName
from lockstep.names import ResourceKind
from lockstep.pinned_tools import PinnedTools


def read_pinned(manifest: Environment, folder: Path) -> dict[ResourceKind, Pinned]:
    """The file of each catalogue that a manifest names; LS-ENV-006 where one is not there."""
    return {
        kind: _read(manifest, kind, folder / table.file)
        for kind, table in manifest.catalogues.items()
    }


def read_tools(manifest: Environment, folder: Path) -> dict[ServerName, PinnedTools]:
    """The file of each MCP server that a manifest names; LS-MCP-003 where one is not there."""
    return {
        name: _read_tools(manifest, name, folder / server.file)
        for name, server in manifest.mcp.items()
    }


def _read_tools(manifest: Environment, server: ServerName, path: Path) -> PinnedTools:
    problem = "there is no such file, and it should hold"
    if path.exists() or path.is_symlink():
        pinned = load(PinnedTools, path)
        if pinned.server == server:
            return pinned
        problem = f"holds the tools of `{pinned.server}`, and it should hold"
    raise LockstepError.of(
        "LS-MCP-003",
        str(path),
        f"{problem} the tools of `{server}`",
        f"run `lockstep pin --env {manifest.name}`",
    )


def _read(manifest: Environment, kind: ResourceKind, path: Path) -> Pinned:
    wanted = f"`{kind}` from {manifest.catalogues[kind].source.value}"
    if not path.exists() and not path.is_symlink():
        raise _unpinned(manifest, path, f"there is no such file, and it should hold {wanted}")
    pinned = load(Pinned, path)
    if (pinned.kind, pinned.source) != (kind, manifest.catalogues[kind].source):
        found = f"`{pinned.kind}` from {pinned.source.value}"
        raise _unpinned(manifest, path, f"holds {found}, and it should hold {wanted}")
    return pinned


def _unpinned(manifest: Environment, path: Path, problem: str) -> LockstepError:
    return LockstepError.of(
        "LS-ENV-006", str(path), problem, f"run `lockstep pin --env {manifest.name}`"
    )


def written(pinned: Pinned, path: Path) -> str:
    """The text of the file: one member a line, sorted, so that a review sees what has changed.

    LS-LOAD-003 where it would be too large to be read again.
    """
    document = pinned.model_dump(mode="json")
    document["members"] = dict(sorted(document["members"].items()))
    return _text(document, path, counted=f"{len(pinned.members):,} members")


def written_tools(pinned: PinnedTools, path: Path) -> str:
    """The same for the tools of a server; ASCII, so that a review sees every character there is."""
    document: dict[str, JsonValue] = {
        "lockstep": pinned.lockstep,
        "server": pinned.server,
        "tools": [tool.written for tool in sorted(pinned.tools, key=lambda tool: tool.name)],
    }
    return _text(document, path, counted=f"{len(pinned.tools):,} tools")


def _text(document: dict[str, JsonValue], path: Path, counted: str) -> str:
    text = json.dumps(document, indent=2) + "\n"
    size = len(text.encode())
    if size > MAX_BYTES:
        raise LockstepError.of(
            "LS-LOAD-003",
            str(path),
            f"{counted} are {size:,} bytes, more than {MAX_BYTES:,}",
            "fetch from a server that has fewer",
        )
    return text
