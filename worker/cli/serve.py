"""`lockstep worker`: a worker process, for one agent in one environment or several."""

import asyncio
import logging
import os
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated

import typer

from activities.package import find_root, load_package
from activities.placeholders import fillings
from activities.redaction import Redaction, telling
from lockstep.errors import LockstepError
from worker.attributes import ensure_attributes
from worker.connection import connect, find_server
from worker.foreign import foreign_claims
from worker.garbage import settle
from worker.home import Home
from worker.logs import configure
from worker.planner import keys
from worker.serve import serving, until_told


def worker(
    agent: Annotated[
        Path | None,
        typer.Option("--agent", metavar="FOLDER", help="The agent's folder; by default here."),
    ] = None,
    env: Annotated[
        list[str] | None,
        typer.Option(
            "--env", metavar="ENV", help="Serve only this environment; repeatable; by default all."
        ),
    ] = None,
    serve: Annotated[list[str] | None, typer.Option("--serve", hidden=True)] = None,
    lifeline: Annotated[bool, typer.Option("--lifeline", hidden=True)] = False,
) -> None:
    """Serve an agent's environments on the Temporal server in use, until told to stop."""
    configure(core=logging.WARNING)
    claims = foreign_claims()
    if claims:
        raise LockstepError(*claims)
    chosen = [(Path(root), name) for root, _, name in (s.partition("::") for s in serve or ())]
    if agent is not None or (not chosen and not lifeline):
        root = find_root(agent or Path.cwd())
        chosen += [(root, name) for name in env or load_package(root).environments]
    asyncio.run(_work(chosen, lifeline))


async def _work(chosen: list[tuple[Path, str]], lifeline: bool) -> None:
    home = Home.find()
    found = await find_server(home)
    if found is None:
        raise LockstepError.of(
            "LS-SRV-001",
            "worker",
            "no Temporal server is running or configured",
            "start one with `lockstep dev`, or set TEMPORAL_ADDRESS",
        )
    client = await connect(found)
    await ensure_attributes(client)
    home.ensure()
    environ = dict(os.environ)
    served = [(load_package(root), environment) for root, environment in chosen]
    hidden, secrets = set[str](), telling(environ)
    for package, environment in served:
        manifest = package.manifest(environment)
        hidden |= keys(package.agent, manifest)
        secrets |= fillings(manifest, environ)
    for name in hidden:
        # Whatever a tool starts inherits this process's environment.
        os.environ.pop(name, None)
    secrets |= {environ[name]: f"${{{name}}}" for name in hidden if environ.get(name)}
    configure(core=logging.WARNING, redaction=Redaction(secrets))
    async with AsyncExitStack() as stack:
        for package, environment in served:
            others = hidden - keys(package.agent, package.manifest(environment))
            told = {name: text for name, text in environ.items() if name not in others}
            await stack.enter_async_context(
                serving(client, package, environment, home.values, environ=told)
            )
        settle()
        await until_told(lifeline)
