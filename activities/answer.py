"""One call that policy has allowed: the tool is called, or the mock that stands in for it asked.

Where an environment mocks a tool this is the one place that knows. All that comes before the call
(arguments, facts, the decision) and after it (the account, the output's check, the store) is the
same for both, so a plan that is tried in a sandbox meets all that it would meet but the tool.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from pydantic import BaseModel, JsonValue
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.attempts import Attempts
from activities.calling import ActivityCall, Troubled
from activities.failure import MAX_MESSAGE, failure, first, in_short, said, scrubbed, stops_us
from activities.house import House
from activities.injection import Spoilt
from activities.mocked import Unanswered, mocked
from activities.placeholders import Filled, fill
from activities.ready import changes
from lockstep.action import escalates
from lockstep.amount import Amount
from lockstep.call import Signal
from lockstep.canonical import MAX_DEPTH, canonical, depth
from lockstep.decision import Decision
from lockstep.environment import Binding
from lockstep.finding import Finding
from lockstep.mock import Mock
from lockstep.outcome import AttemptEnd, Completed, Dispatch, Signalled, Unfit
from lockstep.shown import shown
from lockstep.tool import Tool
from lockstep.value import Value

MAX_DATA = 16 * 1024
"""Bytes of a signal's data, which travel in the history too."""


@dataclass(frozen=True)
class Answering:
    """`written` are the arguments as the plan brings them, `args` what the tool is given, as JSON;
    `key` is what makes the effect happen once.
    """

    house: House
    tool: Tool
    call: Dispatch
    attempts: Attempts
    decision: Decision
    written: dict[str, JsonValue]
    args: dict[str, JsonValue]
    key: str

    @property
    def mock(self) -> Mock | None:
        return self.house.world.mocks.get(self.tool.name)

    @property
    def binding(self) -> Binding:
        """What the manifest says of the tool."""
        return self.house.world.environment.tools[self.tool.name]

    async def run(self, request: BaseModel) -> Completed | Signalled | Unfit:
        """What came of it; a failure that Temporal may retry is raised, and so is Troubled for a
        call that is withheld after all.
        """
        filled = self._filled()
        # A model that composes is no tool, and costs none of the calls of tools.
        self.attempts.spend(Amount(calls=self.call.step.cost.calls))
        beating = asyncio.create_task(
            self.attempts.beat_for(self.call.step.heartbeat.total_seconds() / 3)
        )
        try:
            output = await self._answer(request, filled)
        except Signal as signal:
            if signal.name in self.tool.spec.signals:
                return self._signalled(signal, filled, await self._asked_about(signal.name))
            raise self._surprise(signal, filled) from None
        except Unanswered:
            return self._unanswered()
        except Troubled as trouble:
            return self._came_to_nothing(trouble)
        except BaseException as error:
            if stops_us(error):
                self._stopped()
                raise
            # A tool may well raise `SystemExit` or a cancellation of its own making.
            raise self._surprise(error, filled) from None
        finally:
            beating.cancel()
            with suppress(asyncio.CancelledError):
                await beating
        return await asyncio.to_thread(self._fitting, output, filled)

    def _filled(self) -> Filled:
        if self.mock is not None:
            # Nobody is called, so no address and no secret is wanted.
            return Filled(endpoint="", settings={}, secrets={})
        binding = self.house.world.environment.reached(self.tool.name)
        return fill(self.tool.name, binding, self.house.environ)

    async def _answer(self, request: BaseModel, filled: Filled) -> Any:
        if self.mock is not None:
            return await mocked(self.call, self.tool, self.mock, self.binding.faults, self.args)
        given = (request, self._handed(filled)) if self.tool.takes_call else (request,)
        if self.tool.is_async:
            return await self.tool.function(*given)
        loop = asyncio.get_running_loop()
        call = partial(_to_its_end, self.tool.function, *given)
        return await loop.run_in_executor(self.house.threads, call)

    def _handed(self, filled: Filled) -> ActivityCall:
        return ActivityCall(
            idempotency_key=self.key,
            attempt=activity.info().attempt,
            environment=self.call.run.environment,
            endpoint=filled.endpoint,
            settings=filled.settings,
            folder=self.house.folder,
            scheduled_at=self.call.run.scheduled_at,
            progress=self.attempts.progress,
            attempts=self.attempts,
            scrub=filled.scrub,
            scrubbed=partial(scrubbed, filled=filled),
        )

    def _came_to_nothing(self, trouble: Troubled) -> Unfit:
        found = trouble.findings[0]
        if trouble.made and not trouble.again:
            return self._unfit(found.code, found.problem, found.fix)
        if not trouble.again:
            raise trouble
        if not trouble.made:
            self.attempts.unmade()
        raise failure(self.attempts, self._finding(found.code, found.problem, found.fix)) from None

    def _fitting(self, output: Any, filled: Filled) -> Completed | Unfit:
        """The output, held to the tool's declaration and put away."""
        try:
            # A warning would show the output, and what is wrong with it is found on the next line.
            dumped = output.model_dump(mode="json", by_alias=True, warnings=False)
            self.tool.output.model_validate(dumped)
            value, data = Value.of(dumped)
        except Exception as error:  # a model's serializers are the agent's code
            reason = in_short(first(error), filled.scrub)
            return self._unfit("LS-STEP-001", f"{_which(output)} does not fit: {reason}")
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
            decision=self.decision,
            idempotency_key=self.key,
            mocked=self.mock is not None,
            grounds=self.house.grounds_beside(self.call),
        )

    async def _asked_about(self, error: str) -> Value | None:
        """The arguments, where a human is to be asked about this error."""
        known = self.house.world.environment.errors.get(error)
        if known is None or not escalates(known.actions):
            return None
        return await asyncio.to_thread(self.house.kept, self.args)

    def _signalled(self, signal: Signal, filled: Filled, asked: Value | None) -> Signalled:
        try:
            data = scrubbed(signal.data, filled)
            size = len(canonical(data))
            if size > MAX_DATA:
                raise ValueError(f"its data has {size:,} bytes, more than {MAX_DATA:,}")
            if depth(data) > MAX_DEPTH:
                # It could be written, and not be read again by the run that waits for it.
                raise ValueError(f"its data is nested more than {MAX_DEPTH} levels deep")
        except (ValueError, RecursionError) as error:
            problem = RuntimeError(f"signal `{signal.name}` cannot be passed on: {error}")
            raise self._surprise(problem, filled) from None
        known = self.house.world.environment.errors.get(signal.name)
        self.attempts.end(AttemptEnd.SIGNALLED, signal.name)
        return Signalled(
            name=signal.name,
            detail=in_short(signal.detail, filled.scrub),
            data=data,
            # Said here, so that a run that is replayed says what it said then.
            recovery=known.recovery if known else "",
            spent=self.attempts.total(self.call.step.cost),
            attempts=self.attempts.all,
            decision=self.decision,
            grounds=self.house.grounds_beside(self.call),
            idempotency_key=self.key,
            changes=changes(self.call, self.tool.spec, signal.name, self.written),
            args=asked,
            shown=shown(self.args) if asked is not None else "",
            mocked=self.mock is not None,
        )

    def _unanswered(self) -> Unfit:
        return self._unfit(
            "LS-STEP-008",
            f"mock `{self.binding.mock}` has no answer to {self.tool.name}({shown(self.args)})",
            "add an answer whose `when` fits, or a last one without `when`",
        )

    def _unfit(self, code: str, problem: str, fix: str = "correct the tool") -> Unfit:
        self.attempts.end(AttemptEnd.FAILED, problem[:MAX_MESSAGE])
        return Unfit(
            finding=self._finding(code, problem, fix),
            spent=self.attempts.total(self.call.step.cost),
            attempts=self.attempts.all,
            decision=self.decision,
            grounds=self.house.grounds_beside(self.call),
            mocked=self.mock is not None,
        )

    def _surprise(self, error: BaseException, filled: Filled) -> ApplicationError:
        problem = in_short(said(error), filled.scrub)
        fix = "see the worker's log, mend it and run again"
        return failure(self.attempts, self._finding("LS-STEP-004", problem, fix))

    def _stopped(self) -> None:
        """A worker that stops gives its attempts back, each with its account."""
        told = activity.cancellation_details()
        if told is not None and told.worker_shutdown:
            problem = "its worker was stopped before it was done"
            raise failure(
                self.attempts, self._finding("LS-STEP-004", problem, "run again")
            ) from None

    def _finding(self, code: str, problem: str, fix: str) -> Finding:
        return Finding(code=code, place=f"step `{self.call.label}`", problem=problem, fix=fix)


def _which(output: Any) -> str:
    return "the output that was spoilt on purpose" if isinstance(output, Spoilt) else "the output"


def _to_its_end(function: Callable[..., Any], *given: Any) -> Any:
    """A call in a thread; no future takes a `StopIteration`, and whoever waits would wait on."""
    try:
        return function(*given)
    except StopIteration:
        raise RuntimeError("the tool raised StopIteration") from None
