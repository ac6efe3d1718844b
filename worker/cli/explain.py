"""`lockstep explain`: what a code means, or all that a history says of one step.

Of a step: what was proposed and why, where each argument came from, what policy said by which
rules, who was asked and what they said, every attempt, and how it ended. Nothing is looked up in
the agent's files, which may have changed since.
"""

import asyncio
import re
from collections.abc import Mapping
from shlex import quote
from typing import Annotated

import typer

from lockstep.codes import CODES, Code, Exit
from lockstep.decision import Decision, Grounds, Outcome
from lockstep.duration import write_duration
from lockstep.errors import LockstepError
from lockstep.event import Event
from lockstep.help import HELP
from lockstep.loop import label
from lockstep.provenance import Provenance
from lockstep.stepped import StepBlocked, StepDecided, StepFailed
from policies.misfit import did_you_mean
from worker.account import Account, Considered, account, considered
from worker.cli.drawing import COLOURS, called, conditions
from worker.cli.story import shadowed, tell
from worker.cli.terminal import (
    Format,
    FormatOption,
    counted,
    emit_json,
    is_json,
    out,
    plain,
    safe,
    say,
    show_findings,
)
from worker.history import events_of, fetch, kind_of
from worker.home import Home
from worker.origins import Argument
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
    _head(label(step.id, found.item), step.tool, subject, step.reason)
    made = found.decisions[-1] if found.decisions and not found.parts else None
    if made is not None:
        out.print(f"  Policy -> {_verdict(made)}")
    out.print(
        f"  effect     {step.effect}, at most "
        f"{counted(step.attempts, 'attempt')} of {write_duration(step.timeout)}"
    )
    if step.needs:
        out.print(f"  after      {safe(', '.join(step.needs))}")
    _show_arguments(found.arguments)
    _show_provenance(found.provenance)
    out.print(f"  locked as  {_outcome(step.expected)}, policy's answer to the plan")
    for told in conditions(step, {step.tool: found.errors}):
        out.print(f"  {_condition(told)}")
    for decision in () if found.parts else found.decisions:
        _show_decision(decision)
        _show_record(found, decision)
    _show_parts(found)
    out.print("  what happened")
    for event in found.events:
        if isinstance(event.what, StepDecided):
            continue
        first, *rest = _line(event, found.item).splitlines()
        out.print(f"    {event.seq:4d}  {event.at:%H:%M:%S}  {safe(first)}")
        for line in rest:
            out.print(f"                    {safe(line)}")
    out.print(f"  so it {_END[found.end]}")


_END = {
    "completed": "[green]completed[/green]",
    "failed": "[red]failed[/red]",
    "skipped": "[yellow]was skipped[/yellow]",
    "asking": "[yellow]waits for a human[/yellow]",
    "given up": "[yellow]was given up[/yellow], and the rest planned anew",
    "running": "[cyan]is running[/cyan], or was when the run ended",
    "not started": "[dim]was not started[/dim]",
}


def _line(event: Event, asked: int | None) -> str:
    """What happened, without what the head has said; of all items of a loop with the item's
    number.
    """
    item = getattr(event.what, "item", None)
    mark = "" if item is None or asked is not None else f"[{item}] "
    if isinstance(event.what, StepBlocked):
        # The head has said what was proposed and why.
        return f"{mark}held back: {event.what.why}"
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
        outcome = _outcome(part.outcome) if part.outcome is not None else "-"
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


def _head(id: str, tool: str, subject: str, reason: str) -> None:
    out.print(f"Step {safe(id)}: Proposed Action -> {safe(tool)}({safe(subject)})")
    out.print(f'  Reason -> "{safe(reason)}"' if reason else "  Reason -> none was given")


def _show_arguments(arguments: tuple[Argument, ...]) -> None:
    width = max((len(plain(one.at)) for one in arguments), default=0)
    for number, one in enumerate(arguments):
        label = "arguments" if number == 0 else ""
        out.print(f"  {label:<9}  {safe(one.at):<{width}}  {safe(_origin(one))}")


def _show_provenance(known: Provenance) -> None:
    """What the arguments are made of, and what besides them decided over the step."""
    if known.sources:
        out.print(f"  made of    what {safe(', '.join(known.sources))} gave")
    if known.steered:
        out.print("  steered    whether or how often it is done hangs on what is untrusted")
    if known.sensitive:
        out.print("  sensitive  something private flows in, decides over it, or is given by it")


def _origin(one: Argument) -> str:
    doubt = ", untrusted" if one.untrusted else ""
    value = f"{doubt}: {one.text}" if one.text else doubt
    match one.source:
        case "plan":
            return f"written in the plan{value}"
        case "human":
            left = ", who left it as it was" if one.untrusted else ""
            return f"written by {one.name or 'a human'}{left}{value}"
        case "input":
            return f"the run's input {one.name}{value}"
        case "run":
            return f"the run's own {one.name}{value}"
        case "item":
            own = f"own {one.name or 'value'}"
            return f"the item's {own}{value}" if one.text else f"each item's {own}{doubt}"
        case "catalogue":
            return f"put in because of {one.name}: {one.text or 'nothing'}"
        case "step":
            by = f" ({one.tool})" if one.tool else ""
            if not one.digest:
                return f"from step {one.name}{by}{doubt}"
            return f"from step {one.name}{by}{value} ({one.size:,} bytes, {one.digest[:19]}…)"


def _show_decision(made: Decision) -> None:
    out.print(f"  decided    {_outcome(made.outcome)} in phase {made.phase}: {safe(made.why)}")
    for rule in made.rules:
        who = f", {' or '.join(rule.approvers)} may approve" if rule.approvers else ""
        out.print(f'    {rule.effect} {safe(rule.id)}: "{safe(rule.reason)}"{safe(who)}')
    for rule in made.missing:
        out.print(f"    approval missing for {safe(rule.id)}")
    for grant in made.grants:
        until = f"{grant.expires_at:%Y-%m-%d %H:%M} UTC"
        out.print(f"    approved {safe(grant.rule)} by {safe(grant.by)}, until {until}")
    if made.permits:
        applied = made.outcome is not Outcome.DENY
        what = "permitted by" if applied else "considered, and did not apply:"
        out.print(f"    {what} {safe(', '.join(made.permits))}")
    for line in shadowed(made):
        out.print(f"    shadow: {safe(line)}")
    out.print(
        f"    [dim]arguments {made.args_digest[:19]}…, policy {made.policy[:19]}…, "
        f"engine {safe(made.engine)}[/dim]"
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
        _show_grounds(grounds, found.rules)
    out.print(f"    [dim]decision {made.digest[:19]}…[/dim]")


def _show_grounds(grounds: Grounds, rules: Mapping[str, str]) -> None:
    """The digests of all that was decided on, each under the name a person would use."""
    parts = {
        **grounds.files,
        **rules,
        "schema": grounds.vocabulary,
        "environment": grounds.environment,
    }
    named = ", ".join(f"{name} {part[:19]}…" for name, part in sorted(parts.items()))
    engine = ", ".join(f"{name} {number}" for name, number in sorted(grounds.engine.items()))
    out.print(f"    [dim]on {safe(named)}; {safe(engine)}[/dim]")


def _outcome(outcome: Outcome) -> str:
    return f"[{COLOURS[outcome]}]{outcome}[/{COLOURS[outcome]}]"


def _verdict(made: Decision) -> str:
    return f"{_outcome(made.outcome)} ({safe(made.why)})"


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
    _head(step.id, step.tool, subject, step.reason)
    _show_arguments(one.arguments)
    if one.decision is not None:
        _show_decision(one.decision)
        if one.grounds is not None:
            _show_grounds(one.grounds, {})
    show_findings(one.findings, out)
