"""A plan that composes, end to end: read, have it summed up, file what was written."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from activities.package import load_package
from lockstep.amount import Amount
from lockstep.compose import COMPOSE
from lockstep.errors import LockstepError
from lockstep.escalation import Ground, Verdict
from lockstep.outcome import AttemptEnd
from tests.effects.asking import billed, script
from tests.laws.office import CLERK, FILE, READ, SUM, Json, composed
from tests.runs.command import lockstep
from tests.runs.office import KEY
from tests.runs.yard import Yard, copied, lock_in, replace, until
from worker.embedded.supervisor import Supervised
from worker.serve import serving
from worker.session import Served, worker_command
from worker.standin.server import StandIn, standin

pytestmark = pytest.mark.asyncio(loop_scope="session")

FITS: Json = {"json": {"summary": "two letters", "urgency": "low"}}


def proposed(*steps: Json) -> Json:
    return {"lockstep": "plan/1", "steps": list(steps or (READ, SUM, FILE))}


def clerk(yard: Yard, folder: Path, environment: str) -> Yard:
    """A clerk of one's own, whose files are in a folder of these tests."""
    root = copied(CLERK, folder)
    replace(
        root / "agent.toml",
        'name = "clerk"',
        f'name = "clerk-{folder.name[-20:]}"'.replace("_", "-"),
    )
    for manifest in (root / "environments").glob("*.toml"):
        replace(manifest, "${CLERK_FILES:-.}", str(folder))
    return Yard(yard.home, yard.client, load_package(root), yard.ledgers, yard.log, environment)


@asynccontextmanager
async def working(office: Yard, model: StandIn | None, key: str = KEY) -> AsyncIterator[None]:
    """A worker for the clerk, which asks the stand-in; without one it has no key."""
    environ = {name: text for name, text in os.environ.items() if "ANTHROPIC" not in name}
    if model is not None:
        environ |= {"ANTHROPIC_API_KEY": key, "ANTHROPIC_BASE_URL": model.base_url}
    async with serving(
        office.client, office.package, office.environment, office.home.values, environ=environ
    ):
        yield


def filed(folder: Path) -> list[str]:
    """Without the keys of entries."""
    path = folder / "filed.txt"
    return [line.partition(" ")[2] for line in path.read_text().splitlines()]


async def test_letters_are_summed_up_and_filed(yard: Yard, tmp_path: Path) -> None:
    """The answer goes where the plan says; its bill is the provider's own, and in the budget."""
    with standin(script({"json": {"summary": "x", "urgency": "LOW"}}, FITS)) as model:
        office = clerk(yard, tmp_path, "test")
        lock = lock_in(office.world, proposed())
        async with working(office, model):
            ended = await office.ended(await office.start(lock))

    assert "completed" == ended.result.status
    assert ["low two letters"] == filed(tmp_path)
    bill = sum((billed(entry).amount for entry in model.ledger), Amount(calls=2))
    assert (2, bill) == (len(model.ledger), ended.result.spent)
    (done,) = ended.of("step.completed", "sum")
    assert done.composed is not None
    assert ("claude-sonnet-5-5", 2, False) == (
        done.composed.model,
        done.composed.asked,
        done.mocked,
    )
    (decided,) = ended.of("step.decided", "file")
    assert ("/text",) == decided.decision.provenance.untrusted
    assert (COMPOSE, "ReadLetters") == decided.decision.provenance.sources
    assert KEY not in ended.text

    explained = await lockstep("explain", ended.result.run, "sum")
    assert "letters" in explained.out
    assert "claude-sonnet-5-5" in explained.out
    shown = await lockstep("runs", "show", ended.result.run)
    assert "Compose" in shown.out


async def test_a_mocked_run_needs_no_key(yard: Yard, tmp_path: Path) -> None:
    """In a sandbox a file answers, and the run says so of the step."""
    office = clerk(yard, tmp_path, "sandbox")
    no = {**SUM, "instruction": "Say no.", "on_error": {"ComposeRefused": {"skip": True}}}
    async with working(office, None):
        lock = lock_in(office.world, proposed())
        ended = await office.ended(await office.start(lock))
        refused = await office.ended(
            await office.start(lock_in(office.world, proposed(READ, no, FILE)))
        )

    assert ("completed", 0) == (ended.result.status, ended.result.spent.tokens)
    assert ["low two letters came"] == filed(tmp_path)
    assert [False, True, False] == [what.mocked for what in ended.of("step.completed")]
    assert (["sum", "file"], "completed") == (
        [what.step for what in refused.of("step.skipped")],
        refused.result.status,
    )


async def test_a_refusal_is_a_humans_to_answer(yard: Yard, tmp_path: Path) -> None:
    """They see the words that were refused, and may find others; the next model was asked first."""
    with standin(script({"refusal": "bio"}, {"refusal": "bio"}, FITS)) as model:
        office = clerk(yard, tmp_path, "test")
        async with working(office, model):
            handle = await office.start(lock_in(office.world, proposed()))
            question = await office.question(handle)
            assert ("sum", Ground.SIGNALLED, 2) == (
                question.step,
                question.ground,
                len(model.ledger),
            )
            assert question.why.startswith("Compose signalled ComposeRefused(`claude-opus-5-5`")
            given = question.args.preview
            assert isinstance(given, dict)
            assert SUM["instruction"] == given["instruction"]
            other = {**given, "instruction": "Count the letters."}
            await office.answer(handle, question, Verdict.EDIT, by="ben", args=other)
            ended = await office.ended(handle)

    assert ("completed", 3) == (ended.result.status, len(model.ledger))
    assert "Count the letters." in model.ledger[2].last_message
    # The letters are still a stranger's: nobody rewrote them.
    decided = ended.of("step.decided", "sum")[-1].decision
    assert ("/inputs/letters",) == decided.provenance.untrusted


async def test_a_human_can_write_what_a_model_refuses_to(yard: Yard, tmp_path: Path) -> None:
    """What they give is held to the step's own schema, and stands where the answer would."""
    office = clerk(yard, tmp_path, "sandbox")
    no = {**SUM, "instruction": "Say no."}
    given: Json = {"summary": "by hand", "urgency": "high"}
    async with working(office, None):
        handle = await office.start(lock_in(office.world, proposed(READ, no, FILE)))
        question = await office.question(handle)
        unfit = {**given, "urgency": "some"}
        with pytest.raises(LockstepError, match="LS-ASK-005"):
            await office.answer(handle, question, Verdict.SUPPLY, by="ben", output=unfit)
        await office.answer(handle, question, Verdict.SUPPLY, by="ben", output=given)
        ended = await office.ended(handle)

    assert "completed" == ended.result.status
    assert ["low by hand"] == filed(tmp_path)


async def test_without_a_key_a_run_that_composes_does_not_start(yard: Yard, tmp_path: Path) -> None:
    """One clear line, before anything is read or filed; every other run needs none."""
    office = clerk(yard, tmp_path, "test")
    async with working(office, None):
        ended = await office.ended(await office.start(lock_in(office.world, proposed())))
        other = await office.ended(await office.start(lock_in(office.world, proposed(READ))))

    assert ("LS-MODEL-001", "completed") == (ended.finding.code, other.result.status)
    assert "ANTHROPIC_API_KEY is not set where the worker runs" in ended.finding.problem
    assert [] == ended.of("step.started")


async def test_a_worker_that_dies_in_mid_call_has_spent_what_was_set_aside(
    yard: Yard, tmp_path: Path
) -> None:
    """Nobody lived to say what the call had cost; what is counted is never under the bill."""
    step = {**SUM, "timeout": "3s"}
    with standin(
        script({"hang": {"seconds": 20, "after_tokens": 3}, "text": "x" * 99}, FITS)
    ) as model:
        office = clerk(yard, tmp_path, "test")
        lock = lock_in(office.world, proposed(READ, step, FILE))
        served = Served(office.package.root, office.package.agent.name, "test")
        environ = {
            **os.environ,
            "ANTHROPIC_API_KEY": KEY,
            "ANTHROPIC_BASE_URL": model.base_url,
        }
        log = tmp_path / "worker.log"
        async with Supervised(
            "worker", worker_command([served]), env=environ, log_file=log
        ) as worker:
            handle = await office.start(lock)
            await until(lambda: model.ledger)
            await asyncio.sleep(0.3)  # the answer has begun
            os.kill(worker.pid, signal.SIGKILL)
            ended = await office.ended(handle)

    assert "completed" == ended.result.status
    lost, last = (one.attempt for one in ended.of("step.attempted", "sum"))
    assert (AttemptEnd.UNRECORDED, AttemptEnd.COMPLETED) == (lost.end, last.end)
    cost = composed(lock.body).cost
    assert Amount(calls=2) + cost + last.spent == ended.result.spent
    bill = sum((billed(entry).amount for entry in model.ledger), Amount())
    assert () == bill.over(ended.result.spent)
    assert KEY not in log.read_text()
