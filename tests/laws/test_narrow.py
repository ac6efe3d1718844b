"""On a narrow terminal nothing that was decided is cut off."""

from io import StringIO

import pytest
from rich.console import Console

from worker.cli.terminal import grid

CELLS = ("drop", "RemoveMetric", "REQUIRE_APPROVAL", "metrics.removal-review: nobody watches it")


@pytest.mark.parametrize("width", [30, 44, 60, 80])
def test_every_cell_is_shown_whole(width: int) -> None:
    """What does not fit goes on below, in its column, and within the terminal."""
    table, shown = grid(len(CELLS)), StringIO()
    table.add_row(*CELLS)
    Console(file=shown, width=width).print(table)
    lines = shown.getvalue().splitlines()

    assert "…" not in shown.getvalue()
    assert max(map(len, lines)) <= width
    letters = sorted("".join(CELLS).replace(" ", ""))
    assert letters == sorted("".join(lines).replace(" ", ""))
