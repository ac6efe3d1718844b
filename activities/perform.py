"""Perform one step: make its call ready, decide, call, check what came back.

The decision is made here, on the very arguments of the call and immediately before it, because
whatever lies between a check and a call can change in between. Expected ends are returned; a tool's
own exception is raised for Temporal to retry, with its message capped and scrubbed. How arguments
become a call is told in `activities/ready.py`, what comes of it in `activities/answer.py`.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from pydantic import JsonValue
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.answer import Answering
from activities.attempts import Attempts
from activities.calling import Troubled
from activities.compose import Composer, Composition, compose_tool, conversation_of
from activities.failure import briefly, failure
from activities.files.standing import read_standing
from activities.house import House
from activities.models.conversation import Conversation
from activities.ready import Ready, Readying, Unready
from activities.redaction import Redaction, telling
from lockstep.canonical import Digest
from lockstep.compose import COMPOSE
from lockstep.decision import Decision, Outcome
from lockstep.errors import LockstepError
from lockstep.finding import Finding
from lockstep.lock import LockedComposeStep
from lockstep.outcome import AttemptEnd, Dispatch, Report, StepOutcome, Withheld
from lockstep.shown import shown
from lockstep.tool import Effect, Tool, harms_twice
from policies.standing import holding, lifting


class Performer(House):
    """Performs the steps of one agent in one environment."""

    def activity_for(self, tool: Tool) -> Callable[[Dispatch], Awaitable[Report]]:
        """The tool as a Temporal activity of its own name."""

        @activity.defn(name=tool.name)
        async def perform(call: Dispatch) -> Report:
            info = activity.info()
            attempts = Attempts(info.attempt, info.heartbeat_details)
            return Report(outcome=await _Attempt(self, tool, call, attempts).run())

        return perform

    def composing(self, composer: Composer) -> Callable[[Dispatch], Awaitable[Report]]:
        """Compose steps as a Temporal activity, named as policy names them."""

        @activity.defn(name=COMPOSE)
        async def compose(call: Dispatch) -> Report:
            info = activity.info()
            step = call.step
            if not isinstance(step, LockedComposeStep):
                raise ApplicationError("not a compose step", non_retryable=True)
            asked = conversation_of(step, composer)
            tool = compose_tool(step.spec(self.world.tools), asked)
            attempts = Attempts(info.attempt, info.heartbeat_details)
            return Report(outcome=await _Composing(self, tool, call, attempts, asked).run())

        return compose


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
            raise failure(self.attempts, error.findings[0]) from None

    async def _steps(self) -> StepOutcome:
        # What goes through all of the arguments goes in a thread: they may be megabytes of somebody
        # else's words, and the steps beside this one have to be heard of.
        readying = Readying(self.house, self.tool, self.call, self._pinned())
        ready = await asyncio.to_thread(readying.ready)
        if isinstance(ready, Unready):
            held = await asyncio.to_thread(self._withhold, None, ready.findings, ready.args)
            if held.called and self.call.step.effect is not Effect.READ:
                # What an attempt before this one did would stand beside what takes its place.
                return held
            return held.model_copy(update={"error": ready.error})
        decision = await self._granted(readying, ready)
        changed = self._changed_policy(decision)
        if changed is not None or decision.outcome is not Outcome.ALLOW:
            found = (changed,) if changed is not None else ()
            return await asyncio.to_thread(self._withhold, decision, found, ready.args)
        if harms_twice(self.call.step.effect, self.call.step.idempotency):
            # If nobody lives to say how the call ended, a human is asked about these arguments.
            kept = await asyncio.to_thread(self.house.kept, ready.args)
            self.attempts.about(kept, shown(ready.args))
        self.attempts.decided(decision, self.house.grounds_beside(self.call))
        try:
            return await self._answering(decision, ready).run(ready.request)
        except Troubled as trouble:
            told = [self._finding(one.code, one.problem, one.fix) for one in trouble.findings]
            return await asyncio.to_thread(self._withhold, decision, tuple(told), ready.args)

    def _pinned(self) -> Digest:
        return self.tool.spec.digest

    def _answering(self, decision: Decision, ready: Ready) -> Answering:
        return Answering(
            self.house,
            self.tool,
            self.call,
            self.attempts,
            decision,
            ready.written,
            ready.args,
            ready.key,
        )

    async def _granted(self, readying: Readying, ready: Ready) -> Decision:
        """The decision, with every yes that holds where policy asks for some."""
        decision, run, world = ready.decision, self.call.run, self.house.world
        if decision.outcome is not Outcome.REQUIRE_APPROVAL:
            return decision
        # By the server's clock when a worker took this attempt, which may have waited for one.
        info = activity.info()
        now = max(info.started_time, info.current_attempt_scheduled_time)
        given = (one for one in self.call.grants if one.run == run.id and one.expires_at > now)
        # The workflow asked the right people; who may say yes is known here as well, and as of now.
        grants = lifting(given, decision, world.agent)
        if grants:
            decision = await asyncio.to_thread(readying.decided, ready.args, ready.told, *grants)
            if decision.outcome is not Outcome.REQUIRE_APPROVAL:
                return decision
        # What stands is read from the worker's own files, and from nothing that a run is given.
        kept = await asyncio.to_thread(read_standing, self.house.folder)
        standing = holding(kept, decision, run.lock, world, now)
        if not standing:
            return decision
        return await asyncio.to_thread(readying.decided, ready.args, ready.told, *grants, *standing)

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

    def _withhold(
        self,
        decision: Decision | None,
        findings: tuple[Finding, ...],
        args: dict[str, JsonValue] | None,
    ) -> Withheld:
        self.attempts.end(AttemptEnd.WITHHELD)
        return Withheld(
            decision=decision,
            findings=briefly(findings, Redaction(telling(self.house.environ))),
            args=self.house.kept(args) if args is not None else None,
            shown=shown(args) if args is not None else "",
            attempts=self.attempts.all,
            grounds=self.house.grounds_beside(self.call) if decision else None,
        )

    def _finding(self, code: str, problem: str, fix: str) -> Finding:
        return Finding(code=code, place=f"step `{self.call.label}`", problem=problem, fix=fix)


@dataclass(frozen=True)
class _Composing(_Attempt):
    """One attempt at a compose step."""

    conversation: Conversation

    def _pinned(self) -> Digest:
        # What a step adds to it, its lock says of itself.
        return self.house.world.tools[COMPOSE].digest

    def _answering(self, decision: Decision, ready: Ready) -> Answering:
        return Composition(
            self.house,
            self.tool,
            self.call,
            self.attempts,
            decision,
            ready.written,
            ready.args,
            ready.key,
            self.conversation,
        )
