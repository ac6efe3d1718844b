"""What the command line promises: exit codes, one line an error, nothing left behind.

Every command is a process of its own, as it is for a user; its output is piped.
"""

import asyncio
import json
import os
import re
import signal
import sys
from pathlib import Path

import pytest
from temporalio.client import Client

from activities.package import load_package
from lockstep.errors import LockstepError
from lockstep.names import task_queue
from tests.runs.command import Said, finished, launched, lockstep, running
from tests.runs.processes import alive, children
from tests.runs.yard import (
    CRANE,
    DEPLOYED,
    PATIENCE,
    TEST,
    Book,
    Json,
    Yard,
    copied,
    plan,
    renamed,
    replace,
    say,
    step,
    until,
    with_,
)
from worker.cli.terminal import write_file
from worker.embedded.claim import claimed, recorded
from worker.embedded.ports import choose
from worker.embedded.server import serve
from worker.home import VARIABLE, Home
from worker.session import has_worker, session
from workflows.run import Run

pytestmark = pytest.mark.asyncio(loop_scope="session")

HERE = ["--env", TEST, "--agent", str(CRANE)]
ONE_LINE = re.compile(r"^LS-[A-Z]+-\d{3} [^\n]+; [^\n]+\n$")


def written(folder: Path, *steps: Json) -> Path:
    path = folder / "moving.json"
    path.write_text(json.dumps(plan(*steps)))
    return path


def locked(yard: Yard, folder: Path, *steps: Json) -> str:
    path = folder / "moving.test.lock.json"
    write_file(path, yard.lock(*steps).model_dump_json())
    return str(path)


async def test_check_lock_run_and_look_back(yard: Yard, book: Book, tmp_path: Path) -> None:
    """The way of a plan from a file to a run that is shown, told and replayed: exit 0 all along."""
    path = written(tmp_path, say(), step("w", "Write", ledger=book.name, text="moved"))
    checked, made = await asyncio.gather(
        lockstep("check", str(path), *HERE, "--format", "json"),
        lockstep("lock", str(path), *HERE, "--as", "ana", "--format", "json"),
    )
    assert (0, True) == (checked.code, checked.json["passed"])
    assert (0, "locked") == (made.code, made.json["status"])
    lock = ["run", made.json["file"], "--agent", str(CRANE), "--as", "ana"]
    human, machine = await asyncio.gather(lockstep(*lock), lockstep(*lock, "--format", "json"))
    assert (0, 0) == (human.code, machine.code)
    assert ["moved", "moved"] == book.lines
    run = machine.json["run"]
    assert ("completed", "") == (machine.json["status"], machine.err)
    assert f"completed {human.err.split()[1]}" in human.out
    assert re.search(r"w +Write +done", human.err)
    again, listed, plannings, events, shown = await asyncio.gather(
        lockstep("replay", run, "--agent", str(CRANE), "--format", "json"),
        lockstep("runs", "list", "--format", "json"),
        lockstep("runs", "list", "--plannings"),
        lockstep("runs", "events", run, "--format", "json"),
        lockstep("runs", "show", run),
    )
    assert [0] * 5 == [said.code for said in (again, listed, plannings, events, shown)]
    assert ([], machine.json["head"]) == (again.json["findings"], again.json["head"])
    assert ("completed", run) in [(row["status"], row["id"]) for row in listed.json]
    assert "planning" in plannings.out.splitlines()[0]
    assert (True, False) == ("lock.crane.test." in plannings.out, run in plannings.out)
    lines = [json.loads(line) for line in events.out.splitlines()]
    assert machine.json["head"] == lines[-1]["digest"]
    assert f"completed {run}" in shown.out


async def test_a_step_that_fails_exits_with_1(yard: Yard, tmp_path: Path) -> None:
    """The finding is shown where the result would be, and the code says what kind it is."""
    failing = with_(step("f", "Flaky", fails=9), attempts=1)
    lock = locked(yard, tmp_path, say(), failing)
    human, machine = await asyncio.gather(
        lockstep("run", lock, "--agent", str(CRANE)),
        lockstep("run", lock, "--agent", str(CRANE), "--format", "json"),
    )
    assert (1, 1) == (human.code, machine.code)
    assert "LS-STEP-004 step `f`: ConnectionError: no answer to attempt 1" in human.out
    assert ["LS-STEP-004"] == [found["code"] for found in machine.json["findings"]]


async def test_what_is_not_understood_exits_with_2(yard: Yard, tmp_path: Path) -> None:
    """Each error is one line on standard error that begins with its code; or JSON, if asked for."""
    nowhere = str(tmp_path / "nowhere.json")
    good = str(written(tmp_path, say()))
    wrong: dict[tuple[str, ...], str] = {
        ("dance",): "LS-CLI-001",
        ("run",): "LS-CLI-001",
        ("check", nowhere, *HERE): "LS-LOAD-001",
        ("check", good, "--env", "moon", "--agent", str(CRANE)): "LS-ENV-001",
        ("runs", "show", "no-such-run"): "LS-RUN-005",
        ("schedule", "describe", "nothing"): "LS-SCHED-001",
        ("dev", "--agent", str(tmp_path)): "LS-AGENT-001",
        ("inbox", "edit", "latest"): "LS-CLI-001",
        ("inbox", "edit", "latest", "--args", "[]"): "LS-CLI-001",
        ("run", "--input"): "LS-CLI-001",
        ("replay", nowhere): "LS-LOAD-001",
        ("audit", "report", str(tmp_path / "nowhere")): "LS-LOAD-001",
    }
    said = dict(zip(wrong, await together(*wrong), strict=True))
    assert dict.fromkeys(wrong, (2, "")) == {
        command: (found.code, found.out) for command, found in said.items()
    }
    for command, code in wrong.items():
        assert ONE_LINE.match(said[command].err), said[command].err
        assert said[command].err.startswith(f"{code} ")
    assert str(tmp_path) in said["dev", "--agent", str(tmp_path)].err
    assert "see `lockstep run --help`" in said["run", "--input"].err
    (machine,) = await together(("runs", "show", "no-such-run", "--format", "json"))
    assert (2, "LS-RUN-005", "") == (machine.code, machine.json["error"], machine.err)


async def together(*commands: tuple[str, ...]) -> list[Said]:
    """Two at a time, which is what a small machine can do."""
    gate = asyncio.Semaphore(2)

    async def one(command: tuple[str, ...]) -> Said:
        async with gate:
            return await lockstep(*command)

    return await asyncio.gather(*map(one, commands))


@pytest.mark.parametrize("form", ["human", "json"])
async def test_a_reader_that_has_seen_enough_is_no_error(
    surroundings: Path, tmp_path: Path, form: str
) -> None:
    """`lockstep … | head` ends as if everything had been read, and complains of nothing."""
    reads, writes = os.pipe()
    os.close(reads)
    process = await asyncio.create_subprocess_exec(
        *(*DEPLOYED, "check", str(written(tmp_path, say())), *HERE, "--format", form),
        stdout=writes,
        stderr=asyncio.subprocess.PIPE,
    )
    os.close(writes)
    said = await finished(process)
    assert (0, "") == (said.code, said.err)


async def test_what_is_rejected_exits_with_3(yard: Yard, tmp_path: Path) -> None:
    """A plan that policy denies, a lock that was edited, a present that has drifted."""
    lock = locked(yard, tmp_path, say())
    edited, drifted = tmp_path / "edited.json", copied(CRANE, tmp_path)
    edited.write_text(Path(lock).read_text().replace('"hello"', '"jello"'))
    replace(drifted / "policy" / "approvals.cedar", "SHOUT*", "*")
    replace(drifted / "policy" / "authorize.cedar", "resource.critical", "false")
    lift = with_(step("lift", "Remove", ledger="a", load="engine"), after=["hello"])
    bad = written(tmp_path, say(), lift)
    denied, machine, hand, drift, early = await together(
        ("check", str(bad), *HERE),
        ("lock", str(bad), *HERE, "--format", "json"),
        ("run", str(edited), "--agent", str(CRANE)),
        ("run", lock, "--agent", str(drifted)),
        ("lock", str(bad), "--env", TEST, "--agent", str(drifted)),
    )
    assert [3] * 5 == [said.code for said in (denied, machine, hand, drift, early)]
    assert "LS-POLICY-002 step `lift`: Remove(`engine`) is BLOCKED by" in denied.out
    assert not machine.json["passed"]
    assert ONE_LINE.match(hand.err)
    assert hand.err.startswith("LS-LOCK-001 ")
    assert "LS-LOCK-002 lock: policy file: `approvals.cedar`: rule `crane.loud-word`" in drift.err
    assert "read them before they were changed; start it again" in " ".join(early.err.split())


async def test_a_plan_where_a_lock_is_wanted_is_told_how_to_become_one(tmp_path: Path) -> None:
    """Whoever runs or schedules a plan reads that it is one, and the command that locks it."""
    path = written(tmp_path, say())
    said = await together(("run", str(path)), ("schedule", "create", "x", str(path)))
    assert [3, 3] == [one.code for one in said]
    for one in said:
        assert ONE_LINE.match(one.err), one.err
        assert "LS-LOAD-007" == one.err.split()[0]
        assert f"this is a plan, and only a lock is run; lock it first: `lockstep lock {path} " in (
            one.err
        )


async def test_a_lock_where_a_plan_is_wanted_is_told_what_can_be_done_with_it(
    yard: Yard, tmp_path: Path
) -> None:
    """Whoever locks a lock reads that it is one, and the two commands that take it."""
    path = locked(yard, tmp_path, say())
    said = await together(("lock", path, *HERE), ("check", "--fix", path, *HERE))
    assert [3, 3] == [one.code for one in said]
    for one in said:
        assert ONE_LINE.match(one.err), one.err
        assert one.err.startswith(f"LS-LOAD-007 {path}: this is a lock, and wanted was a plan; ")
        assert f"`lockstep check {path}`" in one.err
        assert f"`lockstep lock --refresh {path}`" in one.err


async def test_check_counts_as_people_do(tmp_path: Path) -> None:
    """One step is a step."""
    checked = await lockstep("check", str(written(tmp_path, say())), *HERE)
    assert "passed: 1 step, at most 3 calls, 0 tokens, $0.00 a run" in checked.out


async def test_a_question_exits_with_4_and_is_answered(
    yard: Yard, book: Book, tmp_path: Path
) -> None:
    """The run is left waiting; the inbox shows it and takes the answer, from who may give it."""
    lift = with_(step("lift", "Remove", ledger=book.name, load="beam"), after=["hello"])
    lock = locked(yard, tmp_path, say(), lift)
    paused = await lockstep("run", lock, "--agent", str(CRANE), "--format", "json")
    assert (4, "waiting") == (paused.code, paused.json["status"])
    run = paused.json["run"]
    inbox, shown, stranger = await together(
        ("inbox", "list", "--format", "json"),
        ("inbox", "show", run),
        ("inbox", "approve", run, "--as", "mallory"),
    )
    assert (run, "lift.1") in [(asked["run"], asked["id"]) for asked in inbox.json]
    assert '"load": "beam"' in shown.out
    # However long the arguments are, the last lines are the ways to answer.
    assert shown.out.index('"load": "beam"') < shown.out.index("lockstep inbox approve")
    assert 3 == stranger.code
    assert ONE_LINE.match(stranger.err)
    assert stranger.err.startswith("LS-ASK-003 ")
    approved = await lockstep("inbox", "approve", run, "--as", "ben", "-m", "go on")
    assert (0, "") == (approved.code, approved.err)
    ended = await yard.ended(yard.client.get_workflow_handle_for(Run.run, run))
    assert ("completed", ["removed beam"]) == (ended.result.status, book.lines)


async def test_a_schedule_is_made_by_command(yard: Yard, tmp_path: Path) -> None:
    """Made, listed and deleted; a time that is none is an error of use."""
    lock = locked(yard, tmp_path, say())
    create = ("schedule", "create", "nightly", lock, "--agent", str(CRANE))
    made = await lockstep(*create, "--cron", "0 3 * * *")
    assert 0 == made.code, made
    rows, twice, never, both = await together(
        ("schedule", "list", "--format", "json"),
        (*create, "--every", "7d"),
        (*create, "--cron", "whenever"),
        (*create, "--cron", "0 3 * * *", "--every", "7d"),
    )
    assert "nightly" in [row["id"] for row in rows.json]
    codes = [said.err.split()[0] for said in (twice, never, both)]
    assert ["LS-SCHED-002", "LS-SCHED-003", "LS-SCHED-003"] == codes
    assert [2] * 3 == [said.code for said in (twice, never, both)]
    deleted = await lockstep("schedule", "delete", "nightly")
    assert 0 == deleted.code


def nothing_left(home: Home) -> bool:
    return not claimed(home) and not home.record.exists()


async def test_without_a_server_a_run_brings_its_own(
    yard: Yard, book: Book, tmp_path: Path
) -> None:
    """It says so, runs, and takes the server away again; what must outlive it is refused."""
    home = Home(tmp_path / "home")
    steps = say(), step("w", "Write", ledger=book.name, text="moved")
    lock = locked(yard, tmp_path, *steps)
    here = ("--agent", str(CRANE))
    refused, detached = await asyncio.gather(
        lockstep("schedule", "create", "x", lock, *here, "--every", "7d", home=home.root),
        lockstep("run", lock, *here, "--detach", home=home.root),
    )
    for said in (refused, detached):
        assert (1, "") == (said.code, said.out)
        assert ONE_LINE.match(said.err)
        assert said.err.startswith("LS-SRV-003 ")
        assert "lockstep dev" in said.err
    ran = await launched("run", lock, *here, home=home.root)
    assert 0 == ran.code, ran
    assert "no Temporal server is running: starting one for this command" in ran.err
    assert ["moved"] == book.lines
    assert nothing_left(home)


async def test_what_must_last_is_not_left_with_a_server_that_does_not(tmp_path: Path) -> None:
    """Another command's server goes when that command does: a schedule on it would not be kept."""
    home = Home(tmp_path / "home")
    async with serve(home, kind="embedded"):
        found = dict(os.environ)
        os.environ[VARIABLE] = str(home.root)
        try:
            with pytest.raises(LockstepError) as refused:
                async with session(home, print, lasting="schedule `x`"):
                    pass
        finally:
            os.environ[VARIABLE] = found[VARIABLE]
    assert "LS-SRV-003" == refused.value.code


async def test_an_interrupted_run_is_cancelled_with_its_server(
    yard: Yard, book: Book, tmp_path: Path
) -> None:
    """Ctrl-C on a run whose server ends with it: the run is not left hanging, nothing is left."""
    home = Home(tmp_path / "home")
    slow = step("slow", "Slow", ledger=book.name, parts=1000, pause=0.05)
    lock = locked(yard, tmp_path, say(), slow)
    async with running("run", lock, "--agent", str(CRANE), home=home.root) as process:
        await until(lambda: book.lines)
        record = recorded(home)
        assert record is not None
        left = [record.pid, *children(process.pid)]
        process.send_signal(signal.SIGINT)
        said = await finished(process)
    assert 130 == said.code, said
    run = said.err.split("run ", 1)[1].split()[0]
    assert f"the run was cancelled; to go on with it: `lockstep fork {run}`" in said.err
    assert ["begin slow"] == book.lines
    assert nothing_left(home)
    assert [] == [pid for pid in left if alive(pid)]


async def test_dev_leaves_no_process_behind(surroundings: Path, tmp_path: Path) -> None:
    """`lockstep dev` says that it is up when its worker is, and is there until it is told to go;
    then server, worker and record are gone.
    """
    home = Home(tmp_path / "home")
    agent = copied(CRANE, tmp_path)
    renamed(agent)
    ports = ["--port", str(choose()), "--ui-port", str(choose())]
    dev = running("dev", *ports, "--format", "json", home=home.root, folder=agent)
    async with dev as process:
        assert process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            announced = json.loads(await process.stdout.readuntil(b"}\n"))
        record = recorded(home)
        assert record is not None
        assert (record.address, process.pid) == (announced["address"], record.owner_pid)
        assert announced["ui"].startswith("http://127.0.0.1:")
        client = await Client.connect(announced["address"])
        assert await has_worker(client, task_queue(load_package(agent).agent.name, TEST))
        left = [record.pid, *children(process.pid)]
        assert len(left) > 2 or sys.platform != "linux"
        process.send_signal(signal.SIGINT)
        said = await finished(process)
    assert 0 == said.code, said
    assert nothing_left(home)
    assert [] == [pid for pid in left if alive(pid)]
