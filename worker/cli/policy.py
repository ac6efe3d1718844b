"""`lockstep policy`: policy as its authors work on it, tried on cases and shown to their editors.

Neither command needs a server: both read the agent's files as they are now.
"""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from activities.files.cases import answered
from activities.package import AgentPackage
from lockstep.codes import Exit
from lockstep.errors import LockstepError
from lockstep.finding import Finding
from policies.cedar.load import schema_of
from policies.cedar.own import beside, own
from policies.cedar.schema import vocabulary
from policies.cedar.strangers import strangers
from policies.trials.expected import Tried, rules_in, rules_of, unreached
from worker.cli.drawing import COLOURS
from worker.cli.options import EnvironmentOption, HereOption, agent_here, group
from worker.cli.terminal import (
    Format,
    FormatOption,
    counted,
    emit_json,
    grid,
    is_json,
    out,
    safe,
    say,
    show_findings,
    write_file,
)
from worker.plain import plain

app = group(__doc__)


@app.command("test")
def cases(
    agent: HereOption = None,
    env: Annotated[
        str | None, typer.Option("--env", metavar="ENV", help="Only the cases of this environment.")
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="A warning about a rule is an error too.")
    ] = False,
    format: FormatOption = Format.HUMAN,
) -> None:
    """Hold policy's answers against the cases of `tests/policy.toml`."""
    package = agent_here(agent)
    results = answered(package, env)
    # Of one environment's cases nobody expects that they reach every rule.
    rules = rules_of(package.texts) if env is None else ()
    gaps = (*unreached(rules, results), *(strange(package) if env is None else ()))
    failed = [one for one in results if not one.passed]
    if is_json():
        emit_json(
            {
                "passed": not failed and not (strict and gaps),
                "cases": [_told(one) for one in results],
                "findings": [found.model_dump(mode="json") for found in gaps],
            }
        )
    else:
        _show(results)
        show_findings(gaps, out)
        missed = sum(found.code == "LS-POLICY-005" for found in gaps)
        reached = f"; {len(rules) - missed} of {counted(len(rules), 'rule')} reached"
        end = f"[red]{len(failed)} failed[/red]" if failed else "[green]all passed[/green]"
        out.print(f"{counted(len(results), 'case')}, {end}{reached if rules else ''}")
    if failed or (strict and gaps):
        raise typer.Exit(Exit.REJECTED)


def strange(package: AgentPackage) -> list[Finding]:
    """What policy speaks of and none of the agent's environments has. One that cannot be read may
    have any name, and that it cannot is told where it is used.
    """
    try:
        worlds = [package.world(name) for name in package.environments]
    except LockstepError:
        return []
    return list(strangers(rules_in(package.texts), worlds))


def _told(one: Tried) -> dict[str, Any]:
    made = one.decision
    return {
        "case": one.place,
        "name": one.case.name,
        "environment": one.environment,
        "tool": one.case.tool,
        "expected": one.case.expect,
        "passed": one.passed,
        "decision": None if made is None else made.model_dump(mode="json"),
        "findings": [found.model_dump(mode="json") for found in one.findings],
    }


def _show(results: list[Tried]) -> None:
    """A line a case, and under one that failed what was expected and what was found."""
    table = grid(5)
    for one in results:
        made, case = one.decision, one.case
        mark = Text("✓", style="green") if one.passed else Text("✗", style="red")
        verdict, by = Text("-", style="red"), ""
        if made is not None:
            verdict = Text(made.outcome, style=COLOURS[made.outcome])
            by = ", ".join(rule.id for rule in made.rules)
        table.add_row(
            mark, one.environment, plain(case.called), verdict, Text(plain(by), style="dim")
        )
    out.print(table)
    show_findings((found for one in results for found in _placed(one)), out)


def _placed(one: Tried) -> Iterator[Finding]:
    """The findings of a case; of one that is asked in several environments, with which it is."""
    where = f" in `{one.environment}`" if len(one.case.environments) > 1 else ""
    for found in one.findings:
        yield found.model_copy(update={"place": f"{found.place}{where}"})


@app.command("schema")
def schema(
    env: EnvironmentOption,
    out_file: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", help="A file; by default standard output."),
    ] = None,
    agent: HereOption = None,
    format: FormatOption = Format.HUMAN,
) -> None:
    """Print the Cedar schema of an environment, for editors."""
    package = agent_here(agent)
    world = package.world(env)
    words = vocabulary(world.tools, world.environment)
    # Only those that are named: to an editor, a rule that constrains no action speaks of all.
    named = {action for rule in rules_in(world.texts) for action in own(rule)}
    if named:
        words = replace(words, document=beside(words.document, named))
    if is_json() and out_file is None:
        emit_json(words.document)
        return
    text = f"{str(schema_of(words)).rstrip()}\n"
    if out_file is None:
        # Names were made for Cedar's own grammar, and descriptions are not among them.
        sys.stdout.write(text)
        return
    write_file(out_file, text)
    if is_json():
        emit_json({"environment": env, "file": str(out_file)})
    else:
        say(f"written to {safe(out_file)}")
