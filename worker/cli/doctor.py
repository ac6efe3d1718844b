"""`lockstep doctor`: what is set up, what is not, and which runs are stuck."""

import asyncio
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from activities.mcp.tools import require_sdk
from activities.models.providers import provider
from activities.package import find_root, load_package
from activities.placeholders import unset
from activities.propose import retired
from lockstep.codes import Exit
from lockstep.compose import ComposeSettings
from lockstep.errors import LockstepError
from lockstep.names import task_queue
from worker.attributes import missing_attributes
from worker.build import lockstep_version
from worker.cli.check_lock import look_at
from worker.cli.options import read_lock
from worker.cli.policy import strange
from worker.cli.terminal import Format, FormatOption, emit_json, is_json, out, safe
from worker.composer import COMPOSE_TABLE
from worker.connection import configured, connect, find_server
from worker.discovery import roots
from worker.embedded.binary import find_binary
from worker.foreign import foreign_claims
from worker.home import Home
from worker.runs import stuck
from worker.session import has_worker


def doctor(
    agent: Annotated[
        Path | None,
        typer.Option("--agent", metavar="FOLDER", help="An agent's folder; by default all here."),
    ] = None,
    env: Annotated[
        list[str] | None,
        typer.Option(
            "--env",
            metavar="ENV",
            help="Only what is of this environment; repeatable.",
        ),
    ] = None,
    format: FormatOption = Format.HUMAN,
) -> None:
    """Look at everything a run needs, change nothing, and list runs that are stuck."""
    found = [find_root(agent)] if agent is not None else roots(Path.cwd())
    checks = asyncio.run(_checks(found, tuple(env or ())))
    if is_json():
        emit_json([vars(check) for check in checks])
    else:
        for check in checks:
            mark = "[green]ok[/green]  " if check.ok else "[red]bad[/red] "
            out.print(f"{mark}  {check.name:18s} {safe(check.says)}")
    if not all(check.ok for check in checks):
        raise typer.Exit(Exit.ERROR)


async def _checks(found: list[Path], chosen: tuple[str, ...]) -> list["_Check"]:
    """`chosen` are the environments that are looked at; none of them means all."""
    home = Home.find()
    checks = [
        _Check("lockstep", True, f"{lockstep_version()}, Python {sys.version.split()[0]}"),
        *(_Check("import names", False, str(claim)) for claim in foreign_claims()),
        _tried("embedded server", _embedded),
        _tried("disk", lambda: _space(home)),
    ]
    for root in found:
        checks += [_agent(root, chosen), *_variables(root, chosen), *_policy(root), _planner(root)]
        checks += [*_composers(root, chosen), *_locks(root, chosen)]
        if names := _servers(root, chosen):
            checks.append(_tried("MCP servers", partial(_can_talk, names)))
    return [
        *checks,
        *await _server(home, [queue for root in found for queue in _queues(root, chosen)]),
    ]


async def _server(home: Home, queues: list[str]) -> list["_Check"]:
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
        for queue in queues:
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


def _embedded() -> str:
    """Where a server of one's own is named none is embedded, and nothing is wrong with that."""
    try:
        named = configured(os.environ) is not None
    except LockstepError:
        # What is wrong with the settings is said of Temporal.
        named = True
    return "not needed: Temporal's own settings name a server" if named else str(find_binary())


def _space(home: Home) -> str:
    home.check_writable()
    home.check_space()
    return f"room in {home.root.parent}"


def _agent(root: Path, chosen: tuple[str, ...]) -> _Check:
    def look() -> str:
        package = load_package(root)
        names = chosen or package.environments
        for environment in names:
            package.world(environment)
        return f"{package.agent.name}: {', '.join(names)}"

    return _tried("agent", look)


def _variables(root: Path, chosen: tuple[str, ...]) -> list[_Check]:
    """What the manifests want of the worker's environment and this one lacks; that is not bad: the
    worker's may be another.
    """
    try:
        package = load_package(root)
        manifests = {name: package.manifest(name) for name in chosen or package.environments}
    except LockstepError:
        return []
    lacking = {name: unset(manifest, os.environ) for name, manifest in manifests.items()}
    return [
        _Check(f"variables of {name}", True, f"the worker needs {', '.join(wanted)}; not set here")
        for name, wanted in lacking.items()
        if wanted
    ]


def _policy(root: Path) -> list[_Check]:
    """Rules about what does not exist."""
    try:
        found = strange(load_package(root))
    except LockstepError:
        # Of the agent it is said.
        return []
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return [_Check("policy", False, f"{found[0]}{more}")] if found else []


def _locks(root: Path, chosen: tuple[str, ...]) -> list[_Check]:
    """Whether the agent's locks would still be run; one that cannot be read may be anybody's."""
    return [
        _tried_lock(root, path)
        for path in sorted((root / "plans").glob("*.lock.json"))
        if path.is_file() and (not chosen or _environment(path) in ("", *chosen))
    ]


def _environment(path: Path) -> str:
    """Whose lock it is, as far as that can be read."""
    try:
        return read_lock(path).body.environment
    except LockstepError:
        return ""


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
        gone = retired(seller, settings.models, datetime.now(UTC).date())
        if gone is not None:
            raise LockstepError(gone)
        days = {model: seller.retires(model) for model in settings.models}
        models = ", ".join(f"{one}, retires on {day}" if day else one for one, day in days.items())
        there = os.environ.get(seller.key)
        key = "is set here" if there else "is not set here; `plan` needs it"
        return f"{models}; {seller.key} {key}"

    return _tried("planner", look)


def _servers(root: Path, chosen: tuple[str, ...]) -> list[str]:
    """The MCP servers that an agent's manifests name; none of an agent that cannot be loaded."""
    try:
        package = load_package(root)
        manifests = [package.manifest(name) for name in chosen or package.environments]
    except LockstepError:
        return []
    return sorted({name for manifest in manifests for name in manifest.mcp})


def _can_talk(names: list[str]) -> str:
    """None is started: that may do something, and is `lockstep pin`'s to do."""
    require_sdk()
    return f"{', '.join(names)}: can be talked to; `lockstep pin` tries them"


def _composers(root: Path, chosen: tuple[str, ...]) -> list[_Check]:
    """For each environment in which a model composes: which, and whether its key is here."""
    try:
        package = load_package(root)
        manifests = {name: package.manifest(name) for name in chosen or package.environments}
    except LockstepError:
        return []
    return [
        _tried(f"compose in {name}", partial(_composer, manifest.compose))
        for name, manifest in manifests.items()
        if manifest.compose is not None and manifest.compose.mock is None
    ]


def _composer(settings: ComposeSettings) -> str:
    seller = provider(settings.provider)
    gone = retired(seller, settings.models, datetime.now(UTC).date(), "compose", COMPOSE_TABLE)
    if gone is not None:
        raise LockstepError(gone)
    key = "is set here" if os.environ.get(seller.key) else "is not set here; the worker needs it"
    return f"{', '.join(settings.models)}; {seller.key} {key}"


def _queues(root: Path, chosen: tuple[str, ...]) -> list[str]:
    try:
        package = load_package(root)
    except LockstepError:
        return []
    return [task_queue(package.agent.name, name) for name in chosen or package.environments]
