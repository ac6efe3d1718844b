"""The commands of `lockstep`, and where each is found when it is called.

A command's module is imported when the command is asked for, and not before: what `check` has to
answer is answered before Temporal's client would have been loaded. Only the help of all of them
loads all of them.
"""

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

PLACES = {
    "demo": "worker.cli.demo.command:demo",
    "dev": "worker.cli.dev:dev",
    "worker": "worker.cli.serve:worker",
    "standin": "worker.cli.standin:standin",
    "doctor": "worker.cli.doctor:doctor",
    "init": "worker.cli.init:init",
    "check": "worker.cli.check:check",
    "plan": "worker.cli.plan:plan",
    "lock": "worker.cli.lock:lock",
    "diff": "worker.cli.diff:diff",
    "pin": "worker.cli.pin:pin",
    "environment": "worker.cli.environment:app",
    "mock": "worker.cli.mock:app",
    "run": "worker.cli.run:run",
    "runs": "worker.cli.runs:app",
    "inbox": "worker.cli.inbox:app",
    "grants": "worker.cli.grants:app",
    "schedule": "worker.cli.schedule:app",
    "replay": "worker.cli.replay:replay",
    "audit": "worker.cli.audit:app",
    "policy": "worker.cli.policy:app",
    "explain": "worker.cli.explain:explain",
    "schema": "worker.cli.schema:schema",
}
"""Name -> `module:attribute`: a function, or a `Typer` of several; in the order of the help."""


class Commands(TyperGroup):
    """Every command, each loaded when it is first asked for."""

    # What typer's context and commands are is not public in 0.29, which carries its own click.
    def list_commands(self, ctx: object) -> list[str]:
        return list(PLACES)

    def get_command(self, ctx: object, cmd_name: str) -> Any:
        if cmd_name not in self.commands and cmd_name in PLACES:
            self.commands[cmd_name] = _loaded(cmd_name)
        return self.commands.get(cmd_name)


def commands() -> Commands:
    return Commands(
        name="lockstep",
        help=(
            "The model proposes, the lock disposes: check, lock, run and replay LLM agents' plans."
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
