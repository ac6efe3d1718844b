"""Keeps the `Validator` contract with the worker's own agent package.

A worker serves one agent in one environment, and answers for no other.
"""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from itertools import islice

from pydantic import JsonValue
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.contract.validator import Change, Permitted, Proposal, Validator, Verified, Verify
from activities.edits import edit_of
from activities.proposed import judged, proposed_in, statement
from activities.store import Store, peek
from lockstep.agent import defaults
from lockstep.canonical import canonical
from lockstep.checked import Checked
from lockstep.decision import Decision, Outcome
from lockstep.errors import LockstepError
from lockstep.finding import Finding
from lockstep.lock import MAX_LOCK_BYTES, Lock
from lockstep.plan import Plan
from lockstep.reference import references
from lockstep.resource import touched
from lockstep.revision import Progress
from lockstep.submission import Wanted
from policies.check import MAX_FINDINGS
from policies.checks.arguments import Sources, check_arguments, check_value
from policies.checks.missing import missing_resources
from policies.locks.freeze import freeze
from policies.locks.verify import verify
from policies.replanning import course, denied, lineage_of, reads, ruled
from policies.submission import refused, started, submitted, wanted
from policies.world import World

MAX_VERDICT_BYTES = 640 * 1024
"""It ends a planning together with a lock, which may have 1 MiB of the 2 that one payload holds."""
MAX_INPUT_BYTES = 8 * 1024


class WorldValidator(Validator):
    """Verdicts in one world; `build` names the code that gives them, `unable` says why nothing can
    be composed by this worker.

    What this world's locks pin is kept in `store`, so that a later world can say what is different
    where nothing is at hand but a lock.
    """

    def __init__(
        self, world: World, build: str, store: Store, unable: tuple[Finding, ...] = ()
    ) -> None:
        self._world = world
        self._build = build
        self._store = store
        self._unable = unable
        self._kept = False

    @activity.defn(name="lockstep.check")
    async def check(self, proposal: Proposal) -> Checked:
        try:
            checked = judged(self._plan(proposal), proposal, self._world)
        except LockstepError as error:
            return Checked(findings=error.findings)
        size = len(canonical(checked.model_dump(mode="json")))
        if size <= MAX_VERDICT_BYTES:
            return checked
        return Checked(findings=(_too_large("verdict", size, MAX_VERDICT_BYTES),))

    @activity.defn(name="lockstep.freeze")
    async def freeze(self, proposal: Proposal) -> Lock:
        try:
            plan = self._plan(proposal)
            checked = judged(plan, proposal, self._world)
            if not checked.passed:
                raise LockstepError(*checked.errors)
            lock = Lock.freeze(
                freeze(plan, checked, self._world, proposal.revises),
                statement(proposal, datetime.now(UTC)),
            )
            size = len(canonical(lock.body.model_dump(mode="json")))
            if size > MAX_LOCK_BYTES:
                raise LockstepError(_too_large("lock", size, MAX_LOCK_BYTES))
        except LockstepError as error:
            raise ApplicationError(str(error), type=error.code, non_retryable=True) from None
        await asyncio.to_thread(self._keep)
        return lock

    @activity.defn(name="lockstep.verify")
    async def verify(self, request: Verify) -> Verified:
        body = request.body
        inputs = {**defaults(body.inputs), **request.inputs}
        against = await asyncio.to_thread(verify, body, self._world, partial(peek, self._store))
        if not against:
            await asyncio.to_thread(self._keep)
        made, approval = self._as_a_whole(request)
        denied = refused(made) if made else None
        findings = (
            *against,
            *(self._unable if any(step.kind == "compose" for step in body.steps) else ()),
            *_too_much(inputs),
            *check_value("inputs", body.inputs, inputs, "LS-PLAN-013"),
            *filter(None, (denied,)),
        )
        return Verified(
            build=self._build,
            findings=findings,
            inputs=inputs,
            plan=made,
            approval=approval,
            grounds=self._world.decider.grounds,
        )

    def _as_a_whole(self, request: Verify) -> tuple[Decision | None, Wanted | None]:
        given, world = request.submitted, self._world
        if given is None or not world.decider.submits:
            # That a lock says otherwise of itself is found among its claims.
            return None, None
        asked = started(
            request.body,
            given.lock,
            given.statements,
            world,
            by=given.by,
            trigger=given.trigger,
        )
        made = submitted(asked, world, given.statements, given.at)
        return made, wanted(made, asked, world) if made else None

    @activity.defn(name="lockstep.replan")
    async def replan(self, progress: Progress) -> Permitted:
        world = self._world
        lineage = lineage_of(progress, world)
        made = ruled(progress, world, lineage)
        return Permitted(
            decision=made.decision,
            findings=tuple(filter(None, (denied(made.decision),))),
            approval=made.approval,
            course=course(progress, lineage),
            literals=reads(progress, world, lineage),
            grounds=world.decider.grounds,
        )

    @activity.defn(name="lockstep.recheck")
    async def recheck(self, change: Change) -> tuple[Finding, ...]:
        body, edited, supplied = change.body, change.edited, change.supplied
        step = change.question.step
        edits = dict(change.edits)
        if edited is not None:
            edits[step] = (*edits.get(step, ()), edited)
        given = {*change.hollow, *([step] if supplied is not None else [])}
        return (
            *self._world.violations(body.steps, set(change.gone), edits, given),
            *(self._edit(change, edited) if edited is not None else ()),
            *(self._supply(change, supplied) if supplied is not None else ()),
        )

    def _keep(self) -> None:
        """Once for each worker. Words are all that depends on it, so a full disk stops nothing."""
        if self._kept:
            return
        with suppress(LockstepError):
            for _, _, data in self._world.contents.parts():
                self._store.put(data)
            self._kept = True

    def _plan(self, proposal: Proposal) -> Plan:
        world = self._world
        for what, asked, here in (
            ("agent", proposal.agent, world.agent.name),
            ("environment", proposal.environment, world.environment.name),
        ):
            if asked != here:
                raise LockstepError.of(
                    "LS-SRV-005",
                    "worker",
                    f"serves {what} `{here}`, and was asked about `{asked}`",
                    f"start a worker for `{asked}`",
                )
        return proposed_in(proposal, world, partial(peek, self._store))

    def _edit(self, change: Change, args: dict[str, JsonValue]) -> Iterator[Finding]:
        """Edited arguments are literals, and are held to all that the first ones were."""
        body, label = change.body, change.question.label
        place = f"step `{label}`"
        spec = body.steps[change.question.step].spec(self._world.tools)
        for at, _ in references(dict(args)):
            yield Finding(
                code="LS-PLAN-011",
                place=f"{place} {at}",
                problem="a human's edit holds a reference",
                fix="write the value itself",
            )
            return
        sources = Sources(outputs={}, inputs=body.inputs)
        found = touched(spec.input, dict(args))
        problems = [
            *check_arguments(label, spec, args, sources),
            *missing_resources(place, found, self._world),
        ]
        if problems:
            yield from problems
            return
        decision = self._world.decider.decide(edit_of(change, args, self._world))
        if decision.outcome is Outcome.DENY:
            yield Finding(
                code="LS-POLICY-002",
                place=place,
                problem=(
                    decision.why
                    if decision.disallowed
                    else f"the edited call is BLOCKED by {decision.why}"
                ),
                fix="edit it otherwise, or skip the step",
            )

    def _supply(self, change: Change, output: dict[str, JsonValue]) -> Iterator[Finding]:
        """An output is one that the tool could have given."""
        body, question = change.body, change.question
        place = f"step `{question.label}`"
        spec = body.steps[question.step].spec(self._world.tools)
        yield from islice(check_value(place, spec.output, output, "LS-ASK-005"), MAX_FINDINGS)
        size, most = len(canonical(output)), body.limits.output_bytes
        if size > most:
            yield Finding(
                code="LS-ASK-005",
                place=place,
                problem=f"the output has {size:,} bytes, more than {most:,}",
                fix="give less",
            )


def _too_large(what: str, size: int, most: int) -> Finding:
    return Finding(
        code="LS-LOCK-003",
        place=what,
        problem=f"{size:,} bytes, more than the {most:,} one run can carry",
        fix="split the plan",
    )


def _too_much(inputs: dict[str, JsonValue]) -> Iterator[Finding]:
    """Inputs go out with every step, so they are kept to what a person would type."""
    size = len(canonical(inputs))
    if size > MAX_INPUT_BYTES:
        yield Finding(
            code="LS-PLAN-013",
            place="inputs",
            problem=f"{size:,} bytes, more than {MAX_INPUT_BYTES:,}",
            fix="pass a name or a path, and let a step fetch what is behind it",
        )
