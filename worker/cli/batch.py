"""`lockstep check --batch`: many plans, one JSON document a line, each with a line of its own.

For those who generate plans (a test set, a model that is tried out, a migration) and want to know
which would be locked. Lines are read one at a time and forgotten, so that neither their number nor
one endless line can fill the memory; a line that is no plan is a finding like any other.
"""

import json
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from lockstep.checked import Checked
from lockstep.codes import CODES
from lockstep.errors import LockstepError
from lockstep.finding import Finding
from lockstep.loading import MAX_BYTES, parse_json, shaped
from lockstep.plan import Plan
from policies.check import check
from policies.world import World
from worker.cli.terminal import counted, is_json, out, safe

STDIN = Path("-")
_CHUNK = 64 * 1024


@dataclass
class Tally:
    """What all lines came to; `codes` counts the plans that have a finding of each."""

    passed: int = 0
    rejected: int = 0
    codes: Counter[str] = field(default_factory=Counter)

    def take(self, checked: Checked) -> None:
        self.passed += checked.passed
        self.rejected += not checked.passed
        self.codes.update({found.code for found in checked.findings})

    @property
    def told(self) -> dict[str, Any]:
        return {
            "plans": self.passed + self.rejected,
            "passed": self.passed,
            "rejected": self.rejected,
            "codes": dict(sorted(self.codes.items())),
        }


def check_batch(file: Path, world: World, by: str) -> bool:
    """Checks and shows every plan of a file, or of standard input; whether all passed."""
    tally = Tally()
    with sys.stdin.buffer if file == STDIN else _opened(file) as stream:
        for number, line in lines(stream):
            steps, checked = _checked(line, f"{file}:{number}", world, by)
            tally.take(checked)
            _show(number, steps, checked)
    if not tally.passed + tally.rejected:
        raise LockstepError.of(
            "LS-CLI-001", str(file), "has no plans", "write one JSON document a line"
        )
    _show_tally(tally)
    return not tally.rejected


def lines(stream: BinaryIO) -> Iterator[tuple[int, bytes | None]]:
    """Each line that is not blank, with its number; None for one that no document may be as long
    as.
    """
    number = 0
    while line := stream.readline(MAX_BYTES + 2):
        number += 1
        ended = line.endswith(b"\n")
        if len(line) > MAX_BYTES + ended:
            while not ended and (rest := stream.readline(_CHUNK)):
                ended = rest.endswith(b"\n")
            yield number, None
        elif line.strip():
            yield number, line


def _opened(file: Path) -> BinaryIO:
    try:
        return file.open("rb")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise LockstepError.of(
            "LS-LOAD-001", str(file), f"cannot be read: {reason}", "check the path"
        ) from None


def _checked(line: bytes | None, place: str, world: World, by: str) -> tuple[int, Checked]:
    """How many steps a line's plan has, and what was found."""
    if line is None:
        problem = f"more than {MAX_BYTES:,} bytes"
        fix = "make it smaller or split it"
        found = Finding(code="LS-LOAD-003", place=place, problem=problem, fix=fix)
        return 0, Checked(findings=(found,))
    try:
        plan = shaped(Plan, parse_json(line.strip(), place), place)
    except LockstepError as error:
        return 0, Checked(findings=error.findings)
    return len(plan.steps), check(plan, world, by)


def _show(number: int, steps: int, checked: Checked) -> None:
    if is_json():
        told = {
            "line": number,
            "passed": checked.passed,
            "outcomes": {made.step: made.outcome for made in checked.decisions},
            "findings": [found.model_dump(mode="json") for found in checked.findings],
        }
        sys.stdout.write(json.dumps(told) + "\n")
        return
    if checked.passed:
        out.print(f"{number:6d}  [green]passed[/green]    {counted(steps, 'step')}")
        return
    first, *rest = checked.errors
    more = f"  [dim]and {len(rest):,} more[/dim]" if rest else ""
    out.print(f"{number:6d}  [red]rejected[/red]  {safe(first)}{more}")


def _show_tally(tally: Tally) -> None:
    if is_json():
        sys.stdout.write(json.dumps({"summary": tally.told}) + "\n")
        return
    plans = counted(tally.passed + tally.rejected, "plan")
    out.print(f"{plans}: {tally.passed:,} passed, {tally.rejected:,} rejected")
    for code, number in tally.codes.most_common():
        out.print(f"{number:6,d}  {code}  [dim]{safe(CODES[code].title)}[/dim]")
