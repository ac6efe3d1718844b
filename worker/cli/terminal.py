"""What goes to the terminal, and how it is made safe to show.

Results go to standard output, everything said on the way to standard error, so a pipe carries only
what was asked for. Text from models, tools and people may hold escape sequences and markup: it is
shown as what it is and never interpreted.
"""

import json
import os
import re
import sys
import tempfile
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lockstep.errors import LockstepError
from lockstep.finding import Finding, Severity
from worker.plain import plain


class Format(StrEnum):
    HUMAN = "human"
    JSON = "json"


class _Chosen:
    """The format of this process; errors need it before any command has parsed its options."""

    format = Format.JSON if "--format=json" in sys.argv else Format.HUMAN


def _choose(value: Format) -> Format:
    _Chosen.format = value
    return value


FormatOption = Annotated[
    Format,
    typer.Option(
        "--format", help="For people, or for programs.", callback=_choose, show_default=True
    ),
]


def _shows(stream: TextIO | None) -> bool:
    """Whether a person looks at the stream; it may also be closed."""
    return stream is not None and stream.isatty()


# What is piped is read by programs and pagers: no table may be cut to a width nobody has.
# Nor is a name a picture: to rich, the middle of `job:key:rate5m` is one.
out = Console(
    highlight=False, emoji=False, soft_wrap=True, width=None if _shows(sys.stdout) else 240
)
err = Console(stderr=True, highlight=False, emoji=False, soft_wrap=True)


_BRACKET = re.compile(r"\\\[(?![a-z#/@][^[]*?\])")
"""Of one that opens no tag rich drops the backslash before it, and its `escape` knows of none."""


def safe(text: object) -> str:
    """Text to be put between markup."""
    told = plain(str(text))
    if told.endswith("\\"):
        # It would take the meaning from the markup that follows.
        told = f"{told[:-1]}\\x5c"
    return _BRACKET.sub(r"\\\\[", escape(told))


def say(text: str) -> None:
    """A remark on the way; not part of the result."""
    if _Chosen.format is Format.HUMAN:
        for line in text.splitlines():
            err.print(f"[dim]{safe(line)}[/dim]")


def emit_json(value: Any) -> None:
    """The result as one JSON document, ASCII only, so that nothing in it can play tricks."""
    sys.stdout.write(json.dumps(value, indent=2, default=str) + "\n")


def write_file(path: Path, text: str) -> None:
    """All of a file or none of it, the old one until the new one is whole; LS-SRV-007 where it
    cannot be written.
    """
    try:
        if path.exists() and not path.is_file():
            # A device or a pipe is written to and not replaced.
            path.write_text(text, encoding="utf-8")
            return
        handle, part = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
                file.write(text)
            Path(part).chmod(0o644)
            Path(part).replace(path)
        except BaseException:
            Path(part).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise LockstepError.of(
            "LS-SRV-007",
            str(path),
            f"cannot be written: {(error.strerror or str(error)).lower()}",
            "free some space, or name a file in a folder that exists and can be written",
        ) from None


def counted(number: int, noun: str) -> str:
    """`1 step`, `1,000 steps`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def grid(columns: int) -> Table:
    """Cells without lines. On a narrow terminal what does not fit goes on below: half a verdict, or
    half a rule's name, is none.
    """
    table = Table.grid(padding=(0, 2))
    for _ in range(columns):
        table.add_column(overflow="fold")
    return table


def is_json() -> bool:
    return _Chosen.format is Format.JSON


def show_findings(findings: Iterable[Finding], console: Console = err) -> None:
    """One line a finding: its code, its place, what is wrong, what to do."""
    for finding in findings:
        colour = "red" if finding.severity is Severity.ERROR else "yellow"
        code, _, rest = str(finding).partition(" ")
        console.print(f"[{colour}]{code}[/{colour}] {safe(rest)}")
