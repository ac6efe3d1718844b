"""What `lockstep demo` promises: all six failures answered, and nothing left behind."""

import asyncio
import re
import signal
from pathlib import Path

from tests.runs.command import finished, lockstep, running
from tests.runs.processes import alive, children
from tests.runs.yard import ROOT

PATIENCE = 120.0
"""Seconds; a busy machine may take longer than the minute that is promised."""

SAID = (
    'Step drop: Proposed Action -> RemoveMetric("node_cpu_throttle_time_seconds")',
    'Reason -> "Metric appears outdated."',
    "Policy -> BLOCKED (Critical metric; removal prohibited)",
    "policy violation: summary cannot be generated before data availability",
    "DisallowedToolError: DevMetricsAPI cannot be used in production",
    'EnvironmentError: MetricNotFound("node_iops_predicted_capacity")',
    "RecoveryPath: switch to baseline metrics",
    "PlanRegenerationLimitError: exceeded max retries (2)",
    "Fallback: escalate to human review",
    "completed, 4 calls, 0 planner calls",
    "the same again",
)


def readme() -> list[str]:
    """What the README says that the demonstration prints, up to where it leaves something out."""
    _, _, rest = (ROOT / "README.md").read_text().partition("lockstep demo\n1  ")
    return [line.partition("…")[0] for line in f"1  {rest}".partition("```")[0].splitlines()]


def general(text: str) -> str:
    """Without what is another each time, or with each change of the example."""
    text = re.sub(r"sha256:[0-9a-f]+", "sha256:", text)
    return re.sub(r"\d{8}T\d{6}-[0-9a-f]{6}", "ID", text)


async def test_the_six_failures_are_answered(tmp_path: Path) -> None:
    """In the words of those who met them, without a key; and then it can be looked at closer."""
    home = tmp_path / "home"
    async with running("demo", home=home, folder=tmp_path, ANTHROPIC_API_KEY="") as process:
        said = await finished(process, PATIENCE)
    assert 0 == said.code, said
    assert [] == [words for words in SAID if words not in said.out]
    # The forbidden removal shows twice: when it was planned by name, and at run time.
    assert 2 == said.out.count(SAID[0])
    assert 6 == said.out.count("✓")
    assert [] == [line for line in readme() if general(line) not in general(said.out)]
    closer = next(line for line in said.out.splitlines() if "lockstep runs show" in line)
    shown = await lockstep(*closer.split()[1:], home=home, folder=tmp_path)
    assert (0, True) == (shown.code, "completed" in shown.out)
    assert (home / "demo" / "digests" / "latest.html").exists()
    assert ["home"] == [path.name for path in tmp_path.iterdir()]


async def test_ctrl_c_leaves_nothing_running(tmp_path: Path) -> None:
    """Half-way through: exit 130, and no server, worker or stand-in stays."""
    async with running("demo", home=tmp_path / "home", folder=tmp_path) as process:
        assert process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            while b"proposal 1" not in await process.stdout.readline():
                pass
        left = children(process.pid)
        assert left
        process.send_signal(signal.SIGINT)
        said = await finished(process, PATIENCE)
    assert 130 == said.code, said
    assert [] == [pid for pid in left if alive(pid)]
