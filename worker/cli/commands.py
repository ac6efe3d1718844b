"""The commands of `lockstep`: what each is for, and where it is found when it is called.

A command's module is imported when the command is asked for, and not before: what `check` has to
answer is answered before Temporal's client would have been loaded. The help of all of them loads
none of them; so each has its line here, and not in its own file.
"""

from difflib import get_close_matches
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from lockstep.errors import LockstepError

SECTIONS: dict[str, dict[str, tuple[str, str]]] = {
    "Begin": {
        "demo": (
            "worker.cli.demo.command:demo",
            "Show six failures of agents and the answers; needs no key",
        ),
        "init": ("worker.cli.init:init", "Make a new agent that can be checked, locked and run"),
        "doctor": ("worker.cli.doctor:doctor", "Say what a run lacks here, and what is stuck"),
        "explain": ("worker.cli.explain:explain", "Explain a code, or one step of a run"),
    },
    "Plan and lock": {
        "plan": ("worker.cli.plan:plan", "Have a model propose a plan for a goal; lock it"),
        "check": ("worker.cli.check:check", "Say whether a plan would be locked, or a lock run"),
        "lock": ("worker.cli.lock:lock", "Check a plan and freeze it; lock stale locks anew"),
        "diff": ("worker.cli.diff:diff", "Compare locks, environments or policies"),
    },
    "Run": {
        "run": ("worker.cli.run:run", "Run a lock, or plan for a goal, lock it and run it"),
        "fork": ("worker.cli.fork:fork", "Go on from where a run got to, in a new run"),
        "runs": ("worker.cli.runs:app", "List runs, show one, tell its events, cancel it"),
        "replay": ("worker.cli.replay:replay", "Send a run through the code again and compare"),
        "audit": ("worker.cli.audit:app", "Keep what is left of a run; prove and tell it"),
        "schedule": ("worker.cli.schedule:app", "Run a lock at set times"),
    },
    "Answer": {
        "inbox": ("worker.cli.inbox:app", "See what waits for a human, and answer"),
        "grants": ("worker.cli.grants:app", "See, keep and revoke answers that stand"),
    },
    "Build an agent": {
        "policy": ("worker.cli.policy:app", "Try policy on cases; print its Cedar schema"),
        "backtest": ("worker.cli.backtest:backtest", "Try policy on what past runs really did"),
        "environment": ("worker.cli.environment:app", "Print a manifest with all it inherits"),
        "pin": ("worker.cli.pin:pin", "Fetch the names and MCP tools that a manifest uses"),
        "mock": ("worker.cli.mock:app", "Make mocks for a sandbox from a run"),
        "schema": ("worker.cli.schema:schema", "Print the JSON Schema of a plan, a lock, …"),
    },
    "Keep running": {
        "dev": ("worker.cli.dev:dev", "Run Temporal, its Web UI and a worker on this machine"),
        "worker": ("worker.cli.serve:worker", "Serve an agent on a Temporal server of yours"),
        "standin": ("worker.cli.standin:standin", "Answer in a model's place, from a script"),
    },
}
"""Section of the help -> name -> `module:attribute`, a function or a `Typer` of several, and what
it is for: short enough for a line of 80 columns.
"""

PLACES = {name: place for section in SECTIONS.values() for name, (place, _) in section.items()}


class Commands(TyperGroup):
    """Every command, each loaded when it is first asked for."""

    # What typer's context and commands are is not public in 0.29, which carries its own click.
    def list_commands(self, ctx: object) -> list[str]:
        return list(PLACES)

    def get_command(self, ctx: object, cmd_name: str) -> Any:
        if cmd_name not in self.commands and cmd_name in PLACES:
            self.commands[cmd_name] = _loaded(cmd_name)
        return self.commands.get(cmd_name)

    def format_commands(self, ctx: object, formatter: Any) -> None:
        width = max(map(len, PLACES))
        for title, section in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl(
                    [(f"{name:{width}}", told) for name, (_, told) in section.items()]
                )

    def resolve_command(self, ctx: object, args: list[str]) -> Any:
        name = args[0]
        if name in PLACES:
            return super().resolve_command(ctx, args)  # type: ignore[arg-type]
        close = get_close_matches(name, PLACES, n=1)
        raise LockstepError.of(
            "LS-CLI-001",
            "",
            f"no such command `{name}`",
            f"did you mean `lockstep {close[0]}`?" if close else "see `lockstep --help`",
        )


def commands() -> Commands:
    return Commands(
        name="lockstep",
        help=(
            "The model proposes, the lock disposes: check, lock, run and replay LLM agents' plans."
        ),
        epilog=(
            "Exit codes: 0 done, 1 error, 2 usage, 3 rejected, 4 waits for a human, "
            "130 interrupted. "
            "`lockstep COMMAND --help` says more of a command."
        ),
        no_args_is_help=True,
        rich_markup_mode=None,
    )


def _loaded(name: str) -> Any:
    module, attribute = PLACES[name].split(":")
    found = getattr(import_module(module), attribute)
    if not isinstance(found, typer.Typer):
        function = found
        found = typer.Typer(add_completion=False, rich_markup_mode=None)
        found.command(name)(function)
    command = get_command(found)
    command.name = name
    return command
