"""What a replay promises: the same again is said of what is the same, and of nothing else."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import WorkflowHistory

from activities.store import FolderStore
from lockstep.errors import LockstepError
from lockstep.escalation import Verdict
from lockstep.outcome import Completed, Report
from tests.runs.yard import (
    CRANE,
    DEPLOYED,
    PATIENCE,
    ROOT,
    TEST,
    Handle,
    Json,
    Yard,
    output,
    say,
    step,
    with_,
)
from worker.again.replay import ReplayReport, compare
from worker.cli.replay import saved_history

pytestmark = pytest.mark.asyncio(loop_scope="session")

Histories = dict[str, WorkflowHistory]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def histories(yard: Yard) -> Histories:
    """One history of each kind of run, each of which was held to the laws when it ended."""
    book = yard.book()
    lift = with_(step("lift", "Remove", ledger=book.name, load="beam"), after=["hello"])

    async def plain(*steps: Json, **inputs: Any) -> Handle:
        return await yard.start(yard.lock(*steps), **inputs)

    async def answered(verdict: Verdict, *steps: Json, **more: Any) -> Handle:
        handle = await plain(*steps)
        await yard.answer(handle, await yard.question(handle), verdict, **more)
        return handle

    runs = {
        "completed": plain(say("first"), say("second", output("first"))),
        "failed": plain(with_(step("f", "Flaky", fails=9), attempts=2)),
        "signalled": plain(step("m", "Wander", how="signal")),
        "refused": plain(say(), floor="up"),
        "retried": plain(step("f", "Flaky", fails=2)),
        "approved": answered(Verdict.APPROVE, say(), lift),
        "skipped": answered(Verdict.SKIP, say(), lift, say("told", output("lift", "/load"))),
        "edited": answered(Verdict.EDIT, say(), lift, args={"ledger": book.name, "load": "rubble"}),
        "wide": plain(*(say(f"s{n}", number=n) for n in range(40))),
        "waiting": plain(say(), lift),
    }
    handles = dict(zip(runs, await asyncio.gather(*runs.values()), strict=True))
    found: Histories = {}
    for kind, handle in handles.items():
        if kind == "waiting":
            await yard.question(handle)
            found[kind] = await handle.fetch_history()
        else:
            found[kind] = (await yard.ended(handle)).history
    return found


async def again(yard: Yard, history: WorkflowHistory, values: Path | None = None) -> ReplayReport:
    return await compare(history, FolderStore(values or yard.home.values), yard.world)


async def test_what_is_the_same_is_said_to_be(yard: Yard, histories: Histories) -> None:
    """Runs of every kind replay with nothing to find and nothing left out, also while they wait."""
    for kind, history in histories.items():
        report = await again(yard, history)
        assert ((), ()) == (report.findings, report.notes), kind
        assert report.result is (kind != "waiting")
        assert report.head is not None


REPLAY_ALL = """
    import asyncio, json, sys
    from pathlib import Path
    from temporalio.client import WorkflowHistory
    from activities.package import load_package
    from activities.store import FolderStore
    from worker.again.replay import compare

    async def main(folder, values, agent, environment):
        world = load_package(Path(agent)).world(environment)
        for path in sorted(Path(folder).glob("*.json")):
            saved = json.loads(path.read_text())
            history = WorkflowHistory.from_json(saved["id"], saved["history"])
            report = await compare(history, FolderStore(Path(values)), world)
            print(path.stem, report.head, len(report.findings), len(report.notes), flush=True)

    if __name__ == "__main__":
        asyncio.run(main(*sys.argv[1:]))
"""


async def test_a_fresh_process_finds_the_same(
    yard: Yard, histories: Histories, tmp_path: Path
) -> None:
    """Nothing depends on the process or on its hash seed: every head comes out again."""
    script = tmp_path / "replay_all.py"
    script.write_text(textwrap.dedent(REPLAY_ALL))
    expected = []
    for kind, history in sorted(histories.items()):
        saved = {"id": history.workflow_id, "history": history.to_json_dict()}
        (tmp_path / f"{kind}.json").write_text(json.dumps(saved))
        expected.append(f"{kind} {(await again(yard, history)).head} 0 0")

    async def fresh(seed: int) -> list[str]:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", str(script), str(tmp_path), str(yard.home.values)),
            *(str(CRANE), TEST),
            env={**os.environ, "PYTHONHASHSEED": str(seed)},
            stdout=asyncio.subprocess.PIPE,
        )
        said, _ = await process.communicate()
        return said.decode().splitlines()

    async with asyncio.timeout(2 * PATIENCE):
        found = await asyncio.gather(*map(fresh, range(3)))
    assert [expected] * 3 == found


def changed(history: WorkflowHistory, change: Callable[[HistoryEvent], None]) -> WorkflowHistory:
    events = []
    for event in history.events:
        copy = HistoryEvent()
        copy.CopyFrom(event)
        change(copy)
        events.append(copy)
    return WorkflowHistory(history.workflow_id, events)


def scheduled(step: str, change: Callable[[Any], None]) -> Callable[[HistoryEvent], None]:
    """A change to how a step's activity was scheduled."""

    def one(event: HistoryEvent) -> None:
        given = event.activity_task_scheduled_event_attributes
        if given.activity_id == step:
            change(given)

    return one


def replaced(old: bytes, new: bytes) -> Callable[[Any], None]:
    """A change inside payloads."""

    def one(given: Any) -> None:
        (payload,) = given.input.payloads
        assert old in payload.data
        payload.data = payload.data.replace(old, new)

    return one


def result(tool_result: bytes, old: bytes, new: bytes) -> Callable[[HistoryEvent], None]:
    """A change to what those activities returned whose result holds certain bytes."""

    def one(event: HistoryEvent) -> None:
        for payload in event.activity_task_completed_event_attributes.result.payloads:
            if tool_result in payload.data:
                assert old in payload.data
                payload.data = payload.data.replace(old, new)

    return one


def doubled(name: str) -> Callable[[Any], None]:
    def one(given: Any) -> None:
        owner = given.retry_policy if hasattr(given.retry_policy, name) else given
        value = getattr(owner, name)
        if isinstance(value, int | float):
            setattr(owner, name, type(value)(value * 2))
        else:
            value.seconds = value.seconds * 2 + 1

    return one


def requeued(given: Any) -> None:
    given.task_queue.name = "elsewhere"


def unretriable(given: Any) -> None:
    given.retry_policy.non_retryable_error_types.append("RuntimeError")


@pytest.mark.parametrize(
    ("what", "change"),
    [
        ("argument `/step/args/text`", replaced(b'"text":"hello"', b'"text":"jello"')),
        ("argument `/run/started_by`", replaced(b'"started_by":"ana"', b'"started_by":"eve"')),
        ("start-to-close timeout", doubled("start_to_close_timeout")),
        ("schedule-to-close timeout", doubled("schedule_to_close_timeout")),
        ("heartbeat timeout", doubled("heartbeat_timeout")),
        ("maximum attempts", doubled("maximum_attempts")),
        ("initial interval", doubled("initial_interval")),
        ("maximum interval", doubled("maximum_interval")),
        ("backoff", doubled("backoff_coefficient")),
        ("task queue", requeued),
        ("non-retryable types", unretriable),
    ],
    ids=lambda given: given if isinstance(given, str) else "",
)
async def test_a_changed_option_is_found(
    yard: Yard, histories: Histories, what: str, change: Callable[[Any], None]
) -> None:
    """What Temporal's replayer lets pass is found, with the step and with what differs."""
    report = await again(yard, changed(histories["completed"], scheduled("first", change)))
    found = [finding for finding in report.findings if finding.code == "LS-REPLAY-002"]
    assert ["step `first`"] == [finding.place for finding in found]
    assert found[0].problem.startswith(f"{what}: was ")


async def test_a_changed_decision_is_found(yard: Yard, histories: Histories) -> None:
    """Decided again from the recorded arguments, the step was never allowed for that reason."""
    forged_ = result(b'"step":"second"', b"crane.work", b"crane.worm")
    report = await again(yard, changed(histories["completed"], forged_))
    assert ("LS-REPLAY-003", "step `second`") in [(f.code, f.place) for f in report.findings]


async def test_a_changed_denial_is_found(yard: Yard, histories: Histories) -> None:
    """A question that policy would not have asked shows as well."""
    softer = result(b'"step":"lift"', b"removal-review", b"removal-revue-")
    report = await again(yard, changed(histories["approved"], softer))
    assert ("LS-REPLAY-003", "step `lift`") in [(f.code, f.place) for f in report.findings]


async def test_a_changed_result_is_found(yard: Yard, histories: Histories) -> None:
    """The result that a run returned is the one that its history leads to, field by field."""

    def forge(event: HistoryEvent) -> None:
        for payload in event.workflow_execution_completed_event_attributes.result.payloads:
            value = json.loads(payload.data)
            value["outputs"]["second"]["size"] += 1
            payload.data = json.dumps(value).encode()

    report = await again(yard, changed(histories["completed"], forge))
    (found,) = report.findings
    assert ("LS-REPLAY-004", "result") == (found.code, found.place)
    assert "/outputs/second/size" in found.problem


async def test_a_changed_failure_is_found(yard: Yard, histories: Histories) -> None:
    """So is the reason that a run failed with."""

    def forge(event: HistoryEvent) -> None:
        if event.HasField("workflow_execution_failed_event_attributes"):
            event.workflow_execution_failed_event_attributes.failure.message += "!"

    report = await again(yard, changed(histories["failed"], forge))
    assert ["LS-REPLAY-004"] == [finding.code for finding in report.findings]


@pytest.mark.parametrize("harm", ["gone", "damaged"])
async def test_a_changed_output_is_found(
    yard: Yard, histories: Histories, tmp_path: Path, harm: str
) -> None:
    """The bytes behind every output are read again, and held against their digest."""
    values = tmp_path / "values"
    shutil.copytree(yard.home.values, values)
    (second,) = [
        finding.value
        for finding in _completed(histories["completed"])
        if finding.decision.step == "second"
    ]
    path = values / second.digest[7:9] / second.digest[7:]
    path.unlink() if harm == "gone" else path.write_bytes(b"{}")
    report = await again(yard, histories["completed"], values)
    found = [finding for finding in report.findings if finding.code == "LS-REPLAY-005"]
    assert 1 == len(found)
    assert "`second`" in found[0].place


def _completed(history: WorkflowHistory) -> list[Any]:
    outcomes = []
    for event in history.events:
        for payload in event.activity_task_completed_event_attributes.result.payloads:
            if b'"outcome":{"kind"' in payload.data:
                outcomes.append(Report.model_validate_json(payload.data).outcome)
    return [outcome for outcome in outcomes if isinstance(outcome, Completed)]


async def test_an_outcome_of_nonsense_is_a_finding(yard: Yard, histories: Histories) -> None:
    """A step that returned what no step returns does not replay, and that is said."""
    broken = result(b'"step":"second"', b'"kind":"completed"', b'"kind":"competent"')
    report = await again(yard, changed(histories["completed"], broken))
    assert ("LS-REPLAY-001", "step `second`") in [(f.code, f.place) for f in report.findings]


async def test_an_argument_of_nonsense_is_a_finding(yard: Yard, histories: Histories) -> None:
    """So does one that was called with what no step is called with."""
    broken = scheduled("first", replaced(b'"effect":"read"', b'"effect":"rear"'))
    report = await again(yard, changed(histories["completed"], broken))
    assert ("LS-REPLAY-002", "step `first`") in [(f.code, f.place) for f in report.findings]


_OTHER_DEFAULT = "MAX_BACKOFF = timedelta(seconds=61)"


def lockstep(*arguments: str, path: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*DEPLOYED, *arguments],
        env={**os.environ, "PYTHONPATH": path},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE,
    )


async def test_another_version_of_the_workflows_is_found(
    histories: Histories, tmp_path: Path
) -> None:
    """`lockstep replay` of a saved history, against workflow code with one other default."""
    history = histories["completed"]
    saved = tmp_path / "a history.json"
    saved.write_text(history.to_json())
    replay = ["replay", str(saved), "--agent", str(CRANE), "--format", "json"]

    same = await asyncio.to_thread(lockstep, *replay, path=str(ROOT), folder=tmp_path)
    assert (0, "") == (same.returncode, same.stderr), same.stdout
    assert [] == json.loads(same.stdout)["findings"]

    shutil.copytree(ROOT / "workflows", tmp_path / "workflows")
    code = tmp_path / "workflows" / "dispatch.py"
    text = code.read_text()
    assert "MAX_BACKOFF = timedelta(seconds=60)" in text
    code.write_text(text.replace("MAX_BACKOFF = timedelta(seconds=60)", _OTHER_DEFAULT))
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    other = await asyncio.to_thread(lockstep, *replay, path=path, folder=tmp_path)
    assert 3 == other.returncode, other.stderr
    found = json.loads(other.stdout)["findings"]
    assert {"step `first`", "step `second`"} == {finding["place"] for finding in found}
    assert all(finding["problem"].startswith("maximum interval: was") for finding in found)


async def test_a_file_that_is_no_history_is_refused(tmp_path: Path) -> None:
    """Whatever is in the file, the command ends with one line and a code."""
    saved = tmp_path / "nonsense.json"
    for text in ("", "{", "[]", '{"events": []}', '{"events": [{"eventId": "x"}]}'):
        saved.write_text(text)
        with pytest.raises(LockstepError) as refused:
            saved_history(saved)
        assert "LS-LOAD-002" == refused.value.code
