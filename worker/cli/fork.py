"""`lockstep fork`: go on in a new run from where another one got to, with what it has done.

The command says which run, and what of it is to be done again; what is carried the worker finds out
for itself. The same questions are asked here first, so that whatever speaks against it is told
before anything is started.
"""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from activities.package import AgentPackage, find_root, load_package
from activities.store import FolderStore
from lockstep.agent import defaults
from lockstep.codes import Exit
from lockstep.errors import LockstepError
from lockstep.finding import Finding
from lockstep.fork import Fork
from lockstep.lock import Lock
from policies.forks.course import Course, belongs, course
from worker.again.ancestor import Proved, proved
from worker.again.heirs import heirs
from worker.cli.options import (
    DetachOption,
    HereOption,
    InputOption,
    PersonOption,
    RunArgument,
    WaitOption,
    inputs,
    person,
    read_lock,
)
from worker.cli.run import Order, must_last, refuse_early, watched
from worker.cli.terminal import Format, FormatOption, counted, say
from worker.discovery import packages
from worker.home import Home
from worker.records.account import stranger
from worker.records.history import fetch
from worker.runs import resolve
from worker.session import Served, Session, fleeting, session


def fork(
    run: RunArgument,
    from_: Annotated[
        list[str] | None,
        typer.Option("--from", metavar="STEP", help="Do this again, and all that hangs on it."),
    ] = None,
    again: Annotated[
        list[str] | None,
        typer.Option(
            "--again",
            metavar="STEP",
            help="Call this once more though it may have had an effect.",
        ),
    ] = None,
    lock: Annotated[
        Path | None,
        typer.Option("--lock", metavar="FILE", help="Another lock; by default that of the run."),
    ] = None,
    input: InputOption = None,
    wait: WaitOption = False,
    detach: DetachOption = False,
    agent: HereOption = None,
    as_: PersonOption = None,
    format: FormatOption = Format.HUMAN,
) -> None:
    """Go on in a new run from where another got to; what that one has done is carried."""
    order = Order(inputs(input), person(as_), None, wait, detach)
    given = read_lock(lock) if lock is not None else None

    async def work() -> Exit:
        home = Home.find()
        async with session(home, say) as open_:
            asked, found = await _looked(open_, run)
            body = found.ancestor.body
            package = _package(body.agent, agent or lock)
            chosen = given or found.lock
            steps = [step.id for step in chosen.steps]
            # What the run did and another lock does not have is consented to as well.
            before = {step.id for step in found.lock.steps}
            for id in (*(from_ or ()), *(one for one in again or () if one not in before)):
                if id not in steps:
                    raise stranger("the lock", id, steps)
            named = {"redo": tuple(from_ or ()), "again": tuple(again or ())}
            asked = asked.model_copy(update=named)
            whole = replace(
                order,
                inputs={**found.ancestor.past.inputs, **order.inputs},
                at=found.ancestor.past.scheduled_at,
                fork=asked,
            )
            _refuse(asked.run, chosen, package, whole.inputs, lock)
            _tell(found, chosen, _checked(asked, found, chosen, whole.inputs, package))
            lasting = must_last(chosen, whole)
            if lasting and not open_.lasting:
                raise fleeting(lasting, "what runs here ends with the command")
            serve = Served.of(package, body.environment)
            async with session(home, say, serve=serve, lasting=lasting) as running:
                return await watched(running, chosen, whole)

    code = asyncio.run(work())
    if code is not Exit.DONE:
        raise typer.Exit(code)


async def _looked(open_: Session, run: str) -> tuple[Fork, Proved]:
    """The run as it is named in a request, and what its history proves of it."""
    id = await resolve(open_.client, run)
    history = await fetch(open_.client, id)
    execution = (await open_.client.get_workflow_handle(id).describe()).run_id
    found = await proved(history, FolderStore(open_.home.values))
    for heir, past in (await heirs(open_.client, id)).items():
        found.ancestor.past.and_besides(id, heir, past)
    return Fork(run=id, execution=execution, head=found.head), found


def _package(name: str, near: Path | None) -> AgentPackage:
    """The agent of the run: the one that is named, or that a lock lies in, or of its name here."""
    if near is not None:
        return load_package(find_root(near))
    for package in packages(Path.cwd()):
        if package.agent.name == name:
            return package
    raise LockstepError.of(
        "LS-AGENT-001",
        str(Path.cwd()),
        f"agent `{name}`, whose run it was, was not found here",
        "name its folder with --agent",
    )


def _refuse(
    run: str, lock: Lock, package: AgentPackage, given: dict[str, Any], path: Path | None
) -> None:
    """As any run is refused; whose lock has drifted and is in no file is told how to have it."""
    try:
        refuse_early(lock, package, given, path)
    except LockstepError as error:
        if path is not None or error.code != "LS-LOCK-002":
            raise
        fix = (
            f"undo the change; or `lockstep runs show {run} --out LOCK`, "
            "`lockstep lock --refresh LOCK`, and fork again with `--lock LOCK`"
        )
        told = (one.model_copy(update={"fix": fix}) for one in error.findings)
        raise LockstepError(*told) from None


def _checked(
    asked: Fork, found: Proved, lock: Lock, given: dict[str, Any], package: AgentPackage
) -> Course:
    """What will be carried, or why nothing is started."""
    world = package.world(lock.body.environment)
    ancestor = found.ancestor
    strangers: tuple[Finding, ...] = tuple(belongs(ancestor.body, lock.body, world))
    if strangers:
        raise LockstepError(*strangers)
    whole = {**defaults(lock.body.inputs), **given}
    made = course(asked, ancestor, lock.body, whole, world)
    if made.findings:
        raise LockstepError(*made.findings)
    return made


def _tell(found: Proved, lock: Lock, made: Course) -> None:
    """What becomes of the steps, in two lines."""
    ancestor = found.ancestor
    kept = [one.step for one in made.carried if one.is_over]
    spent = counted(ancestor.past.spent.calls, "call")
    say(f"goes on from {ancestor.run}, which spent {spent}")
    to_do = [step.id for step in lock.steps if step.id not in kept]
    say(f"carried: {', '.join(kept) or 'nothing'}; to be done: {', '.join(to_do) or 'nothing'}")
    if made.redone:
        say(f"done again: {', '.join(made.redone)}")
