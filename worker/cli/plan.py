"""`lockstep plan`: a model proposes, the validator workflow checks, and what passes is a lock.

The proposal is kept as a file whether or not it passed: to be read, mended by hand, or given as the
answer to the question that a planning ends in when the model does not get there.
"""

import asyncio
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer
from temporalio.client import WorkflowHandle

from activities.models.providers import provider
from activities.package import AgentPackage
from activities.propose import no_key
from lockstep.amount import Amount
from lockstep.codes import CODES, Exit
from lockstep.errors import LockstepError
from lockstep.escalation import Question
from lockstep.finding import Finding
from lockstep.loading import shaped
from lockstep.outlay import Outlay
from lockstep.plan import Plan
from lockstep.usage import Bill
from worker.cli.bill import cost
from worker.cli.check import show_verdict
from worker.cli.drawing import drawing
from worker.cli.keeping import keep_locked, keep_proposal, must_be_kept
from worker.cli.listening import busy, told
from worker.cli.options import (
    EnvironmentOption,
    HereOption,
    PersonOption,
    agent_here,
    person,
)
from worker.cli.question import show_question, show_waiting
from worker.cli.samples import SamplesOption, measured
from worker.cli.terminal import (
    Format,
    FormatOption,
    emit_json,
    err,
    is_json,
    out,
    safe,
    say,
    show_findings,
)
from worker.connection import find_server
from worker.home import Home
from worker.inbox import open_questions
from worker.plans import begin, ended
from worker.records.history import fetch
from worker.records.proposals import proposals
from worker.session import Served, Session, session
from workflows.lock_plan import LockPlan, LockRequest, LockResult

OutOption = Annotated[
    Path | None,
    typer.Option(
        "--out", "-o", metavar="FILE", help="Where the lock goes; by default the agent's `plans`."
    ),
]


_CANCEL_PATIENCE = 10.0


@dataclass(frozen=True)
class Planned:
    """How a planning ended: a result and the files it left, or the questions it waits for."""

    id: str
    result: LockResult | None
    questions: Sequence[Question] = ()
    plan: Path | None = None
    lock: Path | None = None
    unchanged: bool = False
    bill: Bill = field(default_factory=Bill)
    limit: Amount = field(default_factory=Amount)

    @property
    def cost(self) -> Outlay | None:
        """As a run that began with this planning counts it; None where no model was asked."""
        if self.result is None or not self.bill.calls:
            return None
        return Outlay(planning=self.id, bill=self.bill, limit=self.limit, held=self.result.held)

    @property
    def exit(self) -> Exit:
        if self.result is None:
            return Exit.PAUSED
        if self.result.status == "locked":
            return Exit.DONE
        findings = self.result.findings
        return CODES[findings[0].code].exit if findings else Exit.REJECTED


def plan(
    env: EnvironmentOption,
    goal: Annotated[
        str, typer.Argument(help="What to plan for; by default the goal in `agent.toml`.")
    ] = "",
    samples: SamplesOption = None,
    out_file: OutOption = None,
    agent: HereOption = None,
    as_: PersonOption = None,
    format: FormatOption = Format.HUMAN,
) -> None:
    """Have a model propose a plan, check it and, if it passes, freeze it into a lock."""
    package = agent_here(agent)
    request = wanted(goal, package, env, person(as_))
    if samples and out_file is not None:
        raise LockstepError.of(
            "LS-CLI-001",
            "--out",
            "there is no lock to write: samples are held against each other, and none is locked",
            "leave --out or --samples out",
        )

    async def work() -> Exit:
        home = await ready(env, package, out_file, kept=not samples)
        async with session(home, say, serve=Served.of(package, env)) as open_:
            if samples:
                wide = request.model_copy(update={"samples": samples})
                return await measured(open_, wide, package.agent.planner.model)
            planned = await made(open_, request, package, out_file)
            show_planned(planned, lasting=open_.lasting)
            return planned.exit

    code = asyncio.run(work())
    if code is not Exit.DONE:
        raise typer.Exit(code)


def wanted(goal: str, package: AgentPackage, env: str, by: str) -> LockRequest:
    """The request for a plan; LS-CLI-001 where nobody says what for."""
    text = goal.strip() or package.agent.goal
    if not text:
        raise LockstepError.of(
            "LS-CLI-001",
            "GOAL",
            "wanted a goal, found none, and `agent.toml` has none either",
            "say what to plan for, or write `goal` in agent.toml",
        )
    return shaped(
        LockRequest,
        {"goal": text, "agent": package.agent.name, "environment": env, "by": by},
        "GOAL",
    )


async def ready(
    env: str, package: AgentPackage, out_file: Path | None, *, kept: bool = True
) -> Home:
    """What planning would stumble over is said before a server is started, and a model paid."""
    package.world(env)
    if kept:
        must_be_kept(package, out_file)
    home = Home.find()
    seller = provider(package.agent.planner.provider)
    if not os.environ.get(seller.key) and await find_server(home) is None:
        raise LockstepError(no_key(seller))
    return home


async def made(
    open_: Session, request: LockRequest, package: AgentPackage, out_file: Path | None
) -> Planned:
    """Plan, tell how it goes, and write down what came of it."""
    handle = await begin(open_.client, request)
    say(f"planning {handle.id}")
    try:
        with busy(package.agent.planner.model):
            halted = await told(handle)
    except asyncio.CancelledError:
        await _interrupted(handle, open_)
        raise
    if halted is not None:
        questions = await open_questions(open_.client, handle.id)
        given = [one.reply.plan for one in proposals(await fetch(open_.client, handle.id))]
        document = next(filter(None, reversed(given)), None)
        kept = keep_proposal(document, package, request, out_file) if document else None
        return Planned(handle.id, None, questions, kept, bill=halted)
    result = await ended(handle)
    if isinstance(result, Finding):
        raise LockstepError(result)
    if result.lock is not None:
        plan, lock, same = keep_locked(result.lock, package, request, out_file)
        return Planned(
            handle.id,
            result,
            plan=plan,
            lock=lock,
            unchanged=same,
            bill=result.bill,
            limit=package.agent.planner.limit,
        )
    kept = keep_proposal(result.plan, package, request, out_file) if result.plan else None
    return Planned(handle.id, result, plan=kept, bill=result.bill)


async def _interrupted(handle: WorkflowHandle[LockPlan, Any], open_: Session) -> None:
    """Ctrl-C: a planning on a lasting server goes on; one whose server ends with us does not."""
    if open_.lasting:
        err.print(f"the planning goes on: `lockstep runs show {handle.id}`", markup=False)
        return
    with suppress(Exception):
        async with asyncio.timeout(_CANCEL_PATIENCE):
            await handle.cancel()
            await handle.result()
    err.print("the planning was cancelled", markup=False)


def show_planned(planned: Planned, *, lasting: bool) -> None:
    """What was proposed and why, what was found, what it cost, and where it is kept."""
    result = planned.result
    if is_json():
        emit_json(as_json(planned))
        return
    if result is None:
        for question in planned.questions:
            show_question(question, planned.plan)
        out.print(f"[dim]{safe(cost(planned.bill))} so far[/dim]")
        show_waiting(lasting)
        return
    _show_proposal(result)
    for gap in result.gaps:
        out.print(f"[yellow]gap[/yellow] no tool here does this: {safe(gap)}")
    show_findings(result.findings, out)
    if result.bill.calls:
        after = "; none to run it" if result.lock is not None else ""
        out.print(f"[dim]{safe(cost(result.bill))} to plan{after}[/dim]")
    if planned.lock is not None and result.lock is not None:
        state = "unchanged" if planned.unchanged else "locked"
        out.print(f"[green]{state}[/green] {safe(_near(planned.lock))}  {result.lock.digest}")
    else:
        kept = f"; the proposal is kept in {safe(_near(planned.plan))}" if planned.plan else ""
        out.print(f"[red]{result.status}[/red]: no lock was made{kept}")


def _show_proposal(result: LockResult) -> None:
    """The graph, and the verdict; of what is no plan at all only what was found."""
    if result.lock is not None:
        count_of = len(result.lock.steps)
        for line in drawing(result.lock.steps, result.checked):
            out.print(line)
        show_verdict(result.checked, count_of)
    elif result.plan is not None:
        with suppress(LockstepError):
            proposed = shaped(Plan, result.plan, "plan")
            for line in drawing(proposed.steps, result.checked):
                out.print(line)
        show_verdict(result.checked, 0)


def _near(path: Path) -> Path:
    """As a person here would name it."""
    with suppress(ValueError):
        return path.relative_to(Path.cwd())
    return path


def as_json(planned: Planned) -> dict[str, Any]:
    result = planned.result
    return {
        "status": "waiting" if result is None else result.status,
        "planning": planned.id,
        "questions": [question.model_dump(mode="json") for question in planned.questions],
        "plan": str(planned.plan) if planned.plan else None,
        "lock": str(planned.lock) if planned.lock else None,
        "digest": result.lock.digest if result and result.lock else None,
        "gaps": list(result.gaps) if result else [],
        "findings": [found.model_dump(mode="json") for found in _all_findings(result)],
        "bill": planned.bill.model_dump(mode="json"),
    }


def _all_findings(result: LockResult | None) -> Iterable[Finding]:
    """Why a planning ended, and what its last proposal had; what is both stands once."""
    if result is None:
        return ()
    return dict.fromkeys((*result.findings, *result.checked.findings))
