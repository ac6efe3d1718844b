"""`lockstep explain`: what a code means, or all that a history says of one step.

Of a step: what was proposed and why, where each argument came from, what policy said by which
rules, who was asked and what they said, every attempt, and how it ended. Nothing is looked up in
the agent's files, which may have changed since.
"""

import asyncio
import re
from shlex import quote
from typing import Annotated

import typer

from lockstep.codes import CODES, Code, Exit
from lockstep.decision import Decision
from lockstep.duration import write_duration
from lockstep.errors import LockstepError
from lockstep.event import Event
from lockstep.fork import RunForked
from lockstep.help import HELP
from lockstep.loop import label
from lockstep.stepped import StepBlocked, StepDecided, StepFailed
from policies.checks.misfit import did_you_mean
from worker.cli.drawing import called, conditions
from worker.cli.explained import (
    head,
    outcome_of,
    show_arguments,
    show_decision,
    show_grounds,
    show_provenance,
    verdict,
)
from worker.cli.story import inherited, tell
from worker.cli.terminal import (
    Format,
    FormatOption,
    counted,
    emit_json,
    is_json,
    out,
    safe,
    say,
    show_findings,
)
from worker.home import Home
from worker.records.account import Account, account
from worker.records.considered import Considered, considered
from worker.records.history import events_of, fetch, kind_of
from worker.runs import resolve
from worker.session import session

_CODE = re.compile(r"LS-[A-Z]*-?\d*", re.IGNORECASE)
_ENDS = {
    Exit.DONE: "done",
    Exit.ERROR: "error",
    Exit.USAGE: "usage",
    Exit.REJECTED: "rejected",
    Exit.PAUSED: "paused",
}


def explain(
    what: Annotated[str, typer.Argument(help="A code, or a run as in `runs show`.")],
    step: Annotated[
        str | None,
        typer.Argument(help="A step of the run or planning, or one item of a loop: `drain[3]`."),
    ] = None,
    format: FormatOption = Format.HUMAN,
) -> None:
    """Explain a code; or a step of a run or planning, from its proposal to its end."""
    if step is not None:
        asyncio.run(_step(what, step))
        return
    if _CODE.fullmatch(what):
        _code(what.upper())
        return
    raise LockstepError.of(
        "LS-CLI-001",
        "",
        f"`{what[:80]}` is no code, and of a run one step is explained",
        "write `lockstep explain LS-PLAN-001` or `lockstep explain RUN STEP`",
    )


def _code(name: str) -> None:
    found: Code | None = CODES.get(name)
    if found is None:
        raise LockstepError.of(
            "LS-CLI-001",
            "",
            f"there is no code `{name[:40]}`",
            did_you_mean(name, CODES) or "copy it from the message",
        )
    if is_json():
        emit_json({"code": name, "title": found.title, "exit": int(found.exit), "help": HELP[name]})
        return
    out.print(f"[bold]{name}[/bold]  {found.title}")
    out.print(f"  exit  {int(found.exit)}, {_ENDS[found.exit]}")
    out.print(f"  help  {safe(HELP[name])}")


async def _step(run: str, step: str) -> None:
    async with session(Home.find(), say) as open_:
        id = await resolve(open_.client, run)
        history = await fetch(open_.client, id)
    if kind_of(history) == "LockPlan":
        proposals = considered(history, step)
        if is_json():
            emit_json({"planning": id, "step": step, "proposals": [*map(_told, proposals)]})
        else:
            for proposed in proposals:
                _show_considered(proposed)
        return
    found = account(history, await events_of(history), step)
    if is_json():
        emit_json(found.model_dump(mode="json"))
    else:
        _show(found)


def _show(found: Account) -> None:
    step = found.step
    # Of a loop each item has targets of its own.
    targets = found.decisions[-1].targets if found.decisions and not found.parts else ()
    subject = ", ".join(f'"{target.name}"' for target in targets) or called(step.args)
    head(label(step.id, found.item), step.tool, subject, step.reason)
    made = found.decisions[-1] if found.decisions and not found.parts else None
    if made is not None:
        out.print(f"  Policy -> {verdict(made)}")
    out.print(
        f"  effect     {step.effect}, at most "
        f"{counted(step.attempts, 'attempt')} of {write_duration(step.timeout)}"
    )
    if step.needs:
        out.print(f"  after      {safe(', '.join(step.needs))}")
    show_arguments(found.arguments)
    show_provenance(found.provenance)
    out.print(f"  locked as  {outcome_of(step.expected)}, policy's answer to the plan")
    for told in conditions(step, {step.tool: found.errors}):
        out.print(f"  {_condition(told)}")
    for decision in () if found.parts else found.decisions:
        show_decision(decision)
        _show_record(found, decision)
    _show_parts(found)
    out.print("  what happened")
    for event in found.events:
        if isinstance(event.what, StepDecided):
            continue
        first, *rest = _line(event, step.id, found.item).splitlines()
        out.print(f"    {event.seq:4d}  {event.at:%H:%M:%S}  {safe(first)}")
        for line in rest:
            out.print(f"                    {safe(line)}")
    out.print(f"  so it {_END[found.end]}")


_END = {
    "completed": "[green]completed[/green]",
    "carried": "was [green]carried[/green] from the run that this one goes on from",
    "failed": "[red]failed[/red]",
    "skipped": "[yellow]was skipped[/yellow]",
    "asking": "[yellow]waits for a human[/yellow]",
    "given up": "[yellow]was given up[/yellow], and the rest planned anew",
    "running": "[cyan]is running[/cyan], or was when the run ended",
    "not started": "[dim]was not started[/dim]",
}


def _line(event: Event, step: str, asked: int | None) -> str:
    """What happened, without what the head has said; of all items of a loop with the item's
    number.
    """
    item = getattr(event.what, "item", None)
    mark = "" if item is None or asked is not None else f"[{item}] "
    if isinstance(event.what, StepBlocked):
        # The head has said what was proposed and why.
        return f"{mark}held back: {event.what.why}"
    if isinstance(event.what, RunForked):
        return f"from {event.what.run}: {inherited(event.what, step)}"
    if isinstance(event.what, StepFailed):
        return str(event.what.finding)
    name = label(getattr(event.what, "step", ""), item)
    return mark + tell(event).removeprefix(f"Step {name}: ")


def _condition(told: str) -> str:
    return f"[dim]{safe(told)}[/dim]"


def _show_parts(found: Account) -> None:
    """The items of a loop, each with its own decision and end."""
    for number, part in enumerate(found.parts):
        head = "items" if number == 0 else ""
        outcome = outcome_of(part.outcome) if part.outcome is not None else "-"
        often = f", {part.dispatches} dispatches" if part.dispatches > 1 else ""
        why = f" ({safe(part.why)})" if part.why else ""
        out.print(
            f"  {head:<9}  [{part.item}]  {outcome}{why}, {_END[part.end]}{often}", highlight=False
        )
    if found.parts:
        one = label(found.step.id, found.parts[0].item)
        out.print(
            f"  [dim]one of them: lockstep explain {safe(found.run)} {safe(quote(one))}[/dim]"
        )


def _show_record(found: Account, made: Decision) -> None:
    """What was asked, and on what it was decided: enough to find it all again, and to hold it
    against what is found.
    """
    who = found.principal
    out.print(
        f"    [dim]asked by {safe(who.agent)} as {safe(who.role)}, started by "
        f"{safe(who.started_by)} ({who.trigger}), in {safe(found.environment)} "
        f"({safe(found.stage)})[/dim]"
    )
    grounds = next((one for one in found.grounds if one.digest == made.grounds), None)
    if grounds is not None:
        show_grounds(grounds, found.rules)
    out.print(f"    [dim]decision {made.digest[:19]}…[/dim]")


def _told(one: Considered) -> dict[str, object]:
    return {
        "proposal": one.number,
        "passed": one.passed,
        "step": one.step.model_dump(mode="json") if one.step else None,
        "arguments": [argument.model_dump(mode="json") for argument in one.arguments],
        "decision": one.decision.model_dump(mode="json") if one.decision else None,
        "grounds": one.grounds.model_dump(mode="json") if one.grounds else None,
        "findings": [found.model_dump(mode="json") for found in one.findings],
    }


def _show_considered(one: Considered) -> None:
    state = "[green]passed[/green]" if one.passed else "[red]rejected[/red]"
    out.print(f"proposal {one.number}  {state}")
    if one.step is None:
        out.print("  has no such step")
        return
    step = one.step
    targets = one.decision.targets if one.decision else ()
    subject = ", ".join(f'"{target.name}"' for target in targets) or called(step.args)
    head(step.id, step.tool, subject, step.reason)
    show_arguments(one.arguments)
    if one.decision is not None:
        show_decision(one.decision)
        if one.grounds is not None:
            show_grounds(one.grounds, {})
    show_findings(one.findings, out)
