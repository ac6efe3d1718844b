"""Before the first step of a run its environment is looked at; what is not as expected ends it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.runs.yard import Yard, renamed, say, step
from worker.cli.story import tell
from worker.records.account import account

pytestmark = pytest.mark.asyncio(loop_scope="session")

GOOD = """
[preflight.flag]
tool = "Flaky"
args = { fails = 1 }
expect = [
  { at = "/text", is = "==", value = "answered" },
  { at = "/number", is = "<=", value = 2 },
]

[preflight.hook]
tool = "Seek"
args = { name = "hook" }
expect = [{ at = "/text", is = "in", value = ["hook", "chain"] }]
"""

BAD = """
[preflight.wind]
tool = "Echo"
args = { text = "calm", number = 9 }
expect = [
  { at = "/text", is = "==", value = "calm" },
  { at = "/number", is = "<", value = 6 },
]
reason = "nothing is lifted in a storm"

[preflight.hook]
tool = "Seek"
args = { name = "lost hook" }
expect = [{ at = "/number", is = ">", value = 0 }]
"""


def expecting(manifest: str) -> Callable[[Path], None]:
    """The crane under another name, whose environment is to be looked at."""

    def change(root: Path) -> None:
        renamed(root)
        path = root / "environments" / "test.toml"
        path.write_text(path.read_text() + manifest)

    return change


async def test_a_run_begins_if_all_is_as_expected(yard: Yard, tmp_path: Path) -> None:
    """The looks are calls like any other: tried again, decided, counted, replayed, explained."""
    async with yard.other(tmp_path, expecting(GOOD)) as here, here.worker():
        ended = await here.run(say())
    assert "completed" == ended.result.status
    looks = ["preflight-flag", "preflight-hook"]
    assert looks == sorted(what.step for what in ended.of("preflight.checked") if what.holds)
    assert [*looks, "hello"] == sorted(
        (what.step for what in ended.of("step.decided")), key=lambda id: (id == "hello", id)
    )
    assert (4, ["hello"]) == (ended.result.spent.calls, list(ended.result.outputs))
    checked, first = [], []
    for event in ended.events:
        if event.what.type == "preflight.checked":
            checked.append(event.seq)
        if getattr(event.what, "step", "") == "hello":
            first.append(event.seq)
    assert max(checked) < min(first)
    found = account(ended.history, ended.events, "preflight-flag")
    attempts = [event for event in found.events if event.what.type == "step.attempted"]
    assert ("completed", 2) == (found.end, len(attempts))


async def test_an_environment_that_is_otherwise_refuses_the_run(yard: Yard, tmp_path: Path) -> None:
    """Before anything happened, with all that was found, and what was expected instead."""
    book = yard.book()
    async with yard.other(tmp_path, expecting(BAD)) as here, here.worker():
        ended = await here.run(say(), step("write", "Write", ledger=book.name, text="begun"))
    assert ("refused", []) == (ended.result.status, book.lines)
    assert {} == ended.result.outputs
    wind, hook = ended.result.findings
    assert (
        "LS-RUN-009 preflight `wind`: `preflight-wind/number < 6` does not hold (9 and 6); mend "
        "the environment and run again, or correct what its manifest expects"
    ) == str(wind)
    assert ("LS-RUN-009", "preflight `hook`") == (hook.code, hook.place)
    assert hook.problem.startswith(
        "it could not be looked at: LS-STEP-003 step `preflight-hook`: Seek signalled NotFound("
    )
    assert 2 == ended.result.spent.calls
    (checked,) = ended.of("preflight.checked")
    assert ["True", "False"] == [str(one.holds) for one in checked.comparisons]
    last = ended.events[-1]
    assert "run.refused" == last.what.type
    assert any(
        "preflight wind: NOT as expected, `preflight-wind/text == " in tell(e) for e in ended.events
    )
    assert "failed" == account(ended.history, ended.events, "preflight-wind").end
