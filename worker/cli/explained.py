"""What is shown of a step, whether it was proposed or run: its head, its arguments, a decision."""

from collections.abc import Mapping

from lockstep.decision import Decision, Grounds, Outcome
from lockstep.provenance import Provenance
from worker.cli.drawing import COLOURS
from worker.cli.story import shadowed
from worker.cli.terminal import out, safe
from worker.plain import plain
from worker.records.origins import Argument


def head(id: str, tool: str, subject: str, reason: str) -> None:
    out.print(f"Step {safe(id)}: Proposed Action -> {safe(tool)}({safe(subject)})")
    out.print(f'  Reason -> "{safe(reason)}"' if reason else "  Reason -> none was given")


def show_arguments(arguments: tuple[Argument, ...]) -> None:
    width = max((len(plain(one.at)) for one in arguments), default=0)
    for number, one in enumerate(arguments):
        label = "arguments" if number == 0 else ""
        out.print(f"  {label:<9}  {safe(one.at):<{width}}  {safe(_origin(one))}")


def show_provenance(known: Provenance) -> None:
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


def show_decision(made: Decision) -> None:
    out.print(f"  decided    {outcome_of(made.outcome)} in phase {made.phase}: {safe(made.why)}")
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


def show_grounds(grounds: Grounds, rules: Mapping[str, str]) -> None:
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


def outcome_of(outcome: Outcome) -> str:
    return f"[{COLOURS[outcome]}]{outcome}[/{COLOURS[outcome]}]"


def verdict(made: Decision) -> str:
    return f"{outcome_of(made.outcome)} ({safe(made.why)})"
