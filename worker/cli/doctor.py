"""`lockstep doctor`: what is set up, what is not, and which runs are stuck."""

import asyncio
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import typer

from activities.mcp_tools import require_sdk
from activities.package import load_package
from activities.propose import retired
from activities.providers import provider
from lockstep.codes import Exit
from lockstep.errors import LockstepError
from lockstep.names import task_queue
from worker.attributes import missing_attributes
from worker.binary import find_binary
from worker.build import lockstep_version
from worker.cli.check_lock import look_at
from worker.cli.terminal import Format, FormatOption, emit_json, is_json, out, safe
from worker.connection import connect, find_server
from worker.discovery import roots
from worker.foreign import foreign_claims
from worker.home import Home
from worker.runs import stuck
from worker.session import has_worker


def doctor(format: FormatOption = Format.HUMAN) -> None:
    """Look at everything a run needs, change nothing, and list runs that are stuck."""
    checks = asyncio.run(_checks())
    if is_json():
        emit_json([vars(check) for check in checks])
    else:
        for check in checks:
            mark = "[green]ok[/green]  " if check.ok else "[red]bad[/red] "
            out.print(f"{mark}  {check.name:18s} {safe(check.says)}")
    if not all(check.ok for check in checks):
        raise typer.Exit(Exit.ERROR)


async def _checks() -> list["_Check"]:
    home = Home.find()
    checks = [
        _Check("lockstep", True, f"{lockstep_version()}, Python {sys.version.split()[0]}"),
        *(_Check("import names", False, str(claim)) for claim in foreign_claims()),
        _tried("embedded server", lambda: str(find_binary())),
        _tried("disk", lambda: _space(home)),
    ]
    for root in roots(Path.cwd()):
        checks += [_agent(root), _planner(root), *_locks(root)]
        if names := _servers(root):
            checks.append(_tried("MCP servers", partial(_can_talk, names)))
    return [*checks, *await _server(home)]


async def _server(home: Home) -> list["_Check"]:
    try:
        found = await find_server(home)
        if found is None:
            return [_Check("Temporal", True, "not running; `lockstep dev` starts it")]
        client = await connect(found)
        checks = [_Check("Temporal", True, f"{found.address} (from {found.source})")]
        missing = await missing_attributes(client)
        if missing:
            checks.append(
                _Check("search attributes", False, f"missing: {', '.join(missing)}; start a worker")
            )
        for root in roots(Path.cwd()):
            for queue in _queues(root):
                up = await has_worker(client, queue)
                says = "polled" if up else "no worker: `lockstep dev` or `lockstep worker`"
                checks.append(_Check(queue, up, says))
        parked = await stuck(client)
        says = f"{len(parked)} parked: {', '.join(parked[:5])}" if parked else "none is parked"
        return [*checks, _Check("runs", not parked, says)]
    except LockstepError as error:
        return [_Check("Temporal", False, str(error))]


@dataclass(frozen=True)
class _Check:
    name: str
    ok: bool
    says: str


def _tried(name: str, look: Callable[[], str]) -> _Check:
    try:
        return _Check(name, True, look())
    except LockstepError as error:
        return _Check(name, False, str(error))


def _space(home: Home) -> str:
    home.check_space()
    return f"room in {home.root.parent}"


def _agent(root: Path) -> _Check:
    def look() -> str:
        package = load_package(root)
        for environment in package.environments:
            package.world(environment)
        return f"{package.agent.name}: {', '.join(package.environments)}"

    return _tried("agent", look)


def _locks(root: Path) -> list[_Check]:
    """Whether the agent's locks would still be run."""
    return [
        _tried_lock(root, path)
        for path in sorted((root / "plans").glob("*.lock.json"))
        if path.is_file()
    ]


def _tried_lock(root: Path, path: Path) -> _Check:
    try:
        against = look_at(path, load_package(root)).against
    except LockstepError as error:
        against = error.findings
    more = f" (and {len(against) - 1} more)" if len(against) > 1 else ""
    says = f"{against[0]}{more}" if against else "nothing has drifted"
    return _Check("lock", not against, f"{path.name}: {says}")


def _planner(root: Path) -> _Check:
    def look() -> str:
        settings = load_package(root).agent.planner
        seller = provider(settings.provider)
        gone = retired(seller, settings, datetime.now(UTC).date())
        if gone is not None:
            raise LockstepError(gone)
        days = {model: seller.retires(model) for model in settings.models}
        models = ", ".join(f"{one}, retires on {day}" if day else one for one, day in days.items())
        there = os.environ.get(seller.key)
        key = "is set here" if there else "is not set here; only `plan` needs it"
        return f"{models}; {seller.key} {key}"

    return _tried("planner", look)


def _servers(root: Path) -> list[str]:
    """The MCP servers that an agent's manifests name; none of an agent that cannot be loaded."""
    try:
        package = load_package(root)
        manifests = [package.manifest(name) for name in package.environments]
    except LockstepError:
        return []
    return sorted({name for manifest in manifests for name in manifest.mcp})


def _can_talk(names: list[str]) -> str:
    """None is started: that may do something, and is `lockstep pin`'s to do."""
    require_sdk()
    return f"{', '.join(names)}: can be talked to; `lockstep pin` tries them"


def _queues(root: Path) -> list[str]:
    try:
        package = load_package(root)
    except LockstepError:
        return []
    return [task_queue(package.agent.name, environment) for environment in package.environments]
