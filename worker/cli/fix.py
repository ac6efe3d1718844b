"""`lockstep check --fix`: draws the edges that broken ordering rules lack, and shows what changed.

The file keeps its layout. Only what leaves no choice is written; the rest is said.
"""

import difflib
from pathlib import Path

from lockstep.finding import Finding
from lockstep.loading import parse_json, shaped
from lockstep.plan import Plan
from lockstep.splice import with_edges
from policies.graph.mend import Mended, mend
from policies.world import World
from worker.cli.options import read_plan
from worker.cli.terminal import counted, out, safe, write_file


def fixed(path: Path, world: World, by: str) -> tuple[Mended, str]:
    """The plan of a file, mended as far as that leaves no choice and written back; and the
    difference to what the file was, empty where there is none.
    """
    file = read_plan(path)
    found = mend(file.plan, world, by)
    if not found.edges:
        return found, ""
    before = file.data.decode()
    after = with_edges(before, found.edges)
    # What was checked is what is written; a text that reads otherwise would be neither.
    assert after is not None
    assert shaped(Plan, parse_json(after, str(path)), str(path)) == found.plan
    # A link stays one.
    write_file(path.resolve(), after)
    lines = difflib.unified_diff(
        before.splitlines(), after.splitlines(), f"{path} before", str(path), lineterm="", n=2
    )
    return found, "\n".join(lines)


def show_fixed(found: Mended, difference: str) -> None:
    """What was drawn, and where a person has to choose."""
    for line in difference.splitlines():
        colour = {"+": "green", "-": "red"}.get(line[:1], "dim")
        out.print(f"[{colour}]{safe(line)}[/{colour}]")
    for one in found.undecided:
        out.print(f"[yellow]not fixed[/yellow]: {safe(_choice(one))}")
    if found.edges:
        out.print(f"[green]fixed[/green]: {counted(len(found.edges), 'edge')} added")
    elif not found.undecided:
        out.print("nothing here is mended by an edge")


def _choice(finding: Finding) -> str:
    names = ", ".join(f"`{edge.after}`" for edge in finding.edges)
    if len(finding.edges) == 1:
        return f"{finding.place}: after {names} would close a circle with another missing edge"
    return f"{finding.place}: any of {names} would do in its `after`, and which is yours to say"
