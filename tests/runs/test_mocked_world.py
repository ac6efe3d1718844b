"""A sandbox that is part real and part mocked, in which things go wrong by seed, and says so."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lockstep.event import Mocked
from tests.runs.yard import Yard, output, renamed, replace, say, step, with_
from worker.cli.story import tell

pytestmark = pytest.mark.asyncio(loop_scope="session")

SEEK = """[tools.Seek]
mock = "found.json"

[tools.Seek.faults]
seed = 3
signals = { NotFound = 0.3 }
bad_output = 0.3
latency = { least = "10ms", most = "80ms" }
"""

FOUND = '{"lockstep": "mock/1", "answers": [{"output": {"text": "here", "number": 4}}]}'
WROTE = '{"lockstep": "mock/1", "answers": [{"output": {"text": "kept", "line": 1}}]}'

HAIL = """
[tools.Hail]
mock = "hail-mock.json"

[tools.Hail.declared]
effect = "write"
input = { type = "object", properties = { text = { type = "string" } }, required = ["text"] }

[tools.Hail.declared.output]
type = "object"
properties = { heard = { type = "boolean" } }
required = ["heard"]

[tools.Signal]
declared = { effect = "read", input = { type = "object" }, output = { type = "object" } }
"""

POLICY = """
@id("crane.hail")
@reason("an operator may hail")
permit (principal, action in [Action::"Hail", Action::"Signal"], resource)
when { principal.role == "operator" };
"""


def mocked(*changes: tuple[str, str]) -> Callable[[Path], None]:
    """The crane under another name, with other bindings and with what mocks answer."""

    def change(root: Path) -> None:
        renamed(root)
        for old, new in changes:
            replace(root / "environments" / "test.toml", old, new)
        (root / "found.json").write_text(FOUND)
        (root / "wrote.json").write_text(WROTE)
        (root / "hail-mock.json").write_text(
            '{"lockstep": "mock/1", "answers": [{"output": {"heard": true}}]}'
        )
        policy = root / "policy" / "authorize.cedar"
        if any(HAIL in new for _, new in changes):
            policy.write_text(policy.read_text() + POLICY)

    return change


async def test_reads_may_be_real_where_writes_are_mocked(yard: Yard, tmp_path: Path) -> None:
    """The write is answered for and nothing is written; every event says that this is a mock's
    run, and those of the mocked step that it is theirs.
    """
    book = yard.book()
    binding = ('[tools.Write]\nendpoint = "${LEDGERS}"', '[tools.Write]\nmock = "wrote.json"')
    async with yard.other(tmp_path, mocked(binding)) as here, here.worker():
        ended = await here.run(
            say("read", "really"), step("write", "Write", ledger=book.name, text=output("read"))
        )
    assert ("completed", []) == (ended.result.status, book.lines)
    assert "kept" == ended.output("write")["text"]
    assert [("read", False), ("write", True)] == [
        (what.step, what.mocked) for what in ended.of("step.completed")
    ]
    (started,) = ended.of("run.started")
    assert ("Write",) == started.mocked
    assert tell(ended.events[0]).endswith("; mocks answer for Write")
    for event in ended.events:
        about = getattr(event.what, "step", None)
        assert (Mocked.STEP if about == "write" else Mocked.RUN) is event.mocked, event
    kinds = {event.what.type for event in ended.events if event.mocked is Mocked.STEP}
    assert {"step.started", "step.attempted", "step.decided", "step.completed"} == kinds


async def test_faults_come_by_seed_and_the_same_again(yard: Yard, tmp_path: Path) -> None:
    """Some calls signal, some give no output that could be used, some go well; each of two runs of
    one lock meets the same, and each replays alike.
    """
    fallback = {"NotFound": {"output": {"text": "lost", "number": 0}}}
    steps = [with_(step(f"s{n}", "Seek", name="hook"), on_error=fallback) for n in range(3)]
    async with yard.other(tmp_path, mocked(("[tools.Seek]\n", SEEK))) as here, here.worker():
        lock = here.lock(say(), *steps)
        runs = [await here.ended(await here.start(lock)) for _ in range(2)]
        spoilt = await here.run(say(), *(step(f"t{n}", "Seek", name="hook") for n in range(8)))
    ends = [
        {what.step: (what.type, what.mocked) for kind in KINDS for what in run.of(kind)}
        for run in runs
    ]
    assert ends[0] == ends[1]
    assert all(real is (id != "hello") for id, (_, real) in ends[0].items())
    findings = [what.finding for what in spoilt.of("step.failed")]
    assert {"LS-STEP-001", "LS-STEP-003"} >= {found.code for found in findings}
    bad = [found for found in findings if found.code == "LS-STEP-001"]
    assert bad
    assert bad[0].problem.startswith("the output that was spoilt on purpose does not fit: ")
    signalled = [found for found in findings if found.code == "LS-STEP-003"]
    assert signalled
    assert "NotFound(injected by seed 3)" in signalled[0].problem


KINDS = ("step.completed", "step.failed", "step.caught")


async def test_a_declared_tool_runs_where_a_mock_answers(yard: Yard, tmp_path: Path) -> None:
    """And a run that would need code which is not here is refused before it starts."""
    change = mocked(("[tools.Muster]", f"{HAIL}[tools.Muster]"))
    async with yard.other(tmp_path, change) as here, here.worker():
        hail: Any = step("hail", "Hail", text=output("hello"))
        ended = await here.run(say(), hail)
        assert {"heard": True} == ended.output("hail")
        refused = await here.run(say(), step("wave", "Signal"))
    assert ("refused", 0) == (refused.result.status, refused.result.spent.calls)
    assert (
        "LS-ENV-009 step `wave`: tool `Signal` is declared by schema alone, and has no code here; "
        "run it where a mock answers for the tool, or where its code is"
    ) == str(refused.finding)
    assert ["run.started", "run.refused"] == [event.what.type for event in refused.events]
