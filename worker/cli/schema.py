"""`lockstep schema`: the JSON Schemas of everything that is written down."""

from typing import Annotated

import typer

from lockstep.errors import LockstepError
from lockstep.schemas import NOUNS, published
from worker.cli.terminal import Format, FormatOption, emit_json, is_json, out


def schema(
    noun: Annotated[
        str | None, typer.Argument(help="`plan`, `lock`, …; without one, the list.")
    ] = None,
    format: FormatOption = Format.HUMAN,
) -> None:
    """Print the JSON Schema of a plan, a lock, an environment, an event …"""
    if noun is None:
        if is_json():
            emit_json(sorted(NOUNS))
        else:
            out.print("\n".join(sorted(NOUNS)))
        return
    if noun not in NOUNS:
        raise LockstepError.of(
            "LS-CLI-001",
            "",
            f"there is no schema of `{noun}`",
            f"choose one of {', '.join(f'`{name}`' for name in sorted(NOUNS))}",
        )
    emit_json(published(noun))
