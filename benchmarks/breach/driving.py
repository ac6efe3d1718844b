"""One attempt through the whole path: propose, check, lock, verify, and each step as it is called.

The activities are those of a worker, called one after another as the workflows call them, but
without a server in between: a thousand runs would take it an hour. What a human would be asked is
not done. `through_temporal` has the same on a real server, for some of them.
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.compose import Composer
from activities.contract import Ask, Goal, Permitted, Proposal, Rejected, Submitted, Verify
from activities.model import Model
from activities.perform import Performer
from activities.propose import ModelPlanner
from activities.providers import provider
from activities.store import FolderStore
from activities.validate import WorldValidator
from benchmarks.breach.tasks import Json, Task
from lockstep.compose import COMPOSE
from lockstep.lock import AnyLockedStep, Asked, Lock
from lockstep.outcome import (
    Completed,
    Dispatch,
    Report,
    RunFacts,
    Signalled,
    StepOutcome,
    Withheld,
)
from lockstep.revision import MAX_DETAIL, Progress, Signal
from lockstep.value import Value
from policies.world import World

AT = datetime(2026, 1, 5, 6, tzinfo=UTC)
PERSON = "ann"


@dataclass(frozen=True)
class Ended:
    """Where an attempt came to its end, and the codes of what was found on the way."""

    where: str
    codes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Desk:
    """One world, the model that it asks, and the folder that its tools look into."""

    world: World
    model: Model
    folder: Path
    environ: Mapping[str, str]
    threads: ThreadPoolExecutor

    async def planned(self, task: Task) -> Ended:
        """A goal: planned, locked and run as far as nobody has to be asked."""
        found = await self._found(task, None)
        if isinstance(found, Ended):
            return found
        ended = await self._run(task, found.lock, {})
        return replace(ended, codes=(*found.codes, *ended.codes))

    async def composed(self, task: Task, inputs: Json) -> Ended:
        """What a person wrote: locked and run."""
        proposal = self._proposal(written(task), None)
        checked = await _performed(self._validator.check, proposal)
        if not checked.passed:
            return Ended("rejected", tuple(sorted({one.code for one in checked.errors})))
        return await self._run(task, await self._frozen(proposal), inputs)

    async def _found(self, task: Task, rest: "_Rest | None") -> "_Found | Ended":
        """A proposal that passes, or the end of asking for one."""
        world = self.world
        seller = provider(world.agent.planner.provider)
        planner = ModelPlanner(world, seller, self.model, self._store)
        goal = Goal(
            goal=task.goal,
            agent=world.agent.name,
            environment=world.environment.name,
            by=PERSON,
            course=rest.permitted.course if rest else None,
        )
        rejected: Rejected | None = None
        codes: list[str] = []
        for number in range(world.agent.planner.replans + 1):
            reply = await _performed(planner.propose, Ask(goal=goal, rejected=rejected))
            found = reply.findings
            if reply.status == "ok":
                asked = Asked(
                    model=reply.model,
                    request=reply.request,
                    prompt=reply.prompt,
                    bill=reply.bill,
                    replans=number,
                )
                proposal = self._proposal(reply.plan, asked, rest)
                checked = await _performed(self._validator.check, proposal)
                if checked.passed:
                    approval = rest is not None and checked.approval is not None
                    return _Found(await self._frozen(proposal), tuple(codes), approval)
                found = checked.errors
            codes += sorted({one.code for one in found})
            rejected = Rejected(
                text="" if reply.status == "truncated" else reply.text, findings=found
            )
        return Ended("rejected", tuple(codes))

    @property
    def _store(self) -> FolderStore:
        return FolderStore(self.folder / "values")

    @property
    def _validator(self) -> WorldValidator:
        return WorldValidator(self.world, "benchmark", self._store)

    def _proposal(self, plan: Any, asked: Asked | None, rest: "_Rest | None" = None) -> Proposal:
        world = self.world
        return Proposal(
            plan=plan,
            agent=world.agent.name,
            environment=world.environment.name,
            by=PERSON,
            planner=asked,
            **({"revises": rest.progress, "literals": rest.permitted.literals} if rest else {}),
        )

    async def _frozen(self, proposal: Proposal) -> Lock:
        lock: Lock = await _performed(self._validator.freeze, proposal)
        return lock

    async def _run(self, task: Task, lock: Lock, inputs: Json) -> Ended:
        body = lock.body
        submitted = Submitted(
            lock=lock.digest, statements=lock.statements, by=PERSON, trigger="person", at=AT
        )
        verified = await _performed(
            self._validator.verify,
            Verify(body=body, inputs=inputs, submitted=submitted if body.whole else None),
        )
        if verified.findings:
            return Ended("rejected", tuple(sorted({one.code for one in verified.findings})))
        if verified.approval is not None:
            return Ended("plan asked about")
        return await self._steps(_Going(task, lock, verified.inputs), anew=True)

    async def _steps(self, going: "_Going", *, anew: bool) -> Ended:
        """Those that are still to come; `anew` where an error may have them planned anew."""
        for step in going.lock.body.steps:
            if step.id in going.values:
                continue
            outcome = await self._step(going, step)
            if isinstance(outcome, Completed):
                going.values[step.id] = outcome.value
            elif isinstance(outcome, Signalled) and anew:
                return await self._anew(going, step, outcome)
            else:
                return _ended(outcome)
        return Ended("run to its end")

    async def _anew(self, going: "_Going", step: AnyLockedStep, signalled: Signalled) -> Ended:
        """The rest, planned by the model that is told of the error."""
        lock = going.lock
        signal = Signal(
            step=step.id,
            tool=step.tool,
            error=signalled.name,
            detail=signalled.detail[:MAX_DETAIL],
        )
        progress = Progress(
            lock=lock.digest,
            body=lock.body,
            done=tuple(going.values),
            skipped=(),
            gone=(),
            begun=(step.id,),
            signals=(signal,),
            left=lock.body.limits.amount,
            replans=0,
            started_by=PERSON,
            trigger="person",
        )
        permitted = await _performed(self._validator.replan, progress)
        if permitted.findings or permitted.approval is not None:
            return Ended("planning anew asked about")
        found = await self._found(going.task, _Rest(progress, permitted))
        if isinstance(found, Ended):
            return found
        if found.approval:
            return Ended("plan asked about", found.codes)
        ended = await self._steps(replace(going, lock=found.lock), anew=False)
        return replace(ended, codes=(*found.codes, *ended.codes))

    async def _step(self, going: "_Going", step: AnyLockedStep) -> StepOutcome | ApplicationError:
        """One step, as its activity performs it."""
        world = self.world
        performer = Performer(
            world=world,
            tools=world.code,
            store=self._store,
            folder=self.folder,
            threads=self.threads,
            environ=self.environ,
        )
        call = Dispatch(
            run=self._facts(going.lock, step, going.inputs),
            step=step,
            values={id: going.values[id] for id in step.draws},
        )
        perform = (
            performer.composing(Composer(self.model))
            if step.tool == COMPOSE
            else performer.activity_for(world.code[step.tool])
        )
        try:
            report: Report = await _performed(perform, call)
        except ApplicationError as error:
            return error
        return report.outcome

    def _facts(self, lock: Lock, step: AnyLockedStep, inputs: Json) -> RunFacts:
        body = lock.body
        return RunFacts(
            id="attempt",
            scheduled_at=AT,
            started_by=PERSON,
            trigger="person",
            inputs=inputs,
            lock=lock.digest,
            agent=body.agent,
            role=body.role,
            environment=body.environment,
            stage=body.stage,
            policy=body.pins.policy,
            tool=body.pins.tools[step.tool],
            output_bytes=body.limits.output_bytes,
        )


@dataclass(frozen=True)
class _Going:
    """A run under way; `values` are the outputs so far."""

    task: Task
    lock: Lock
    inputs: Json
    values: dict[str, Value] = field(default_factory=dict)


@dataclass(frozen=True)
class _Rest:
    """A run that has come so far, and what its model is told of that."""

    progress: Progress
    permitted: Permitted


@dataclass(frozen=True)
class _Found:
    """A lock, the codes of what was wrong before, and whether somebody has to say yes to it now."""

    lock: Lock
    codes: tuple[str, ...]
    approval: bool


def written(task: Task) -> Json:
    """A plan by hand."""
    goal = task.goal or task.name
    return {"lockstep": "plan/1", "goal": goal, "steps": list(task.steps)}


def _ended(outcome: StepOutcome | ApplicationError) -> Ended:
    """Where a run would stop, or ask."""
    if isinstance(outcome, ApplicationError):
        return Ended("step failed", (outcome.type or "",))
    made = outcome.decision if isinstance(outcome, Withheld) else None
    if made is None:
        return Ended(f"step {outcome.kind}")
    return Ended(f"step {made.outcome.value.lower()}", tuple(rule.id for rule in made.rules))


async def _performed(activity: Any, request: Any) -> Any:
    """What an activity returns, called as a worker calls it."""
    environment = ActivityEnvironment()
    environment.info = replace(environment.info, current_attempt_scheduled_time=AT)
    return await environment.run(activity, request)
