"""Perform one step: resolve its arguments, decide, call, check what came back.

The decision is made here, on the very arguments of the call and immediately before it, because
whatever lies between a check and a call can change in between. Expected ends are returned; a tool's
own exception is raised for Temporal to retry, with its message capped and scrubbed.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import BaseModel, JsonValue, ValidationError
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.attempts import Attempts
from activities.calling import ActivityCall
from activities.placeholders import Filled, fill
from activities.store import Store, load
from lockstep.amount import Amount
from lockstep.call import Signal
from lockstep.canonical import Digest, canonical, digest
from lockstep.decision import Decision, Outcome
from lockstep.errors import LockstepError
from lockstep.finding import Finding
from lockstep.outcome import (
    AttemptEnd,
    Completed,
    Dispatch,
    Report,
    Signalled,
    StepOutcome,
    Unfit,
    Withheld,
)
from lockstep.reference import Unresolved
from lockstep.resource import touched
from lockstep.shown import shown
from lockstep.tool import Tool
from lockstep.value import ARGS_PREVIEW_BYTES, Value
from policies.arguments import check_value
from policies.check import missing_resources
from policies.request import arguments, attempted
from policies.world import World

MAX_MESSAGE = 1500
"""A failure's message travels in the history, where a large one is taken for a time-out."""

MAX_DATA = 16 * 1024
"""Bytes of a signal's data, which travel in the history too."""

MAX_REASON = 300
"""What the account keeps of each attempt's failure; of a retry's the server shows 4 KB at most."""


@dataclass(frozen=True)
class Performer:
    """Performs the steps of one agent in one environment."""

    world: World
    tools: Mapping[str, Tool]
    store: Store
    folder: Path
    threads: Executor
    environ: Mapping[str, str]

    def activity_for(self, tool: Tool) -> Callable[[Dispatch], Awaitable[Report]]:
        """The tool as a Temporal activity of its own name."""

        @activity.defn(name=tool.name)
        async def perform(call: Dispatch) -> Report:
            info = activity.info()
            attempts = Attempts(info.attempt, info.heartbeat_details)
            return Report(outcome=await _Attempt(self, tool, call, attempts).run())

        return perform


@dataclass(frozen=True)
class _Attempt:
    """One attempt at one step."""

    house: Performer
    tool: Tool
    call: Dispatch
    attempts: Attempts

    async def run(self) -> StepOutcome:
        try:
            return await self._steps()
        except LockstepError as error:
            # A store that is full or away, a placeholder without a value: they may come right.
            raise self._failure(error.findings[0]) from None

    async def _steps(self) -> StepOutcome:
        finding, args = await asyncio.to_thread(self._resolved)
        if finding is not None or args is None:
            return self._withhold(None, (finding,) if finding else (), None)
        # The key is of the arguments as they were written: a default that a model makes up anew for
        # each attempt must not make a new effect of each.
        written = digest(args)
        findings = self._misfits(args)
        if findings:
            return self._withhold(None, findings, args)
        try:
            # From here on only what the tool will really see counts, for policy and for people.
            request, args = self.tool.accept(args)
        except Exception as error:  # a model's validators are the agent's code
            problem = f"the tool does not take these arguments: {_first(error)}"
            refused = self._finding("LS-PLAN-008", problem, "correct the arguments")
            return self._withhold(None, (refused,), args)
        findings = (*self._misfits(args), *self._absent(args))
        if findings:
            return self._withhold(None, findings, args)
        decision = self._decide(args)
        changed = self._changed_policy(decision)
        if changed is not None:
            return self._withhold(decision, (changed,), args)
        if decision.outcome is not Outcome.ALLOW:
            return self._withhold(decision, (), args)
        self.attempts.decided(decision.digest)
        return await self._call(request, written, decision)

    def _resolved(self) -> tuple[Finding | None, dict[str, JsonValue] | None]:
        call = self.call
        if self.tool.spec.digest != call.run.tool:
            return self._finding(
                "LS-LOCK-002",
                f"tool `{self.tool.name}` is not the one that was locked",
                "deploy the locked version, or lock the plan again",
            ), None
        try:
            return None, arguments(call, partial(load, self.house.store))
        except Unresolved as problem:
            return self._finding(
                "LS-PLAN-009", str(problem.args[0]), "make the field required, or guard the step"
            ), None

    def _misfits(self, args: dict[str, JsonValue]) -> tuple[Finding, ...]:
        place = f"step `{self.call.step.id}`"
        return tuple(check_value(place, self.tool.spec.input, args, "LS-PLAN-008"))

    def _absent(self, args: dict[str, JsonValue]) -> tuple[Finding, ...]:
        place = f"step `{self.call.step.id}`"
        named = touched(self.tool.spec.input, args)
        return tuple(missing_resources(place, named, self.house.world))

    def _decide(self, args: dict[str, JsonValue]) -> Decision:
        # By the server's clock at which this attempt was due, for a dispatch may wait for long.
        now = activity.info().current_attempt_scheduled_time
        run = self.call.run.id
        grants = [one for one in self.call.grants if one.run == run and one.expires_at > now]
        return self.house.world.decider.decide(
            attempted(self.call, self.tool.spec, args, tuple(grants))
        )

    def _changed_policy(self, decision: Decision) -> Finding | None:
        """Where policy changed in mid-run, the stricter of the two verdicts holds."""
        expected = self.call.step.expected
        same = self.call.run.policy == self.house.world.pins.policy
        if same or decision.outcome.stricter(expected) is decision.outcome:
            return None
        if decision.outcome is Outcome.ALLOW and decision.grants:
            # What was to be approved has been, under the present policy.
            return None
        if expected is Outcome.UNDECIDED:
            return None
        return self._finding(
            "LS-LOCK-002",
            f"policy has changed in mid-run: it said {expected} when the plan was locked and says "
            f"{decision.outcome} now, and the stricter holds",
            "skip the step, or lock the plan again under the present policy",
        )

    async def _call(self, request: BaseModel, args: Digest, decision: Decision) -> StepOutcome:
        key = idempotency_key(self.call.run.id, self.call.step.id, args)
        filled = fill(
            self.tool.name,
            self.house.world.environment.tools[self.tool.name],
            self.house.environ,
        )
        self.attempts.spend(Amount(calls=1))
        beating = asyncio.create_task(
            self.attempts.beat_for(self.call.step.heartbeat.total_seconds() / 3)
        )
        try:
            output = await self._answer(request, self._handed(key, filled))
        except Signal as signal:
            if signal.name in self.tool.spec.signals:
                return self._signalled(signal, filled)
            raise self._surprise(signal, filled) from None
        except BaseException as error:
            if _stops_us(error):
                self._stopped()
                raise
            # A tool may well raise `SystemExit` or a cancellation of its own making.
            raise self._surprise(error, filled) from None
        finally:
            beating.cancel()
            with suppress(asyncio.CancelledError):
                await beating
        return await asyncio.to_thread(self._fitting, output, decision, key, filled)

    def _handed(self, key: str, filled: Filled) -> ActivityCall:
        return ActivityCall(
            idempotency_key=key,
            attempt=activity.info().attempt,
            environment=self.call.run.environment,
            endpoint=filled.endpoint,
            settings=filled.settings,
            folder=self.house.folder,
            scheduled_at=self.call.run.scheduled_at,
            progress=self.attempts.progress,
            attempts=self.attempts,
        )

    async def _answer(self, request: BaseModel, handed: ActivityCall) -> Any:
        given = (request, handed) if self.tool.takes_call else (request,)
        if self.tool.is_async:
            return await self.tool.function(*given)
        loop = asyncio.get_running_loop()
        call = partial(_to_its_end, self.tool.function, *given)
        return await loop.run_in_executor(self.house.threads, call)

    def _fitting(self, output: Any, decision: Decision, key: str, filled: Filled) -> StepOutcome:
        """The output, held to the tool's declaration and put away."""
        try:
            # A warning would show the output, and what is wrong with it is found on the next line.
            dumped = output.model_dump(mode="json", by_alias=True, warnings=False)
            self.tool.output.model_validate(dumped)
            value, data = Value.of(dumped)
        except Exception as error:  # a model's serializers are the agent's code
            reason = _writable(filled.scrub(_first(error)))
            return self._unfit("LS-STEP-001", f"the output does not fit: {reason}")
        limit = self.call.run.output_bytes
        if len(data) > limit:
            return self._unfit(
                "LS-STEP-002", f"the output has {len(data):,} bytes, more than {limit:,}"
            )
        self.house.store.put(data)
        self.attempts.end(AttemptEnd.COMPLETED)
        return Completed(
            value=value,
            spent=self.attempts.total(self.call.step.cost),
            attempts=self.attempts.all,
            decision=decision,
            idempotency_key=key,
        )

    def _withhold(
        self,
        decision: Decision | None,
        findings: tuple[Finding, ...],
        args: dict[str, JsonValue] | None,
    ) -> Withheld:
        self.attempts.end(AttemptEnd.WITHHELD)
        value: Value | None = None
        if args is not None:
            value, data = Value.of(args, ARGS_PREVIEW_BYTES)
            self.house.store.put(data)
        return Withheld(
            decision=decision,
            findings=findings,
            args=value,
            shown=shown(args) if args is not None else "",
            attempts=self.attempts.all,
        )

    def _signalled(self, signal: Signal, filled: Filled) -> Signalled:
        try:
            data = _scrubbed(signal.data, filled)
            size = len(canonical(data))
            if size > MAX_DATA:
                raise ValueError(f"its data has {size:,} bytes, more than {MAX_DATA:,}")
        except ValueError as error:
            problem = RuntimeError(f"signal `{signal.name}` cannot be passed on: {error}")
            raise self._surprise(problem, filled) from None
        self.attempts.end(AttemptEnd.SIGNALLED, signal.name)
        return Signalled(
            name=signal.name,
            detail=_writable(filled.scrub(signal.detail)),
            data=data,
            spent=self.attempts.total(self.call.step.cost),
            attempts=self.attempts.all,
        )

    def _unfit(self, code: str, problem: str) -> Unfit:
        self.attempts.end(AttemptEnd.FAILED, problem[:MAX_MESSAGE])
        return Unfit(
            finding=self._finding(code, problem, "correct the tool"),
            spent=self.attempts.total(self.call.step.cost),
            attempts=self.attempts.all,
        )

    def _surprise(self, error: BaseException, filled: Filled) -> ApplicationError:
        problem = _writable(filled.scrub(_said(error)))
        return self._failure(
            self._finding("LS-STEP-004", problem, "see the worker's log, mend it and run again")
        )

    def _stopped(self) -> None:
        """A worker that stops gives its attempts back, each with its account."""
        told = activity.cancellation_details()
        if told is not None and told.worker_shutdown:
            raise self._failure(
                self._finding(
                    "LS-STEP-004", "its worker was stopped before it was done", "run again"
                )
            ) from None

    def _failure(self, finding: Finding) -> ApplicationError:
        """What Temporal retries; it carries the account, since it may be the last attempt."""
        self.attempts.end(AttemptEnd.FAILED, finding.problem[:MAX_REASON])
        self.attempts.beat()
        details = {
            "attempts": self.attempts.details["attempts"],
            "finding": finding.model_dump(mode="json"),
        }
        return ApplicationError(finding.problem, details, type=finding.code)

    def _finding(self, code: str, problem: str, fix: str) -> Finding:
        return Finding(code=code, place=f"step `{self.call.step.id}`", problem=problem, fix=fix)


def idempotency_key(run: str, step: str, args: Digest) -> str:
    """The same for every attempt at a step with the same arguments, in the same workflow id.

    Not Temporal's run id: that changes when a run is reset, and the effect must not happen again.
    """
    return hashlib.sha256(canonical([run, step, args])).hexdigest()


def _to_its_end(function: Callable[..., Any], *given: Any) -> Any:
    """A call in a thread; no future takes a `StopIteration`, and whoever waits would wait on."""
    try:
        return function(*given)
    except StopIteration:
        raise RuntimeError("the tool raised StopIteration") from None


def _stops_us(error: BaseException) -> bool:
    """Whether this step is told to stop, and the error is not the tool's own."""
    if isinstance(error, asyncio.CancelledError):
        task = asyncio.current_task()
        return task is not None and task.cancelling() > 0
    return isinstance(error, (KeyboardInterrupt, GeneratorExit))


def _said(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:
        return type(error).__name__


def _writable(text: str) -> str:
    """As the history can hold it: short, and in whole characters."""
    return text[:MAX_MESSAGE].encode(errors="backslashreplace").decode()[:MAX_MESSAGE]


def _scrubbed(value: Any, filled: Filled) -> Any:
    match value:
        case str():
            return filled.scrub(value)
        case list():
            return [_scrubbed(child, filled) for child in value]
        case dict():
            return {key: _scrubbed(child, filled) for key, child in value.items()}
        case _:
            return value


def _first(error: Exception) -> str:
    if isinstance(error, ValidationError):
        detail = error.errors()[0]
        where = "/".join(map(str, detail["loc"]))
        return f"{where}: {detail['msg']}"[:MAX_MESSAGE]
    return str(error)[:MAX_MESSAGE]
