"""`lockstep check`: would this plan be locked? Answered here and now, without a server."""

import math
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from lockstep.checked import Checked
from lockstep.codes import Exit
from lockstep.errors import LockstepError
from lockstep.loading import parse_json, read, shaped
from lockstep.plan import Plan
from policies.check import check as check_plan
from worker.cli.batch import STDIN, check_batch
from worker.cli.drawing import COLOURS, conditions, is_held
from worker.cli.options import (
    AgentOption,
    EnvironmentOption,
    PersonOption,
    agent_here,
    package_for,
    person,
)
from worker.cli.terminal import (
    Format,
    FormatOption,
    counted,
    emit_json,
    is_json,
    out,
    plain,
    show_findings,
)


def check(
    env: EnvironmentOption,
    plan: Annotated[Path | None, typer.Argument(help="A plan: JSON.")] = None,
    batch: Annotated[
        Path | None,
        typer.Option("--batch", help="A file of plans, one JSON document a line; `-` is stdin."),
    ] = None,
    agent: AgentOption = None,
    as_: PersonOption = None,
    format: FormatOption = Format.HUMAN,
) -> None:
    """Check a plan, or many, against an agent's tools, policy and environment."""
    if batch is not None and plan is None:
        package = agent_here(agent) if batch == STDIN else package_for(batch, agent)
        if not check_batch(batch, package.world(env), person(as_)):
            raise typer.Exit(Exit.REJECTED)
        return
    if plan is None or batch is not None:
        raise LockstepError.of(
            "LS-CLI-001",
            "",
            "wanted a plan or `--batch`, and one of them",
            "write `lockstep check PLAN --env ENV` or `lockstep check --batch FILE --env ENV`",
        )
    package = package_for(plan, agent)
    world = package.world(env)
    proposed = shaped(Plan, parse_json(read(plan), str(plan)), str(plan))
    checked = check_plan(proposed, world, person(as_))
    show_checked(checked, proposed)
    if not checked.passed:
        raise typer.Exit(Exit.REJECTED)


def show_checked(checked: Checked, plan: Plan) -> None:
    """The verdict on each step, then the findings, then what a run may cost at most."""
    if is_json():
        emit_json({"passed": checked.passed, **checked.model_dump(mode="json")})
        return
    verdicts = {decision.step: decision for decision in checked.decisions}
    table = Table.grid(padding=(0, 2))
    for step in plan.steps:
        decision = verdicts.get(step.id)
        verdict = Text("-", style="red")
        if decision is not None:
            verdict = Text(decision.outcome, style=COLOURS[decision.outcome])
        why = Text(plain(decision.why) if decision else "see below", style="dim")
        table.add_row("", step.id, step.tool, verdict, why)
        says = checked.says(step.id) if is_held(decision) else ()
        for told in (*conditions(step), *map(plain, says)):
            table.add_row("", "", "", "", Text(told, style="dim"))
    out.print(table)
    show_verdict(checked, len(plan.steps))


def show_verdict(checked: Checked, steps: int) -> None:
    """The findings, and whether the plan passed with what a run of it may cost at most."""
    show_findings(checked.findings, out)
    worst = checked.worst
    if checked.passed:
        out.print(
            f"[green]passed[/green]: {counted(steps, 'step')}, at most "
            f"{counted(worst.calls, 'call')}, {counted(worst.tokens, 'token')}, "
            f"${worst.microdollars / 1e6:,.2f} a run"
        )
        reach = checked.bounds
        if reach.calling is not None:
            out.print(
                f"[dim]  calls take at most {_about(reach.calling)}; its history has about "
                f"{reach.events:,} events, {math.ceil(reach.bytes / 1024):,} KiB[/dim]"
            )
    else:
        out.print(f"[red]rejected[/red]: {counted(len(checked.errors), 'finding')}")


def _about(length: timedelta) -> str:
    """`40 s`, `12 min`, `2 h 5 min`; rounded up."""
    seconds = math.ceil(length.total_seconds())
    minutes = math.ceil(seconds / 60)
    if seconds < 120:
        return f"{seconds} s"
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"
