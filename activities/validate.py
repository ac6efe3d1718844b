"""Keeps the `Validator` contract with the worker's own agent package.

A worker serves one agent in one environment, and answers for no other.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice

from pydantic import JsonValue
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.contract import Change, Proposal, Validator, Verified, Verify
from lockstep.canonical import canonical
from lockstep.checked import Checked
from lockstep.decision import Outcome
from lockstep.errors import LockstepError
from lockstep.fallback import edges
from lockstep.finding import Finding
from lockstep.loading import shaped
from lockstep.lock import MAX_LOCK_BYTES, Body, Lock, Proposed
from lockstep.plan import Plan
from lockstep.reference import references
from lockstep.resource import touched
from lockstep.trust import Trust
from policies.arguments import Sources, check_arguments, check_value
from policies.certainty import Shape
from policies.check import MAX_FINDINGS, check, missing_resources
from policies.claims import claims
from policies.drift import drift
from policies.freeze import freeze
from policies.labels import planner_reads
from policies.request import real
from policies.structure import structure
from policies.world import World

MAX_VERDICT_BYTES = 640 * 1024
"""It ends a planning together with a lock, which may have 1 MiB of the 2 that one payload holds."""
MAX_INPUT_BYTES = 8 * 1024


class WorldValidator(Validator):
    """Verdicts in one world; `build` names the code that gives them."""

    def __init__(self, world: World, build: str) -> None:
        self._world = world
        self._build = build

    @activity.defn(name="lockstep.check")
    async def check(self, proposal: Proposal) -> Checked:
        try:
            checked = self._checked(self._plan(proposal), proposal)
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
            checked = self._checked(plan, proposal)
            if not checked.passed:
                raise LockstepError(*checked.errors)
            lock = Lock.freeze(
                freeze(plan, checked, self._world),
                Proposed(by=proposal.by, at=datetime.now(UTC), planner=proposal.planner),
            )
            size = len(canonical(lock.body.model_dump(mode="json")))
            if size > MAX_LOCK_BYTES:
                raise LockstepError(_too_large("lock", size, MAX_LOCK_BYTES))
        except LockstepError as error:
            raise ApplicationError(str(error), type=error.code, non_retryable=True) from None
        return lock

    @activity.defn(name="lockstep.verify")
    async def verify(self, request: Verify) -> Verified:
        body = request.body
        inputs = {**_defaults(body.inputs), **request.inputs}
        drifted = drift(body, self._world)
        findings = (
            *_unsound(body),
            # What has drifted is told as drift, and not a second time as a claim.
            *(drifted or islice(claims(body, self._world), MAX_FINDINGS)),
            *_too_much(inputs),
            *check_value("inputs", body.inputs, inputs, "LS-PLAN-013"),
        )
        return Verified(build=self._build, findings=findings, inputs=inputs)

    @activity.defn(name="lockstep.recheck")
    async def recheck(self, change: Change) -> tuple[Finding, ...]:
        shape = Shape.of(change.body.steps).without(set(change.gone))
        edited = change.edited
        return (
            *self._world.rules.violations(shape),
            *(self._edit(change, edited) if edited is not None else ()),
        )

    def _checked(self, plan: Plan, proposal: Proposal) -> Checked:
        return check(plan, self._world, proposal.by, wrote(proposal, self._world))

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
        return shaped(Plan, proposal.plan, "plan")

    def _edit(self, change: Change, args: dict[str, JsonValue]) -> Iterator[Finding]:
        """Edited arguments are literals, and are held to all that the first ones were."""
        body, id = change.body, change.question.step
        place = f"step `{id}`"
        spec = self._world.tools[body.steps[id].tool]
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
            *check_arguments(id, spec, args, sources),
            *missing_resources(place, found, self._world),
        ]
        if problems:
            yield from problems
            return
        # What is large is not at hand here and counts as rewritten: the call itself is decided on
        # once more, with all of it.
        shown = change.question.args.preview
        before = shown if isinstance(shown, dict) else {}
        request = real(
            self._world.principal_of(change.started_by, change.trigger),
            spec,
            environment=body.environment,
            stage=body.stage,
            step=id,
            provenance=body.steps[id].provenance.edited(before, args),
            args=args,
        )
        decision = self._world.decider.decide(request)
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


def wrote(proposal: Proposal, world: World) -> Trust:
    """How far to believe what a proposed plan writes down itself: by who wrote it."""
    return Trust.TRUSTED if proposal.planner is None else planner_reads(world)


def _unsound(body: Body) -> Iterator[Finding]:
    """Steps that could never be reached. Freezing makes none, but a digest does not say who
    froze.
    """
    for found in structure(body.steps) if body.steps else ():
        yield found.model_copy(update={"code": "LS-RUN-006"})
    before: set[str] = set()
    needs = edges(body.steps)
    for step in body.steps:
        lost = {*needs[step.id], *step.draws} - (before & {*step.needs})
        if lost or step.id in before:
            problem = f"needs {', '.join(sorted(lost))} and does not come after it"
            yield Finding(
                code="LS-RUN-006",
                place=f"step `{step.id}`",
                problem=problem if lost else "stands twice in the lock",
                fix="make the lock with `lockstep lock`",
            )
        before.add(step.id)


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


def _defaults(schema: dict[str, JsonValue]) -> dict[str, JsonValue]:
    properties = schema.get("properties")
    if not isinstance(properties, dict):
        return {}
    return {
        name: declared["default"]
        for name, declared in properties.items()
        if isinstance(declared, dict) and "default" in declared
    }
