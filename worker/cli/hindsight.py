"""What a back-test found, for people and for programs."""

from collections.abc import Hashable, Iterable, Iterator
from typing import Any

from activities.package import AgentPackage
from lockstep.decision import Outcome
from lockstep.finding import Finding
from policies.trials.hindsight import Said
from policies.trials.tally import Hindsight, Kind, Yes
from worker.cli.drawing import COLOURS
from worker.cli.terminal import counted, out, safe, show_findings

_MOST = 12
"""Kinds of difference that a person is shown; `--format json` has all that are told apart."""
_ABOUT = {
    "planned": " (while planned)",
    "plan": " (a plan as a whole)",
    "replan": " (planning anew)",
    "checks": "the plan's checks",
}
_PASSES = {Outcome.ALLOW: "passed", Outcome.DENY: "refused"}


def told(
    found: Hindsight,
    package: AgentPackage,
    environment: str | None,
    since: str | None,
    shadow: bool,
    left_out: int,
) -> dict[str, Any]:
    """All of it as one document."""
    return {
        "verdict": found.verdict,
        "agent": package.agent.name,
        "environment": environment,
        "since": since,
        "left_out": left_out,
        "shadow_in_force": shadow,
        "policy": package.texts.digests(),
        "asked": found.asked,
        **found.model_dump(mode="json"),
        "findings": [one.model_dump(mode="json") for one in _findings(found)],
    }


def show(found: Hindsight, agent: str, since: str | None, left_out: int) -> None:
    """In about ten lines: what would be otherwise first, then what cannot be told, then what else
    there is to know.
    """
    for kinds in (found.changes, found.others):
        lines = list(_folded(kinds))
        for kind, planned in lines[:_MOST]:
            _show_kind(kind, planned)
        rest = sum(kind.count + planned for kind, planned in lines[_MOST:])
        if rest:
            reasons = counted(len(lines) - _MOST, "other reason")
            out.print(f"        [dim]and {counted(rest, 'decision')} for {reasons}[/dim]")
    if found.asks:
        out.print(f"[yellow]people[/yellow]  would be asked {counted(found.asks, 'more question')}")
    show_findings(_findings(found), out)
    for line in _notes(found, left_out):
        out.print(f"[dim]{safe(line)}[/dim]")
    looked = f"{counted(found.runs, 'run')} and {counted(found.plannings, 'planning')}"
    when = f" of the last {since}" if since else ""
    out.print(f"{_verdict(found, agent)}, in {looked}{when}")


def _verdict(found: Hindsight, agent: str) -> str:
    asked, name = counted(found.asked, "decision"), safe(agent)
    missing = f"; {counted(found.unknown, 'question')} cannot be put again" if found.unknown else ""
    match found.verdict:
        case "otherwise":
            return f"[red]otherwise[/red] {name}: {found.otherwise:,} of {asked}{missing}"
        case "incomplete":
            return f"[yellow]incomplete[/yellow] {name}: {asked} the same{missing}"
        case "same":
            return f"[green]the same[/green] {name}: {asked}"


def _folded(kinds: Iterable[Kind]) -> Iterator[tuple[Kind, int]]:
    """Each kind with how often the same became of the same tool while it was only planned, which
    is not worth a line of its own.
    """
    calls = {_turn(kind) for kind in kinds if kind.about == "call"}
    planned: dict[Hashable, int] = {}
    for kind in kinds:
        if kind.about == "planned":
            planned[_turn(kind)] = planned.get(_turn(kind), 0) + kind.count
    for kind in kinds:
        if kind.about == "call":
            yield kind, planned.get(_turn(kind), 0)
        elif kind.about != "planned" or _turn(kind) not in calls:
            yield kind, 0


def _turn(kind: Kind) -> Hashable:
    then, now = kind.then, kind.now
    return kind.environment, kind.tool, then and then.outcome, now and (now.outcome, now.why)


def _show_kind(kind: Kind, planned: int) -> None:
    assert kind.then is not None
    assert kind.now is not None
    checks = kind.about == "checks"
    turn = f"{_outcome(kind.then, checks)} -> {_outcome(kind.now, checks)}"
    what = _ABOUT["checks"] if checks else f"{kind.tool}{_ABOUT.get(kind.about, '')}"
    out.print(
        f"{kind.count:6,d}  {turn}  [bold]{safe(what)}[/bold] in {safe(kind.environment)}: "
        f"{safe(_why(kind))}"
    )
    first = kind.examples[0]
    named = f"({', '.join(first.targets)})" if first.targets else ""
    more = f", and {counted(kind.runs - 1, 'more run')}" if kind.runs > 1 else ""
    more += f"; {counted(planned, 'time')} while planned, too" if planned else ""
    out.print(f"        [dim]{safe(first.step)}{safe(named)} of {safe(first.run)}{more}[/dim]")


def _why(kind: Kind) -> str:
    """Why it is so now; where it is allowed now, what stood in its way then."""
    then, now = kind.then, kind.now
    assert then is not None
    assert now is not None
    if then.outcome is now.outcome:
        old, new = (", ".join(said.rules or ()) or "no rule" for said in (then, now))
        return f"by {new}, and was by {old}"
    if now.outcome is Outcome.ALLOW and then.why:
        by = f" by {', '.join(now.rules)}" if now.rules else ""
        return f"permitted{by}; was {then.why}"
    return now.why or ", ".join(now.rules or ())


def _outcome(said: Said, checks: bool) -> str:
    if said.outcome is None:
        return "not asked"
    text = _PASSES.get(said.outcome, said.outcome) if checks else said.outcome
    colour = COLOURS[said.outcome]
    return f"[{colour}]{text}[/{colour}]"


def _findings(found: Hindsight) -> Iterator[Finding]:
    """What cannot be told, one line a reason."""
    for kind in found.unknowns:
        first = kind.examples[0]
        yield Finding(
            code="LS-BACK-002",
            place=f"{counted(kind.count, 'question')}, such as `{first.step}` of `{first.run}`",
            problem=kind.unknown,
            fix="back-test with what the run had, or leave the run out",
        )


def _notes(found: Hindsight, left_out: int) -> Iterator[str]:
    yield from _tried(found)
    if found.lost:
        yield f"yes     {_yeses(found.lost)} would not lift what asks now"
    told = {(one.rule, one.by) for one in found.lost}
    void = [one for one in found.void if (one.rule, one.by) not in told]
    if void:
        yield f"yes     {_yeses(void)} would have to be given again, since policy is another one"
    if found.silent:
        yield f"silent  took part in no decision: {', '.join(found.silent)}"
    if found.restated:
        yield (
            f"facts   {counted(found.restated, 'question')} about tools that are declared "
            "otherwise than then, asked about as they are now"
        )
    if found.open:
        yield f"open    {counted(found.open, 'call')} with no answer on record"
    if left_out:
        yield f"limit   {counted(left_out, 'older run')} not looked at: see --limit"
    if found.untold:
        yield f"more    {counted(found.untold, 'decision')} for too many different reasons to tell"


def _tried(found: Hindsight) -> Iterator[str]:
    for rule in found.tried:
        yield f"shadow  {rule.id} would have said {rule.would} {rule.count:,} times"


def _yeses(yeses: Iterable[Yes]) -> str:
    return ", ".join(
        f"{one.by}'s to {one.rule}{' (standing)' if one.standing else ''}" for one in yeses
    )
