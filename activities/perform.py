"""Perform one step: resolve its arguments, decide, call, check what came back.

The decision is made here, on the very arguments of the call and immediately before it, because
whatever lies between a check and a call can change in between. Expected ends are returned; a tool's
own exception is raised for Temporal to retry, with its message capped and scrubbed.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from pydantic import BaseModel, JsonValue
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.answer import Answering, idempotency_key, kept_args
from activities.attempts import Attempts
from activities.calling import Troubled
from activities.compose import Composer, Composition, compose_tool, conversation_of
from activities.failure import failure, first, in_short
from activities.files.standing import read_standing
from activities.house import House
from activities.models.conversation import Conversation
from activities.redaction import Redaction, telling
from activities.store import load
from lockstep.canonical import MAX_DEPTH, Digest, depth, digest
from lockstep.compose import COMPOSE
from lockstep.decision import AnyGrant, Decision, Outcome
from lockstep.errors import LockstepError
from lockstep.finding import Finding
from lockstep.lock import LockedComposeStep
from lockstep.outcome import AttemptEnd, Dispatch, Report, StepOutcome, Withheld
from lockstep.provenance import Provenance
from lockstep.reference import Unresolved
from lockstep.resource import touched
from lockstep.shown import shown
from lockstep.tool import Tool, harms_twice
from lockstep.value import Value
from policies.checks.arguments import check_value
from policies.checks.missing import missing_resources
from policies.request import arguments, attempted, provenance
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
        ready = await asyncio.to_thread(self._ready)
        if isinstance(ready, Withheld):
            return ready
        decision = await self._granted(ready)
        changed = self._changed_policy(decision)
        if changed is not None or decision.outcome is not Outcome.ALLOW:
            found = (changed,) if changed is not None else ()
            return await asyncio.to_thread(self._withhold, decision, found, ready.args)
        if harms_twice(self.call.step.effect, self.call.step.idempotency):
            # If nobody lives to say how the call ended, a human is asked about these arguments.
            kept = await asyncio.to_thread(self._kept, ready.args)
            self.attempts.about(kept, shown(ready.args))
        self.attempts.decided(decision.digest)
        answering = self._answering(decision, ready.written, ready.args, ready.key)
        try:
            return await answering.run(ready.request)
        except Troubled as trouble:
            told = [self._finding(one.code, one.problem, one.fix) for one in trouble.findings]
            return await asyncio.to_thread(self._withhold, decision, tuple(told), ready.args)

    def _ready(self) -> "_Ready | Withheld":
        """The call as it would be made, and what policy says of it before anybody's yes."""
        finding, args = self._resolved()
        if finding is not None or args is None:
            return self._withhold(None, (finding,) if finding else (), None)
        # The key is of the arguments as they were written: a default that a model makes up anew for
        # each attempt must not make a new effect of each.
        written = args
        findings = self._misfits(args)
        if findings:
            return self._withhold(None, findings, args)
        try:
            # From here on only what the tool will really see counts, for policy and for people.
            request, args = self.tool.accept(args)
        except Exception as error:  # a model's validators are the agent's code
            said = in_short(first(error), Redaction(telling(self.house.environ)))
            problem = f"the tool does not take these arguments: {said}"
            refused = self._finding("LS-PLAN-008", problem, "correct the arguments")
            return self._withhold(None, (refused,), args)
        findings = (*self._misfits(args), *self._absent(args))
        if findings:
            return self._withhold(None, findings, args)
        told = self._provenance(args)
        decision = self._decided(args, told)
        whose = self.call.keyed or self.call.run.id
        key = idempotency_key(whose, self.call.label, digest(written))
        return _Ready(request, written, args, told, decision, key)

    def _answering(
        self,
        decision: Decision,
        written: dict[str, JsonValue],
        args: dict[str, JsonValue],
        key: str,
    ) -> Answering:
        return Answering(
            self.house, self.tool, self.call, self.attempts, decision, written, args, key
        )

    def _resolved(self) -> tuple[Finding | None, dict[str, JsonValue] | None]:
        call = self.call
        if self._pinned() != call.run.tool:
            return self._finding(
                "LS-LOCK-002",
                f"tool `{self.tool.name}` is not the one that was locked",
                "deploy the locked version, or lock the plan again",
            ), None
        try:
            args = arguments(call, self.tool.spec.input, partial(load, self.house.store))
        except Unresolved as problem:
            return self._finding(
                "LS-PLAN-009", str(problem.args[0]), "make the field required, or guard the step"
            ), None
        if depth(args) > MAX_DEPTH:
            # Nobody could be shown them, and no run could read them again.
            return self._finding(
                "LS-PLAN-008",
                f"the arguments are nested more than {MAX_DEPTH} levels deep",
                "refer to a part of what is nested so deeply",
            ), None
        return None, args

    def _pinned(self) -> Digest:
        return self.tool.spec.digest

    def _misfits(self, args: dict[str, JsonValue]) -> tuple[Finding, ...]:
        place = f"step `{self.call.label}`"
        return tuple(check_value(place, self.tool.spec.input, args, "LS-PLAN-008"))

    def _absent(self, args: dict[str, JsonValue]) -> tuple[Finding, ...]:
        place = f"step `{self.call.label}`"
        named = touched(self.tool.spec.input, args)
        return tuple(missing_resources(place, named, self.house.world))

    async def _granted(self, ready: "_Ready") -> Decision:
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
            decision = await asyncio.to_thread(self._decided, ready.args, ready.told, *grants)
            if decision.outcome is not Outcome.REQUIRE_APPROVAL:
                return decision
        # What stands is read from the worker's own files, and from nothing that a run is given.
        kept = await asyncio.to_thread(read_standing, self.house.folder)
        standing = holding(kept, decision, run.lock, world, now)
        if not standing:
            return decision
        return await asyncio.to_thread(self._decided, ready.args, ready.told, *grants, *standing)

    def _decided(self, args: dict[str, JsonValue], told: Provenance, *grants: AnyGrant) -> Decision:
        asked = attempted(self.call, self.tool.spec, args, grants, told)
        return self.house.world.decider.decide(asked)

    def _provenance(self, args: dict[str, JsonValue]) -> Provenance:
        """As the lock says; of what a human edited, held against what the references bring."""
        if self.call.edited is None:
            return self.call.step.provenance
        kept = partial(load, self.house.store)
        return provenance(self.call, args, self.tool.spec.input, kept, self._accepted)

    def _accepted(self, args: dict[str, JsonValue]) -> dict[str, JsonValue]:
        try:
            return self.tool.accept(args)[1]
        except Exception as error:  # a model's validators are the agent's code
            raise ValueError from error

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
            findings=findings,
            args=self._kept(args) if args is not None else None,
            shown=shown(args) if args is not None else "",
            attempts=self.attempts.all,
            grounds=self.house.grounds_beside(self.call) if decision else None,
        )

    def _kept(self, args: dict[str, JsonValue]) -> Value:
        """The arguments by reference, for a human to look at."""
        return kept_args(self.house, args)

    def _finding(self, code: str, problem: str, fix: str) -> Finding:
        return Finding(code=code, place=f"step `{self.call.label}`", problem=problem, fix=fix)


@dataclass(frozen=True)
class _Ready:
    """A call that could be made: `written` as the plan brings its arguments, `args` as the tool is
    given them in `request`, `told` where they come from.
    """

    request: BaseModel
    written: dict[str, JsonValue]
    args: dict[str, JsonValue]
    told: Provenance
    decision: Decision
    key: str


@dataclass(frozen=True)
class _Composing(_Attempt):
    """One attempt at a compose step."""

    conversation: Conversation

    def _pinned(self) -> Digest:
        # What a step adds to it, its lock says of itself.
        return self.house.world.tools[COMPOSE].digest

    def _answering(
        self,
        decision: Decision,
        written: dict[str, JsonValue],
        args: dict[str, JsonValue],
        key: str,
    ) -> Answering:
        return Composition(
            self.house,
            self.tool,
            self.call,
            self.attempts,
            decision,
            written,
            args,
            key,
            self.conversation,
        )
