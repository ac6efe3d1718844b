"""`lockstep backtest`: had this policy been in force, what would it have said to what really
happened?

Only the printing is here, and the finding of histories, one at a time.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.status import Status
from temporalio.client import Client, WorkflowHistory

from activities.package import AgentPackage
from activities.store import FolderStore
from lockstep.codes import Exit
from lockstep.errors import LockstepError
from policies.trials.expected import rules_of
from policies.trials.hindsight import Revisited
from policies.trials.promotion import promoted
from policies.trials.tally import Hindsight, Tally
from worker.again.backtest import Backtest, gone
from worker.cli.hindsight import show, told
from worker.cli.options import HereOption, SinceOption, agent_here, ago
from worker.cli.replay import saved_history
from worker.cli.terminal import Format, FormatOption, counted, emit_json, err, is_json, say
from worker.home import Home
from worker.records.history import PLANNING, fetch, kind_of
from worker.records.past import past
from worker.runs import resolve, subject_of
from worker.session import session

_EXIT = {"same": Exit.DONE, "otherwise": Exit.REJECTED, "incomplete": Exit.ERROR}
_EVERY = 100
"""Histories between two remarks, where nobody looks at a terminal."""


def backtest(
    runs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="RUN",
            help="Runs and plannings by id, start of one or `latest`, or histories in JSON; by "
            "default all of this agent.",
        ),
    ] = None,
    agent: HereOption = None,
    env: Annotated[
        str | None,
        typer.Option("--env", metavar="ENV", help="Only what happened in this environment."),
    ] = None,
    since: SinceOption = "30d",
    limit: Annotated[
        int,
        typer.Option("--limit", metavar="N", min=1, help="The newest so many runs and plannings."),
    ] = 1000,
    shadow: Annotated[
        bool, typer.Option("--shadow", help="As if the rules of `shadow.cedar` were in force.")
    ] = False,
    format: FormatOption = Format.HUMAN,
) -> None:
    """Put all that policy was asked in past runs to policy as it is now, and tell what it would
    decide otherwise.
    """
    package = agent_here(agent)
    if shadow:
        package = replace(package, texts=promoted(package.texts))
    if env is not None:
        # LS-ENV-001, or whatever else is wrong with it.
        package.world(env)
    asked = _Asked(package, tuple(runs or ()), env, ago(since), limit)
    found, left_out = asyncio.run(_found(asked, Home.find()))
    if not found.asked and not found.unknown:
        raise LockstepError.of(
            "LS-BACK-001",
            f"agent `{package.agent.name}`",
            f"nothing that policy said is on record in {counted(found.runs, 'run')} and "
            f"{counted(found.plannings, 'planning')}",
            "look further back with --since, or wait until a run has ended",
        )
    if is_json():
        emit_json(told(found, package, env, None if runs else since, shadow, left_out))
    else:
        show(found, package.agent.name, None if runs else since, left_out)
    raise typer.Exit(_EXIT[found.verdict])


@dataclass(frozen=True)
class _Asked:
    package: AgentPackage
    named: tuple[str, ...]
    environment: str | None
    since: datetime
    limit: int


async def _found(asked: _Asked, home: Home) -> tuple[Hindsight, int]:
    """What came of it, and how many runs were left out because there are more than the limit."""
    bench = Backtest(asked.package, FolderStore(home.values))
    tally = Tally(rules_of(asked.package.texts))
    reading = _Reading(asked, home)
    with _progress() as progress:
        async for history in reading.histories():
            if isinstance(history, Revisited):
                tally.take(history)
                continue
            foreign = _foreign(history, asked)
            if foreign is not None:
                if asked.named:
                    raise foreign
                # Whoever starts a workflow may have it listed as anybody's.
                say(f"left out: {foreign.findings[0].place} {foreign.findings[0].problem}")
                continue
            tally.begin(planning=kind_of(history) == PLANNING)
            for one in bench.revisited(history):
                tally.take(one)
            progress(tally.runs + tally.plannings, reading.total)
    return tally.hindsight, reading.left_out


@dataclass
class _Reading:
    """Where histories come from; `total` and `left_out` are known once they begin to come."""

    asked: _Asked
    home: Home
    total: int = 0
    left_out: int = 0

    async def histories(self) -> AsyncIterator[WorkflowHistory | Revisited]:
        """One at a time, each forgotten before the next is read. One that the server has dropped
        since it was listed is a question that nobody can answer.
        """
        named = dict.fromkeys(self.asked.named)
        files = [path for path in map(Path, named) if path.suffix == ".json"]
        self.total = len(named)
        for path in files:
            yield saved_history(path)
        if named and len(files) == len(named):
            return
        ids = [name for name in named if Path(name) not in files]
        async with session(self.home, say) as open_:
            for name in ids:
                yield await fetch(open_.client, await resolve(open_.client, name))
            for id in () if named else await self._all(open_.client):
                try:
                    yield await fetch(open_.client, id)
                except LockstepError:
                    yield gone(id)

    async def _all(self, client: Client) -> list[str]:
        asked = self.asked
        found = await past(client, asked.package.agent.name, asked.environment, asked.since)
        if not found:
            raise LockstepError.of(
                "LS-BACK-001",
                f"agent `{asked.package.agent.name}`",
                f"no run and no planning since {asked.since:%Y-%m-%d %H:%M} UTC"
                + (f" in `{asked.environment}`" if asked.environment else ""),
                "look further back with --since, or name the server that has them",
            )
        newest = found[: asked.limit]
        self.total, self.left_out = len(newest), len(found) - len(newest)
        # What a planning has asked of a lock's steps is not asked again of the lock.
        return [one.id for one in sorted(newest, key=lambda one: not one.planning)]


def _foreign(history: WorkflowHistory, asked: _Asked) -> LockstepError | None:
    """LS-CLI-001 for what is of another agent, or of another environment."""
    subject = subject_of(history)
    if subject is None:
        return None
    name, environment = subject
    here = asked.package.agent.name
    if name != here:
        return LockstepError.of(
            "LS-CLI-001",
            f"`{history.workflow_id}`",
            f"is of agent `{name}`, and this policy is of `{here}`",
            "name the folder of its agent with --agent",
        )
    if asked.environment not in (None, environment):
        return LockstepError.of(
            "LS-CLI-001",
            f"`{history.workflow_id}`",
            f"is of environment `{environment}`, and --env names `{asked.environment}`",
            "leave --env out",
        )
    return None


@contextmanager
def _progress() -> Iterator["_Progress"]:
    """Tells how far it has come: on a terminal in place, elsewhere now and then."""
    live = err.is_terminal and not is_json()
    with Status("reading", console=err) if live else _nothing() as status:
        yield _Progress(status)


@contextmanager
def _nothing() -> Iterator[None]:
    yield None


@dataclass(frozen=True)
class _Progress:
    status: Status | None

    def __call__(self, done: int, total: int) -> None:
        text = f"asked again: {done:,} of {total:,} runs and plannings"
        if self.status is not None:
            self.status.update(text)
        elif not done % _EVERY:
            say(text)
