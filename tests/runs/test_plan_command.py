"""What `lockstep plan` and `lockstep run GOAL` promise at the shell."""

import json
from pathlib import Path

import pytest

from lockstep.lock import Lock
from tests.runs.command import launched, lockstep
from tests.runs.office import BAD, GOOD, Office, office, scene
from tests.runs.yard import CRANE, TEST, Yard, plan, say
from worker.cli.beside import read_contents

pytestmark = pytest.mark.asyncio(loop_scope="session")


def here(opened: Office) -> list[str]:
    return ["--env", TEST, "--agent", str(opened.yard.package.root), "--as", "ana"]


async def test_a_goal_gives_a_plan_and_a_lock_as_files(yard: Yard, tmp_path: Path) -> None:
    """What was proposed is shown with its reasons and its price, and kept; again it is the same."""
    async with office(yard, tmp_path, scene("say hello", GOOD)) as opened:
        said = await launched("plan", "Please say hello", *here(opened))
        assert 0 == said.code, said
        assert "hello  Echo  ALLOW  crane.work" in said.out
        assert "passed: 1 step, at most 3 calls" in said.out
        assert "1 call, " in said.out
        again = await lockstep("plan", "Please say hello", *here(opened), "--format", "json")
        assert (0, "locked", "") == (again.code, again.json["status"], again.err)
        lock = Path(again.json["lock"])
        assert "please-say-hello.test.lock.json" == lock.name
        assert again.json["digest"] == Lock.model_validate_json(lock.read_text()).digest
        proposed = json.loads(Path(again.json["plan"]).read_text())
        assert [("hello", "Echo")] == [(one["id"], one["tool"]) for one in proposed["steps"]]
        assert 1 == len([*lock.parent.glob("please*.lock.json")])


async def test_a_plan_that_was_mended_by_hand_stays(yard: Yard, tmp_path: Path) -> None:
    """Beside its lock, and without one; the same goal again takes the next name."""
    async with office(yard, tmp_path, scene("say hello", GOOD)) as opened:
        first = await lockstep("plan", "say hello", *here(opened), "--format", "json")
        lock = Lock.model_validate_json(Path(first.json["lock"]).read_text())
        contents, wrong = read_contents(Path(first.json["lock"]), lock)
        assert contents is not None
        assert lock.planner is not None
        assert (True, []) == (contents.look(lock.planner.prompt) is not None, wrong)
        mended = Path(first.json["plan"])
        mended.write_text("{}")
        again = await lockstep("plan", "say hello", *here(opened), "--format", "json")
        assert (first.json["lock"], "{}") == (again.json["lock"], mended.read_text())
        Path(first.json["lock"]).unlink()
        third = await lockstep("plan", "say hello", *here(opened), "--format", "json")
        assert "say-hello-2.test.lock.json" == Path(third.json["lock"]).name
        assert "{}" == mended.read_text()


async def test_another_plan_for_the_same_goal_replaces_nothing(yard: Yard, tmp_path: Path) -> None:
    """A lock that somebody may have committed stays; the new one gets a number."""
    other = {"proposal": plan(say("hello", "good evening"))}
    async with office(yard, tmp_path, scene("say hello", GOOD, other)) as opened:
        first = await lockstep("plan", "say hello", *here(opened), "--format", "json")
        second = await lockstep("plan", "say hello", *here(opened), "--format", "json")
        assert first.json["digest"] != second.json["digest"]
        assert ["say-hello.test.lock.json", "say-hello-2.test.lock.json"] == [
            Path(said.json["lock"]).name for said in (first, second)
        ]


async def test_a_goal_is_planned_locked_and_run(yard: Yard, tmp_path: Path) -> None:
    """One command from words to a result; what planning cost is part of what it cost, to the
    token, and a run of its lock asks nobody.
    """
    async with office(yard, tmp_path, scene("say hello", BAD, GOOD)) as opened:
        said = await lockstep("run", "say hello", *here(opened))
        assert 0 == said.code, said
        assert "tool `Fly` does not exist" in said.err
        assert "completed " in said.out
        assert "2 planner calls" in said.out
        assert f"of it to plan: 2 calls, {opened.billed:,} tokens" in said.out
        before = opened.billed
        machine = await lockstep("run", "say hello", *here(opened), "--format", "json")
        assert ("completed", 1) == (machine.json["status"], machine.json["planner_calls"])
        assert 1 == machine.json["planning"]["bill"]["calls"]
        assert opened.billed - before == machine.json["spent"]["tokens"]
        events = await lockstep("runs", "events", machine.json["run"])
        assert f"1 planner call (1 call, {opened.billed - before:,} tokens" in events.out
        lock = machine.json["planning"]["lock"]
        again = await lockstep("run", lock, "--as", "ana", "--format", "json")
        assert (0, 0) == (again.json["planner_calls"], again.json["spent"]["tokens"])
        assert "planned" not in again.json


async def test_planning_may_leave_no_room_for_the_steps(yard: Yard, tmp_path: Path) -> None:
    """Then nothing of the plan is begun, the finding says what to do, and the lock is there; a plan
    that needs none of what is gone runs all the same.
    """
    dear = {"usage": {"output_tokens": 17_000}}
    spending = {"id": "pay", "tool": "Spend", "args": {"tokens": 5}, "reason": "It has to be."}
    scenes = [scene("pay", {"proposal": plan(spending), **dear}), scene("say", {**GOOD, **dear})]
    settings = "tokens = 18_000\nmax_tokens = 1_000"
    async with office(yard, tmp_path, *scenes, settings=settings) as opened:
        refused = await lockstep("run", "pay", *here(opened))
        assert 1 == refused.code, refused
        assert "LS-RUN-004 planner: planning used " in refused.out + refused.err
        (lock,) = opened.yard.package.root.glob("plans/pay*.lock.json")
        alone = await lockstep("run", str(lock), "--as", "ana")
        assert 0 == alone.code, alone
        free = await lockstep("run", "say hello", *here(opened))
        assert 0 == free.code, free


async def test_a_planning_that_halts_is_answered_in_the_inbox(yard: Yard, tmp_path: Path) -> None:
    """Exit 4, the words to answer with, and the proposal as a file to mend and give back."""
    async with office(yard, tmp_path, scene("fly", BAD)) as opened:
        said = await lockstep("plan", "fly", *here(opened))
        assert 4 == said.code, said
        assert "PlanRegenerationLimitError: exceeded max retries (2)" in said.out
        (command,) = [line.split() for line in said.out.splitlines() if " inbox edit " in line]
        name = command[3]
        kept = next(opened.yard.package.root.glob("plans/fly.test.plan.json"))
        refused = await lockstep("inbox", "edit", name, "--args", f"@{kept}", "--as", "ana")
        assert (3, True) == (refused.code, "LS-PLAN-004" in refused.err)
        mended = json.loads(kept.read_text())
        mended["steps"] = [one for one in mended["steps"] if one["tool"] == "Echo"]
        kept.write_text(json.dumps(mended))
        listed = await lockstep("inbox", "list")
        assert name in listed.out
        given = await lockstep("inbox", "edit", name, "--args", f"@{kept}", "--as", "ana")
        assert 0 == given.code, given
        lock = tmp_path / "given.lock.json"
        shown = await lockstep("runs", "show", name, "--out", str(lock))
        assert ["ana"] == [one.by for one in Lock.model_validate_json(lock.read_text()).statements]
        assert "given by ana" in shown.out
        assert 3 == shown.out.count("rejected")
        assert "plan locked" in shown.out
        events = await lockstep("runs", "events", name)
        assert "planning halted" in events.out
        replayed = await lockstep("replay", name, "--agent", str(opened.yard.package.root))
        assert (0, True) == (replayed.code, "the same again" in replayed.out)


async def test_a_provider_that_does_not_answer_is_one_line(yard: Yard, tmp_path: Path) -> None:
    """The code, what to do, and exit 1."""
    answer = {"error": {"status": 401, "type": "authentication_error", "message": "no such key"}}
    async with office(yard, tmp_path, scene("say", answer)) as opened:
        said = await lockstep("plan", "say hello", *here(opened))
        assert 1 == said.code, said
        assert "LS-MODEL-002" in said.out
        machine = await lockstep("plan", "say hello", *here(opened), "--format", "json")
        assert ("failed", ["LS-MODEL-002"]) == (
            machine.json["status"],
            [found["code"] for found in machine.json["findings"]],
        )


async def test_without_a_key_one_line_says_what_to_set(yard: Yard, tmp_path: Path) -> None:
    """Before any server is started, and with what works without one."""
    home = tmp_path / "home"
    agent = ["--env", TEST, "--agent", str(CRANE)]
    for words in (["plan", "say hello"], ["run", "say hello"]):
        said = await lockstep(*words, *agent, home=home, ANTHROPIC_API_KEY="")
        assert (2, 1) == (said.code, said.err.count("\n")), said
        assert said.err.startswith("LS-MODEL-001")
        assert "ANTHROPIC_API_KEY is not set" in said.err
    assert not home.exists()


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["run", "say hello"], "LS-CLI-001"),
        (["run", "no-such.lock.json"], "LS-LOAD-001"),
        (["run", ""], "LS-LOAD-001"),
        (["plan", "x" * 1001, "--env", TEST], "LS-LOAD-007"),
        (["plan", "say", "--env", "mars"], "LS-ENV-001"),
    ],
)
async def test_what_is_no_goal_and_no_lock_is_said(words: list[str], code: str) -> None:
    """A goal needs an environment; what ends like a file is one; both have their limits."""
    said = await lockstep(*words, "--agent", str(CRANE))
    assert said.err.startswith(code), said
    assert said.code in (2, 3)
