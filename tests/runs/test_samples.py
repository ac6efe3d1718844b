"""What `lockstep plan --samples` promises: counted samples, distinct plans, and nothing locked."""

import asyncio
import signal
from pathlib import Path

import pytest

from lockstep.finding import Finding
from tests.runs.command import finished, lockstep, running
from tests.runs.office import BAD, GOOD, Office, office, scene, working
from tests.runs.yard import PATIENCE, TEST, Json, Yard, plan, say, until
from worker.plans import begin, ended
from worker.records.history import events_of
from worker.records.samples import samples
from workflows.lock_plan import LockRequest

pytestmark = pytest.mark.asyncio(loop_scope="session")

AGAIN = {"proposal": plan({**say("greet"), "reason": "in other words"})}
OTHER = {"proposal": plan(say("hello", "good evening"))}
PROSE = {"text": "Sure! First I would look around."}


def here(opened: Office) -> list[str]:
    return ["--env", TEST, "--agent", str(opened.yard.package.root), "--as", "ana"]


def sampling(goal: str, count: int) -> LockRequest:
    return LockRequest(agent="crane", environment=TEST, by="ana", goal=goal, samples=count)


async def test_samples_are_counted_by_what_they_mean(yard: Yard, tmp_path: Path) -> None:
    """Four plans of one meaning, one of another, one that does not pass, one answer that is none;
    to the token, with nothing locked, and the same again in `runs show` and in a replay.
    """
    answers: list[Json] = [GOOD, AGAIN, OTHER, PROSE, BAD, GOOD, AGAIN]
    async with office(yard, tmp_path, scene("say hello", *answers)) as opened:
        said = await lockstep(
            "plan", "say hello", *here(opened), "--samples", "7", "--format", "json"
        )
        assert (0, "sampled", 7, 7) == (said.code, said.json["status"], 7, opened.asked)
        assert (7, 3) == (said.json["answered"], said.json["distinct"])
        sizes = [(len(one["samples"]), one["passed"]) for one in said.json["clusters"]]
        assert [(4, 4), (1, 1), (1, 0)] == sorted(sizes, reverse=True)
        (other,) = [
            one for one in said.json["clusters"] if (len(one["samples"]), one["passed"]) == (1, 1)
        ]
        assert [("/steps/Echo/args/text", "good evening")] == [
            (one["at"], one["new"]) for one in other["differs"]
        ]
        (rejected,) = [one for one in said.json["clusters"] if not one["passed"]]
        assert "LS-PLAN-004" in rejected["codes"]
        assert ["invalid"] == [one["status"] for one in said.json["planless"].values()]
        used = said.json["bill"]["usage"]
        assert opened.billed == sum(used.values())
        assert not [*opened.yard.package.root.glob("plans/say-hello*")]
        planning = said.json["planning"]
        shown = await lockstep("runs", "show", planning)
        assert "7 samples answered: 3 distinct plans" in shown.out
        assert "4 of 7 (57 %)  passes" in shown.out
        assert "goal sampled: 7 of 7 answered" in shown.out
        replayed = await lockstep("replay", planning, "--agent", str(opened.yard.package.root))
        assert (0, True) == (replayed.code, "the same again" in replayed.out)
        explained = await lockstep("explain", planning, "hello")
        assert 0 == explained.code, explained


async def test_samples_stay_within_one_budget(yard: Yard, tmp_path: Path) -> None:
    """What does not fit beside the others waits for them; what never fits is not asked, and the
    exit code says that fewer were measured than wanted.
    """
    settings = "tokens = 40_000\nmax_tokens = 1_000"
    async with office(yard, tmp_path, scene("say hello", GOOD), settings=settings) as opened:
        said = await lockstep("plan", "say hello", *here(opened), "--samples", "20")
        assert 3 == said.code, said
        assert "LS-MODEL-009" in said.out
        assert 2 < opened.asked < 20
        assert opened.billed <= 40_000
        assert f"{opened.asked} samples answered: 1 distinct plan" in said.out


async def test_a_provider_that_wants_no_more_ends_a_sampling(yard: Yard, tmp_path: Path) -> None:
    """What was answered is measured; without any answer it has failed, with the provider's code."""
    broke = {"error": {"status": 402, "type": "billing_error"}}
    async with office(
        yard, tmp_path, scene("say hello", GOOD, GOOD, GOOD, GOOD, broke), scene("sing", broke)
    ) as opened:
        some = await lockstep("plan", "say hello", *here(opened), "--samples", "12")
        assert (1, True) == (some.code, "LS-MODEL-003" in some.out), some
        assert "4 samples answered: 1 distinct plan" in some.out
        assert opened.asked < 12
        none = await lockstep("plan", "sing", *here(opened), "--samples", "3")
        assert (1, True) == (none.code, "LS-MODEL-003" in none.out), none


async def test_ctrl_c_cancels_every_sample(yard: Yard, tmp_path: Path) -> None:
    """Also where a lasting server could go on: nobody is left to read them. Each call that was out
    is closed, and counts as one of unknown cost.
    """
    hang: Json = {**GOOD, "hang": {"seconds": 60, "after_tokens": 3}}
    async with office(yard, tmp_path, scene("say hello", hang)) as opened:
        words = ["plan", "say hello", *here(opened), "--samples", "9"]
        async with running(*words) as process:
            await until(lambda: opened.asked == 4)
            await asyncio.sleep(0.5)
            process.send_signal(signal.SIGINT)
            said = await finished(process)
        assert (130, True) == (said.code, "the sampling was cancelled" in said.err), said
        (id,) = [word for word in said.err.split() if word.startswith("samples.")]
        handle = yard.client.get_workflow_handle(id)
        found = await ended(handle)
        assert isinstance(found, Finding)
        assert "LS-RUN-008" == found.code
        told = await events_of(await handle.fetch_history())
        failed = [event.what for event in told if event.what.type == "planner.failed"]
        assert [(1, 1)] * 4 == [(one.bill.calls, one.bill.unknown) for one in failed]
        assert "plan.rejected" == told[-1].what.type
        assert 4 == opened.asked


async def test_what_a_script_leaves_in_the_background_can_be_ended(
    yard: Yard, tmp_path: Path
) -> None:
    """A shell makes it deaf to Ctrl-C, and `nohup` to a terminal that closes; not to its end."""
    hang: Json = {**GOOD, "hang": {"seconds": 60, "after_tokens": 3}}
    async with office(yard, tmp_path, scene("say hello", hang)) as opened:
        words = ["plan", "say hello", *here(opened), "--samples", "2"]
        async with running(*words, deaf_to="INT HUP") as process:
            await until(lambda: opened.asked == 2)
            for deaf in (signal.SIGINT, signal.SIGHUP):
                process.send_signal(deaf)
            await asyncio.sleep(0.5)
            assert process.returncode is None
            process.send_signal(signal.SIGTERM)
            said = await finished(process)
        assert (130, True) == (said.code, "the sampling was cancelled" in said.err), said


async def test_a_worker_that_goes_away_loses_no_sample(yard: Yard, tmp_path: Path) -> None:
    """Another one asks again; what was cut off is counted as a call of unknown cost."""
    hang: Json = {**GOOD, "hang": {"seconds": 60, "after_tokens": 3}}
    answers = [hang, hang, GOOD]
    async with office(yard, tmp_path, scene("say hello", *answers), serve=False) as opened:
        async with working(opened):
            handle = await begin(
                yard.client,
                sampling("say hello", 2).model_copy(
                    update={"agent": opened.yard.package.agent.name}
                ),
            )
            await until(lambda: opened.asked == 2)
            await asyncio.sleep(1.5)
        async with working(opened):
            async with asyncio.timeout(2 * PATIENCE):
                result = await ended(handle)
        assert not isinstance(result, Finding)
        assert ("sampled", 4, 2) == (result.status, result.bill.calls, result.bill.unknown)
        assert [(1, 2)] == [one.samples for one in samples(await handle.fetch_history()).clusters]


async def test_samples_without_a_key_are_one_line(tmp_path: Path) -> None:
    """Nothing is started; and a lock file is not asked for beside them."""
    said = await lockstep(
        *("plan", "say hello", "--samples", "3", "--env", TEST, "--agent", "tests/agents/crane"),
        home=tmp_path / "home",
        ANTHROPIC_API_KEY="",
    )
    assert (2, 1) == (said.code, said.err.count("\n")), said
    assert said.err.startswith("LS-MODEL-001")
    both = await lockstep(
        *("plan", "say hello", "--samples", "3", "--env", TEST, "--agent", "tests/agents/crane"),
        *("--out", str(tmp_path / "x.lock.json")),
    )
    assert (2, True) == (both.code, both.err.startswith("LS-CLI-001")), both
