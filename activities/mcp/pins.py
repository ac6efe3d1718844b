"""Asks an MCP server for its tools, to be pinned: what `lockstep pin` does of it.

The server is started or called as it is for a call, with the same bounds and the same small
environment. What it lists under a name that no manifest could write is counted and left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from activities.mcp.tools import ROOM, reach, require_sdk
from activities.mcp.wire import Broken, unanswered
from activities.placeholders import fill_at
from lockstep.catalogue import Change, change
from lockstep.environment import Binding, Environment
from lockstep.errors import LockstepError
from lockstep.loading import load
from lockstep.mcp import ServerName
from lockstep.pinned_tools import PinnedTool, PinnedTools


@dataclass(frozen=True)
class RepinnedTools:
    """The tools of a server as it tells of them now, beside what its file holds."""

    path: Path
    pinned: PinnedTools
    before: PinnedTools | None
    dropped: int

    @property
    def unchanged(self) -> bool:
        return self.before is not None and self.before.digest == self.pinned.digest

    @property
    def change(self) -> Change:
        return change(self._known, self.pinned.by_name)

    @property
    def changed(self) -> tuple[str, ...]:
        """The tools of which the server says something else than it did."""
        known, now = self._known, self.pinned.by_name
        return tuple(name for name in sorted(known.keys() & now.keys()) if known[name] != now[name])

    @property
    def _known(self) -> dict[str, PinnedTool]:
        return self.before.by_name if self.before else {}


async def repin_tools(
    manifest: Environment,
    name: ServerName,
    *,
    root: Path,
    folder: Path,
    environ: Mapping[str, str],
) -> RepinnedTools:
    """Ask one server; LS-MCP-004 where it does not tell. `root` is the agent package's folder,
    `folder` that of its manifests.
    """
    require_sdk()
    from activities.mcp.session import Answered, talk  # noqa: PLC0415 – loading takes a second

    server = manifest.mcp[name]
    table = Binding(endpoint=server.url, settings=server.settings)
    filled = fill_at(f"mcp server `{name}`", table, environ)
    way = reach(
        name,
        filled.settings,
        filled.endpoint,
        folder=root,
        start=server.start.total_seconds(),
        most=ROOM,
        scrub=filled.scrub,
    )
    try:
        said = await talk(way, lambda conversation: conversation.tools())
    except (Broken, Answered) as error:
        raise LockstepError(unanswered(name, error.problem)) from None
    tools = [tool for tool in map(_read, said) if tool is not None]
    if not tools:
        raise LockstepError(unanswered(name, "it has no tool that could be used"))
    try:
        pinned = PinnedTools(
            lockstep="mcp/1",
            server=name,
            tools=tuple(sorted(tools, key=lambda tool: tool.name)),
        )
    except ValidationError as error:
        problem = f"its list of tools cannot be used: {error.errors()[0]['msg'].lower()}"
        raise LockstepError(unanswered(name, problem)) from None
    path = folder / server.file
    return RepinnedTools(path, pinned, _before(path), len(said) - len(tools))


def _read(said: dict[str, Any]) -> PinnedTool | None:
    try:
        return PinnedTool.of(said)
    except ValueError:
        return None


def _before(path: Path) -> PinnedTools | None:
    """What is pinned; a file that cannot be read is no reason not to write a good one."""
    try:
        return load(PinnedTools, path)
    except LockstepError:
        return None
