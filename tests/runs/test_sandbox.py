"""The flagship in its sandbox, end to end: mocks answer, everything else is what it always is."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from activities.package import load_package
from activities.store import FolderStore, load
from lockstep.decision import Outcome
from lockstep.errors import LockstepError
from lockstep.escalation import Ground, Question, Verdict
from lockstep.lock import Lock
from tests.runs.yard import ROOT, Ended, Handle, Json, Yard, copied, lock_in, replace
from worker.cli.story import tell
from worker.records.history import events_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

FLAGSHIP = ROOT / "examples" / "cluster_digest"
CRITICAL = "node_cpu_throttle_time_seconds"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def sandbox(yard: Yard, surroundings: Path) -> AsyncIterator[Yard]:
    """A worker of the flagship's sandbox, which publishes into a folder of these tests."""
    root = copied(FLAGSHIP, surroundings)
    manifest, digests = root / "environments" / "sandbox.toml", surroundings / "digests"
    replace(manifest, "${DIGEST_FOLDER:-digests}", str(digests))
    package = load_package(root)
    found = Yard(yard.home, yard.client, package, yard.ledgers, yard.log, "sandbox")
    async with found.worker():
        yield found


def written(name: str) -> Json:
    found: Json = json.loads((FLAGSHIP / "plans" / f"{name}.sandbox.plan.json").read_text())
    return found


def proposed(sandbox: Yard, *steps: Json) -> Lock:
    """The lock of the weekly plan with other steps for those of the same ids."""
    plan = written("weekly")
    others = {one["id"]: one for one in steps}
    plan["steps"] = [others.get(one["id"], one) for one in plan["steps"]]
    return lock_in(sandbox.world, plan)


def mocked(ended: Ended) -> list[str]:
    """The steps whose answers nobody gave."""
    ends = [*ended.of("step.completed"), *ended.of("step.failed")]
    return [what.step for what in ends if what.mocked]


async def test_a_mocked_week_becomes_a_digest(sandbox: Yard) -> None:
    """Only the fetching is made up, and the run says so; the page is really there."""
    ended = await sandbox.ended(await sandbox.start(lock_in(sandbox.world, written("weekly"))))
    assert ("completed", ["fetch"]) == (ended.result.status, mocked(ended))
    page = Path(ended.output("publish")["html_path"]).read_text()
    assert "1 of 8 metrics left the usual range" in page


async def refused(sandbox: Yard, handle: Handle, asked: Question, *given: Any, **more: Any) -> str:
    with pytest.raises(LockstepError) as error:
        await sandbox.answer(handle, asked, *given, **more)
    return str(error.value)


async def test_a_forbid_may_appear_only_at_run_time(sandbox: Yard) -> None:
    """The articles' case: a plan drops whatever looks outdated, and that turns out to be critical.

    Nobody can approve it. Leaving it out would leave no digest. Another metric may be named
    instead, and that a human has to approve.
    """
    lock = lock_in(sandbox.world, written("outdated"))
    assert Outcome.UNDECIDED is lock.steps["drop"].expected
    handle = await sandbox.start(lock)

    question = await sandbox.question(handle)
    assert ("drop.1", Ground.DENIED) == (question.id, question.ground)
    assert "metrics.critical-removal: Critical metric; removal prohibited" == question.why
    assert (Verdict.DENY, Verdict.SKIP, Verdict.EDIT) == question.offers
    events = await events_of(await handle.fetch_history())
    assert "question.asked" == events[-1].what.type
    assert [
        f'Step drop: Proposed Action -> RemoveMetric("{CRITICAL}")',
        '  Reason -> "Metric appears outdated."',
        "  Policy -> BLOCKED (Critical metric; removal prohibited) by metrics.critical-removal",
    ] == tell(events[-2]).splitlines()

    assert "LS-ASK-002" in await refused(sandbox, handle, question, Verdict.APPROVE)
    skip = await refused(sandbox, handle, question, Verdict.SKIP)
    assert "every digest looks for anomalies (digest.detection)" in skip
    args: Any = load(FolderStore(sandbox.home.values), question.args)
    assert CRITICAL == args["metric"]

    async def other(metric: str) -> str:
        changed = {**args, "metric": metric}
        return await refused(sandbox, handle, question, Verdict.EDIT, args=changed)

    assert "LS-POLICY-002" in await other("node_load1")
    assert (
        'EnvironmentError: MetricNotFound("node_iops_predicted_capacity"): '
        "not in environment `sandbox`; RecoveryPath: switch to baseline metrics"
    ) in await other("node_iops_predicted_capacity")

    harmless = {**args, "metric": "node_disk_read_bytes_per_second"}
    await sandbox.answer(handle, question, Verdict.EDIT, args=harmless)
    again = await sandbox.question(handle)
    assert ("drop.2", Ground.APPROVAL) == (again.id, again.ground)
    assert again.why.startswith("metrics.removal-review: ")
    await sandbox.answer(handle, again, Verdict.APPROVE)

    ended = await sandbox.ended(handle)
    assert ("completed", ["fetch"]) == (ended.result.status, mocked(ended))
    page = Path(ended.output("publish")["html_path"]).read_text()
    assert "removed by the plan" in page


async def test_a_mocked_error_reads_as_the_environment_has_it(sandbox: Yard) -> None:
    """A signal stops the run with the way out, and says that a mock gave it."""
    asked = {"metrics": ["cgroup_memory_bytes"], "points": 168, "interval_seconds": 3600}
    fetch = {**written("weekly")["steps"][0], "args": asked}
    ended = await sandbox.ended(await sandbox.start(proposed(sandbox, fetch)))
    assert (
        'LS-STEP-003 step `fetch`: EnvironmentError: MetricNotFound("cgroup_memory_bytes"); '
        "RecoveryPath: switch to baseline metrics"
    ) == str(ended.finding)
    assert ["fetch"] == mocked(ended)


async def test_what_a_mock_has_no_answer_to_ends_the_run(sandbox: Yard) -> None:
    """At once, with the file to look into: a sandbox makes nothing up."""
    given = written("weekly")["steps"][0]
    fetch = {**given, "args": {**given["args"], "points": 12}}
    ended = await sandbox.ended(await sandbox.start(proposed(sandbox, fetch)))
    assert ("failed", "LS-STEP-008") == (ended.result.status, ended.finding.code)
    assert "mock `mocks/metrics.json` has no answer to FetchMetrics(" in ended.finding.problem
    assert 1 == len(ended.of("step.attempted", "fetch"))
    assert ["fetch"] == mocked(ended)
