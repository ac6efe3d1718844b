"""`lockstep check`: would this plan be locked? Answered here and now, without a server."""

import math
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from lockstep.checked import Checked
from lockstep.codes import Exit
from lockstep.errors import LockstepError
from lockstep.finding import Edge
from lockstep.loading import parse_json, read
from lockstep.plan import Plan
from policies.check import check as check_plan
from worker.cli.batch import STDIN, check_batch
from worker.cli.check_lock import check_lock
from worker.cli.drawing import COLOURS, before, conditions, is_held
from worker.cli.fix import fixed, show_fixed
from worker.cli.options import (
    AgentOption,
    PersonOption,
    agent_here,
    package_for,
    person,
    read_plan,
)
from worker.cli.terminal import (
    Format,
    FormatOption,
    counted,
    emit_json,
    grid,
    is_json,
    out,
    safe,
    show_findings,
)
from worker.plain import plain


def check(
    plan: Annotated[Path | None, typer.Argument(help="A plan, or a lock: JSON.")] = None,
    env: Annotated[
        str | None,
        typer.Option(
            "--env",
            metavar="ENV",
            help="The environment: a manifest of the agent; a lock names it.",
        ),
    ] = None,
    batch: Annotated[
        Path | None,
        typer.Option(
            "--batch",
            metavar="FILE",
            help="A file of plans, one JSON document a line; `-` is stdin.",
        ),
    ] = None,
    fix: Annotated[
        bool, typer.Option("--fix", help="Write the edges that rules miss into the plan's file.")
    ] = False,
    agent: AgentOption = None,
    as_: PersonOption = None,
    format: FormatOption = Format.HUMAN,
) -> None:
    """Check a plan, or many, or a lock, against an agent's tools, policy and environment."""
    if plan is not None and batch is None and not fix:
        document = parse_json(read(plan), str(plan))
        if isinstance(document, dict) and "body" in document:
            if not check_lock(plan, package_for(plan, agent), env):
                raise typer.Exit(Exit.REJECTED)
            return
    if env is None:
        raise LockstepError.of(
            "LS-CLI-001", "--env", "wanted an environment to check in", "add --env ENV"
        )
    if batch is not None and plan is None and not fix:
        package = agent_here(agent) if batch == STDIN else package_for(batch, agent)
        if not check_batch(batch, package.world(env), person(as_)):
            raise typer.Exit(Exit.REJECTED)
        return
    if plan is None or batch is not None:
        raise LockstepError.of(
            "LS-CLI-001",
            "",
            "wanted a plan, which may be fixed, or `--batch`, and one of them",
            "write `lockstep check PLAN --env ENV` or `lockstep check --batch FILE --env ENV`",
        )
    package = package_for(plan, agent)
    world = package.world(env)
    edges: tuple[Edge, ...] | None = None
    if fix:
        mended, difference = fixed(plan, world, person(as_))
        proposed, checked, edges = mended.plan, mended.checked, mended.edges
        if not is_json():
            show_fixed(mended, difference)
    else:
        proposed = read_plan(plan).plan
        checked = check_plan(proposed, world, person(as_))
    show_checked(checked, proposed, edges)
    if not checked.passed:
        raise typer.Exit(Exit.REJECTED)


def show_checked(checked: Checked, plan: Plan, edges: tuple[Edge, ...] | None = None) -> None:
    """The verdict on each step, then the findings, then what a run may cost at most. `edges` were
    added to the plan before.
    """
    if is_json():
        fixed = {} if edges is None else {"fixed": [edge.model_dump() for edge in edges]}
        emit_json({"passed": checked.passed, **fixed, **checked.model_dump(mode="json")})
        return
    verdicts = {decision.step: decision for decision in checked.decisions}
    table = grid(5)
    for made in before(checked, plan.steps):
        text = Text(made.outcome, style=COLOURS[made.outcome])
        said = Text(plain(made.told), style="dim")
        table.add_row("", plain(made.step), plain(made.tool), text, said)
    for step in plan.steps:
        decision = verdicts.get(step.id)
        verdict = Text("-", style="red")
        if decision is not None:
            verdict = Text(decision.outcome, style=COLOURS[decision.outcome])
        why = Text(plain(decision.told) if decision else "see below", style="dim")
        table.add_row("", step.id, step.tool, verdict, why)
        tried = decision.shadow.lines if decision and decision.shadow else ()
        says = checked.says(step.id) if is_held(decision) else ()
        more = (*map(plain, says), *(f"shadow: {plain(line)}" for line in tried))
        for told in (*conditions(step, checked.recoveries), *more):
            table.add_row("", "", "", "", Text(told, style="dim"))
    out.print(table)
    show_verdict(checked, len(plan.steps))


def show_verdict(checked: Checked, steps: int) -> None:
    """The findings, and whether the plan passed with what a run of it may cost at most."""
    made = checked.plan
    if made is not None:
        verdict = f"[{COLOURS[made.outcome]}]{made.outcome}[/{COLOURS[made.outcome]}]"
        out.print(f"the plan as a whole  {verdict}  [dim]{safe(made.told)}[/dim]")
        for line in made.shadow.lines if made.shadow else ():
            out.print(f"[dim]  shadow: {safe(line)}[/dim]")
    show_findings(checked.findings, out)
    worst = checked.worst
    if checked.passed:
        out.print(
            f"[green]passed[/green]: {counted(steps, 'step')}, at most "
            f"{counted(worst.calls, 'call')}, {counted(worst.tokens, 'token')}, "
            f"${worst.microdollars / 1e6:,.2f} a run"
        )
        for rule in checked.approval.rules if checked.approval else ():
            who = " or ".join(rule.approvers)
            out.print(
                f"[yellow]  {safe(who)} must approve it before it is locked[/yellow] "
                f"({safe(rule.id)})"
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
