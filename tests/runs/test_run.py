"""What a run promises: the lock and nothing else, each effect in the account, a reasoned end."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError
from temporalio.exceptions import CancelledError

from lockstep.amount import Amount
from lockstep.decision import Outcome
from lockstep.finding import Finding
from lockstep.lock import Body
from lockstep.outcome import AttemptEnd
from lockstep.plan import Steps
from lockstep.tool import Effect
from lockstep.value import PREVIEW_BYTES
from tests.runs.yard import (
    CANARY,
    PATIENCE,
    Book,
    Ended,
    Yard,
    failure,
    output,
    renamed,
    replace,
    say,
    step,
    until,
    with_,
)
from worker.runs import result, stuck

pytestmark = pytest.mark.asyncio(loop_scope="session")


def ends(ended: Ended, step: str) -> list[tuple[int, AttemptEnd, str]]:
    attempts = [what.attempt for what in ended.of("step.attempted", step)]
    return [(attempt.number, attempt.end, attempt.failure) for attempt in attempts]


async def test_steps_run_in_the_order_of_their_needs(yard: Yard, book: Book) -> None:
    """Whatever order the file has, no step starts before what it needs is done."""

    def write(id: str, *after: str) -> dict[str, Any]:
        return with_(step(id, "Write", ledger=book.name, text=id), after=after)

    ended = await yard.run(write("d", "b", "c"), write("c", "a"), write("b", "a"), write("a"))
    assert "completed" == ended.result.status
    assert ("a", "d") == (book.lines[0], book.lines[3])
    assert ["a", "b", "c", "d"] == sorted(book.lines)


async def test_a_later_step_gets_what_an_earlier_one_found(yard: Yard, book: Book) -> None:
    """References bring outputs, the run's inputs and its one clock."""
    ended = await yard.run(
        say("first", {"$input": "/greeting"}, number={"$input": "/floor"}),
        say("second", output("first"), number=output("first", "/number")),
        say("when", {"$run": "/scheduled_at"}),
        floor=7,
    )
    assert {"text": "good morning", "number": 7} == ended.output("second")
    (started,) = ended.of("run.started")
    assert started.scheduled_at.isoformat() == ended.output("when")["text"]


async def test_no_more_steps_run_at_once_than_the_limit_allows(yard: Yard, book: Book) -> None:
    """Ready steps start together, as many as the limit allows and never one more."""
    steps = [step(f"s{n}", "Slow", ledger=book.name, text=f"s{n}", parts=2) for n in range(15)]
    await yard.run(*steps)
    running = most = 0
    for line in book.lines:
        running += 1 if line.startswith("begin") else -1
        most = max(most, running)
    # How many there are at the same moment hangs on the machine; never one too many.
    assert 30 == len(book.lines)
    assert 1 < most <= 6


async def test_each_retry_is_recorded_with_its_reason(yard: Yard) -> None:
    """Temporal keeps the last attempt; the events tell of all, and the budget counts each."""
    ended = await yard.run(step("f", "Flaky", fails=2))
    assert [
        (1, AttemptEnd.FAILED, "ConnectionError: no answer to attempt 1"),
        (2, AttemptEnd.FAILED, "ConnectionError: no answer to attempt 2"),
        (3, AttemptEnd.COMPLETED, ""),
    ] == ends(ended, "f")
    assert {"text": "answered", "number": 3} == ended.output("f")
    assert Amount(calls=4) == ended.result.spent


async def test_a_retry_goes_on_from_the_last_heartbeat(yard: Yard, book: Book) -> None:
    """What an attempt said to `heartbeat` is what the next one finds."""
    ended = await yard.run(step("s", "Slow", ledger=book.name, parts=6, dies_at=1))
    assert {"began": 3, "ended": 6} == ended.output("s")


async def test_a_step_that_always_fails_fails_the_run(yard: Yard, book: Book) -> None:
    """The run ends with the step's name, a code and the last reason; what needed it never began."""
    ended = await yard.run(
        with_(step("f", "Flaky", fails=9), attempts=3),
        with_(step("after", "Write", ledger=book.name, text="never"), after=["f"]),
    )
    assert "failed" == ended.result.status
    assert ("LS-STEP-004", "step `f`") == (ended.finding.code, ended.finding.place)
    assert "ConnectionError: no answer to attempt 3" in ended.finding.problem
    assert [AttemptEnd.FAILED] * 3 == [end for _, end, _ in ends(ended, "f")]
    assert_told_what_allowed(ended, "f")
    assert [] == book.lines
    assert [] == ended.of("step.started", "after")


async def test_a_failed_step_lets_running_ones_finish(yard: Yard, book: Book) -> None:
    """A run that fails starts nothing more, and abandons nothing that has begun."""
    ended = await yard.run(
        with_(step("f", "Flaky", fails=9), attempts=1),
        step("slow", "Slow", ledger=book.name, parts=4, pause=0.1),
    )
    assert "LS-STEP-004" == ended.finding.code
    assert ["begin slow", "end slow"] == book.lines
    assert [AttemptEnd.COMPLETED] == [end for _, end, _ in ends(ended, "slow")]


def assert_told_what_allowed(ended: Ended, step: str) -> None:
    """The decision stands in full beside a call that came to nothing, and is the one of its last
    attempt.
    """
    (made,) = ended.of("step.decided", step)
    assert Outcome.ALLOW is made.decision.outcome
    assert ended.of("step.attempted", step)[-1].attempt.decision == made.decision.digest


THREAD_AND_LOOP = pytest.mark.parametrize("tool", ["Misbehave", "Wander"])


@pytest.mark.parametrize(
    ("how", "code"),
    [
        ("misfit", "LS-STEP-001"),
        ("none", "LS-STEP-001"),
        ("nan", "LS-STEP-001"),
        ("leak-misfit", "LS-STEP-001"),
        ("leak-output", "LS-STEP-001"),
        ("large", "LS-STEP-002"),
    ],
)
async def test_an_output_that_cannot_be_used_fails_the_step(
    yard: Yard, how: str, code: str
) -> None:
    """The tool was called, so it is not called again: one attempt, and the reason."""
    ended = await yard.run(step("m", "Misbehave", how=how))
    assert (code, "step `m`") == (ended.finding.code, ended.finding.place)
    assert [(1, AttemptEnd.FAILED)] == [(number, end) for number, end, _ in ends(ended, "m")]
    assert_told_what_allowed(ended, "m")


@THREAD_AND_LOOP
async def test_a_declared_signal_is_an_answer(yard: Yard, tool: str) -> None:
    """What a tool knows by name is not tried again, and the run says the name."""
    ended = await yard.run(step("m", tool, how="signal"))
    assert "LS-STEP-003" == ended.finding.code
    assert f"{tool} signalled Stuck(the hook is caught)" == ended.finding.problem
    assert [(1, AttemptEnd.SIGNALLED, "Stuck")] == ends(ended, "m")


@THREAD_AND_LOOP
async def test_a_signal_that_was_not_declared_is_a_failure(yard: Yard, tool: str) -> None:
    """A name that the tool never promised means nothing: it is tried again like any accident."""
    ended = await yard.run(step("m", tool, how="undeclared"))
    assert "LS-STEP-004" == ended.finding.code
    assert [(1, AttemptEnd.FAILED), (2, AttemptEnd.FAILED)] == [e[:2] for e in ends(ended, "m")]


@THREAD_AND_LOOP
@pytest.mark.parametrize("how", ["leak", "leak-exit", "stop", "cancel", "mute", "surrogate"])
async def test_whatever_a_tool_raises_is_an_attempt_that_failed(
    yard: Yard, tool: str, how: str
) -> None:
    """Not only `Exception`s: each attempt is recorded with its reason, and the run ends coded."""
    ended = await yard.run(step("m", tool, how=how))
    assert ("LS-STEP-004", "step `m`") == (ended.finding.code, ended.finding.place)
    assert [(1, AttemptEnd.FAILED), (2, AttemptEnd.FAILED)] == [e[:2] for e in ends(ended, "m")]
    assert all(0 < len(reason) <= 2000 for _, _, reason in ends(ended, "m"))


@THREAD_AND_LOOP
async def test_a_large_message_is_not_taken_for_a_time_out(yard: Yard, tool: str) -> None:
    """Temporal reports five megabytes of message as a heartbeat's time-out; we cut it first."""
    ended = await yard.run(with_(step("m", tool, how="shout"), attempts=1))
    assert "LS-STEP-004" == ended.finding.code
    assert ended.finding.problem.startswith("RuntimeError: xxx")


@THREAD_AND_LOOP
@pytest.mark.parametrize("how", ["beat", "drum", "deep-beat"])
async def test_progress_that_cannot_travel_is_told_to_the_tool(
    yard: Yard, tool: str, how: str
) -> None:
    """No JSON, three megabytes of it, or four hundred levels: the tool hears of it where it beat,
    not the server.
    """
    ended = await yard.run(with_(step("m", tool, how=how), attempts=1))
    assert ("LS-STEP-004", "step `m`") == (ended.finding.code, ended.finding.place)


@THREAD_AND_LOOP
@pytest.mark.parametrize("how", ["deep-signal", "round-signal"])
async def test_a_signal_whose_data_cannot_travel_parks_nothing(
    yard: Yard, tool: str, how: str
) -> None:
    """What the run could not read is not sent to it: the attempt fails and says why."""
    ended = await yard.run(with_(step("m", tool, how=how), attempts=1))
    assert "LS-STEP-004" == ended.finding.code
    assert "signal `Stuck` cannot be passed on" in ended.finding.problem


@THREAD_AND_LOOP
@pytest.mark.parametrize("how", ["leak", "leak-exit", "leak-misfit", "leak-output", "leak-signal"])
async def test_a_secret_is_seen_nowhere(yard: Yard, tool: str, how: str) -> None:
    """Not in the history, the events, the failure, nor the worker's log; its placeholder is."""
    lock = yard.lock(with_(step("m", tool, how=how), attempts=1))
    handle = await yard.start(lock)
    async with asyncio.timeout(PATIENCE):
        await result(handle)
    history = (await handle.fetch_history()).to_json()
    ended = await yard.ended(handle)
    assert CANARY not in history + ended.text + ended.result.model_dump_json()
    if how != "leak-misfit":
        assert "${CRANE_PASSWORD}" in ended.text
    assert handle.id in yard.log.read_text()
    assert CANARY not in yard.log.read_text()


def limited(**limits: Any) -> Callable[[Body], Body]:
    return lambda body: body.model_copy(update={"limits": body.limits.model_copy(update=limits)})


async def test_what_is_reserved_cannot_be_promised_twice(yard: Yard) -> None:
    """Two steps that together might overspend do not run together: the second is refused."""
    lock = yard.lock(
        step("a", "Spend", tokens=50),
        step("b", "Spend", tokens=50),
        change=limited(tokens=300),
    )
    ended = await yard.ended(await yard.start(lock))
    assert "LS-RUN-004" == ended.finding.code
    assert "tokens: 200 asked, 200 of 300 committed" == ended.finding.problem
    assert Amount(calls=1, tokens=50) == ended.result.spent


async def test_what_was_not_spent_can_be_promised_again(yard: Yard) -> None:
    """A step that is done frees what it did not use."""
    lock = yard.lock(
        step("a", "Spend", tokens=50, microdollars=40),
        with_(step("b", "Spend", tokens=50, microdollars=2), after=["a"]),
        change=limited(tokens=300),
    )
    ended = await yard.ended(await yard.start(lock))
    assert Amount(calls=3, tokens=100, microdollars=42) == ended.result.spent


async def test_what_a_failed_attempt_spent_is_counted(yard: Yard) -> None:
    """Usage survives a retry: both attempts were paid for."""
    ended = await yard.run(step("a", "Spend", tokens=50, fails=1))
    assert Amount(calls=3, tokens=100) == ended.result.spent
    spent = [what.attempt.spent for what in ended.of("step.attempted", "a")]
    assert [Amount(calls=1, tokens=50)] * 2 == spent


async def test_a_run_out_of_time_starts_nothing_more(yard: Yard, book: Book) -> None:
    """The wall time of a run is a limit like any other."""
    lock = yard.lock(
        step("slow", "Slow", ledger=book.name, parts=1, pause=0.2),
        with_(step("late", "Write", ledger=book.name, text="late"), after=["slow"]),
        change=limited(wall=timedelta(milliseconds=200)),
    )
    ended = await yard.ended(await yard.start(lock))
    assert ended.finding.code in ("LS-RUN-004", "LS-STEP-005")
    assert "late" not in book.lines


@dataclass(frozen=True)
class Drift:
    """A change of one file after the lock was made, and how a refusal names what has changed."""

    file: str
    old: str
    new: str
    part: str


MANIFEST = "environments/test.toml"
DRIFTS = [
    Drift("policy/approvals.cedar", "SHOUT*", "*", "policy file: `approvals.cedar`"),
    Drift("policy/authorize.cedar", '"operator"', '"ope"', "policy file: `authorize.cedar`"),
    Drift("policy/rules.toml", "says", "should say", "policy file: `rules.toml`"),
    Drift(MANIFEST, "staging", "prod", "environment `test`: `stage`"),
    Drift(MANIFEST, "calls = 2000", "calls = 1", "environment `test`: `limits.calls`"),
    Drift(MANIFEST, "[tools.Flaky]\n", "", "`tools.Flaky` is gone"),
    Drift(MANIFEST, "${LEDGERS}", "/", "environment `test`: `tools.Write"),
    Drift("agent.toml", '"cleo"', '"cleo", "eve"', "`agent.approvers"),
    Drift("tools.py", "fails: int\n\n\n@tool", "fails: float\n\n\n@tool", "tool: `Flaky`"),
    Drift("tools.py", "before one does not", "before one passes", "tool: `Flaky`"),
]


@pytest.mark.parametrize("drift", DRIFTS, ids=lambda drift: f"{drift.part} by {drift.new[:12]}")
async def test_a_lock_of_another_present_is_refused(
    yard: Yard, tmp_path: Path, book: Book, drift: Drift
) -> None:
    """A run does not start where policy, environment or tools have drifted, and says what has."""
    async with yard.other(tmp_path, renamed) as then:
        lock = then.lock(
            step("f", "Flaky", fails=0), step("w", "Write", ledger=book.name, text="never")
        )
        drifted = then.other(
            tmp_path, lambda root: replace(root / drift.file, drift.old, drift.new)
        )
        async with drifted as now, now.worker():
            ended = await now.ended(await now.start(lock))
    assert ("refused", "LS-LOCK-002") == (ended.result.status, ended.finding.code)
    problems = [finding.problem for finding in ended.result.findings]
    assert any(drift.part in problem for problem in problems), problems
    assert [] == book.lines


async def test_what_is_new_elsewhere_is_no_drift(yard: Yard, tmp_path: Path) -> None:
    """A manifest may grow, and what the plan does not touch may change."""

    def grow(root: Path) -> None:
        beam = "beam = { critical = "
        replace(root / MANIFEST, "[tools.Echo]", "[resources.hook]\n[tools.Echo]")
        replace(root / MANIFEST, f"{beam}false", f"{beam}true")

    async with yard.other(tmp_path, renamed) as then:
        lock = then.lock(say())
        async with then.other(tmp_path, grow) as now, now.worker():
            ended = await now.ended(await now.start(lock))
    assert "completed" == ended.result.status


@pytest.mark.parametrize("inputs", [{"greeting": 7}, {"floor": "up"}, {"unknown": 1}])
async def test_inputs_that_do_not_fit_are_refused(yard: Yard, inputs: dict[str, Any]) -> None:
    """A run does not start on inputs that its agent never declared."""
    ended = await yard.ended(await yard.start(yard.lock(say()), **inputs))
    assert ("refused", "LS-PLAN-013") == (ended.result.status, ended.finding.code)


def request(yard: Yard, **changes: Any) -> dict[str, Any]:
    lock = yard.lock(say()).model_dump(mode="json")
    return {"lock": lock, "inputs": {}, "started_by": "ana", **changes}


@pytest.mark.parametrize(
    ("id", "code", "changes"),
    [
        ("no-lock", "LS-RUN-006", {"lock": None}),
        ("half-lock", "LS-RUN-006", {"lock": {"digest": "sha256:00"}}),
        ("nobody", "LS-RUN-006", {"started_by": ""}),
        ("no-time", "LS-RUN-006", {"scheduled_at": "monday"}),
        ("no-zone", "LS-RUN-006", {"scheduled_at": "2026-11-16T06:00:00"}),
        ("no-inputs", "LS-RUN-006", {"inputs": []}),
        ("huge", "LS-RUN-006", {"inputs": {"floor": 2**60}}),
        ("nan", "LS-RUN-006", {"inputs": {"floor": float("nan")}}),
        ("more", "LS-RUN-006", {"approved": True}),
    ],
)
async def test_a_malformed_request_fails_and_parks_nothing(
    yard: Yard, id: str, code: str, changes: dict[str, Any]
) -> None:
    """Whatever comes in the place of a request, the run ends, with a code, and is not stuck."""
    handle = await yard.client.start_workflow(
        "Run", request(yard, **changes), id=f"malformed-{id}", task_queue=yard.queue
    )
    assert code == (await failure(handle)).type
    assert handle.id not in await stuck(yard.client)
    ended = await yard.ended(handle)
    assert ("refused", code) == (ended.result.status, ended.finding.code)


async def test_a_lock_that_was_changed_by_hand_is_refused(yard: Yard) -> None:
    """The digest is what was reviewed; contents that give another one are not run."""
    changed = request(yard)
    changed["lock"]["body"]["steps"][0]["args"]["text"] = "something else"
    handle = await yard.client.start_workflow("Run", changed, id="by-hand", task_queue=yard.queue)
    assert "LS-LOCK-001" == (await failure(handle)).type


async def test_a_large_output_travels_by_reference(yard: Yard, book: Book) -> None:
    """A value beyond the preview is in no event and no history, and still reaches who needs it."""
    text = "y" * (PREVIEW_BYTES + 1)
    ended = await yard.run(
        say("long", {"$input": "/greeting"}), say("again", output("long")), greeting=text
    )
    assert ended.result.outputs["long"].preview is None
    assert ended.result.outputs["long"] == ended.result.outputs["again"]


async def test_a_wide_plan_completes(yard: Yard) -> None:
    """Two hundred steps that need nothing of one another."""
    ended = await yard.run(*(say(f"s{n}", number=n) for n in range(200)))
    assert "completed" == ended.result.status
    assert list(range(200)) == [ended.output(f"s{n}")["number"] for n in range(200)]
    # One attempt each, unless a busy machine let one of them run out of time.
    assert ended.result.spent == Amount(calls=len(ended.of("step.attempted")))


async def test_a_deep_plan_completes(yard: Yard) -> None:
    """Fifty steps, each of which needs the one before."""
    deep = [say(f"s{n}", output(f"s{n - 1}"), number=n) for n in range(1, 50)]
    ended = await yard.run(say("s0", "passed on"), *deep)
    assert {"text": "passed on", "number": 49} == ended.output("s49")


@pytest.mark.parametrize("tool", ["Slow", "Strike", "Remove"])
async def test_a_cancelled_run_ends_cancelled_and_soon(yard: Yard, book: Book, tool: str) -> None:
    """Whatever it is about: a step that beats, one that hangs, a question that nobody answers."""
    busy = {
        "Slow": step("busy", "Slow", ledger=book.name, parts=1000, pause=0.05),
        "Strike": step("busy", "Strike", ledger=book.name, text="begin", first="hang"),
        "Remove": with_(step("busy", "Remove", ledger=book.name, load="beam"), after=["hello"]),
    }[tool]
    handle = await yard.start(yard.lock(say(), busy, with_(say("later"), after=["busy"])))
    if tool == "Remove":
        await yard.question(handle)
    else:
        await until(lambda: book.lines)
    await handle.cancel()
    with pytest.raises(WorkflowFailureError) as ended:
        async with asyncio.timeout(5):
            await handle.result()
    assert isinstance(ended.value.cause, CancelledError)
    assert WorkflowExecutionStatus.CANCELED is (await handle.describe()).status
    found = await result(handle)
    assert isinstance(found, Finding)
    assert "LS-RUN-008" == found.code


def stepwise(**changes: Any) -> Callable[[Body], Body]:
    return lambda body: body.model_copy(
        update={"steps": Steps(one.model_copy(update=changes) for one in body.steps)}
    )


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("approvers", lambda body: body.model_copy(update={"approvers": {"foreman": ("eve",)}})),
        ("limits.tokens", limited(tokens=1001)),
        ("steps.hello.cost", stepwise(cost=Amount())),
        ("steps.hello.attempts", stepwise(attempts=4)),
        ("steps.hello.effect", stepwise(effect=Effect.WRITE)),
    ],
    ids=lambda given: given if isinstance(given, str) else "",
)
async def test_a_lock_that_claims_too_much_is_refused(
    yard: Yard, part: str, change: Callable[[Body], Body]
) -> None:
    """Whoever writes a lock by hand gives himself no more than the agent and its manifest give."""
    ended = await yard.ended(await yard.start(yard.lock(say(), change=change)))
    assert ("refused", "LS-LOCK-002") == (ended.result.status, ended.finding.code)
    assert f"`{part}`" in ended.finding.problem


def backwards(body: Body) -> Body:
    return body.model_copy(update={"steps": Steps(reversed(body.steps))})


def astray(*needs: str) -> Callable[[Body], Body]:
    def change(body: Body) -> Body:
        last = body.steps[-1].model_copy(update={"needs": needs})
        return body.model_copy(update={"steps": Steps((*body.steps[:-1], last))})

    return change


def doubled(body: Body) -> Body:
    return body.model_copy(update={"steps": Steps((*body.steps, body.steps[-1]))})


@pytest.mark.parametrize(
    "change",
    [backwards, astray("ghost"), astray("b"), astray(), doubled],
    ids=["backwards", "ghost", "itself", "without", "doubled"],
)
async def test_a_lock_that_nobody_froze_is_refused(
    yard: Yard, book: Book, change: Callable[[Body], Body]
) -> None:
    """A digest does not say that the contents make sense: steps that could never be reached would
    leave the run waiting for ever, so it does not start."""
    lock = yard.lock(
        step("a", "Write", ledger=book.name, text="a"),
        step("b", "Write", ledger=book.name, text=output("a")),
        say("c"),
        change=lambda body: change(
            body.model_copy(update={"steps": Steps((body.steps[2], *body.steps[:2]))})
        ),
    )
    ended = await yard.ended(await yard.start(lock))
    assert ("refused", "LS-RUN-006") == (ended.result.status, ended.finding.code)
    assert [] == book.lines
