"""One attempt through the whole path: propose, check, lock, verify, and each step as it is called.

The activities are those of a worker, called one after another as the workflows call them, but
without a server in between: a thousand runs would take it an hour. What a human would be asked is
not done. `through_temporal` has the same on a real server, for some of them.
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.compose import Composer
from activities.contract import Ask, Goal, Proposal, Rejected, Submitted, Verify
from activities.model import Model
from activities.perform import Performer
from activities.propose import ModelPlanner
from activities.providers import provider
from activities.store import FolderStore
from activities.validate import WorldValidator
from benchmarks.breach.tasks import Json, Task
from lockstep.compose import COMPOSE
from lockstep.lock import AnyLockedStep, Asked, Lock
from lockstep.outcome import Completed, Dispatch, Report, RunFacts
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
        world, store = self.world, self._store
        seller = provider(world.agent.planner.provider)
        planner = ModelPlanner(world, seller, self.model, store)
        goal = Goal(
            goal=task.goal, agent=world.agent.name, environment=world.environment.name, by=PERSON
        )
        rejected, codes = None, []
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
                proposal = self._proposal(reply.plan, asked)
                checked = await _performed(self._validator.check, proposal)
                if checked.passed:
                    ended = await self._run(await self._frozen(proposal), {})
                    return replace(ended, codes=(*codes, *ended.codes))
                found = checked.errors
            codes += sorted({one.code for one in found})
            rejected = Rejected(
                text="" if reply.status == "truncated" else reply.text, findings=found
            )
        return Ended("rejected", tuple(codes))

    async def composed(self, task: Task, inputs: Json) -> Ended:
        """What a person wrote: locked and run."""
        plan = {"lockstep": "plan/1", "goal": task.name, "steps": list(task.steps)}
        proposal = self._proposal(plan, None)
        checked = await _performed(self._validator.check, proposal)
        if not checked.passed:
            return Ended("rejected", tuple(sorted({one.code for one in checked.errors})))
        return await self._run(await self._frozen(proposal), inputs)

    @property
    def _store(self) -> FolderStore:
        return FolderStore(self.folder / "values")

    @property
    def _validator(self) -> WorldValidator:
        return WorldValidator(self.world, "benchmark", self._store)

    def _proposal(self, plan: Any, asked: Asked | None) -> Proposal:
        world = self.world
        return Proposal(
            plan=plan,
            agent=world.agent.name,
            environment=world.environment.name,
            by=PERSON,
            planner=asked,
        )

    async def _frozen(self, proposal: Proposal) -> Lock:
        lock: Lock = await _performed(self._validator.freeze, proposal)
        return lock

    async def _run(self, lock: Lock, inputs: Json) -> Ended:
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
        values: dict[str, Value] = {}
        for step in body.steps:
            ended = await self._step(lock, step, verified.inputs, values)
            if ended is not None:
                return ended
        return Ended("run to its end")

    async def _step(
        self, lock: Lock, step: AnyLockedStep, inputs: Json, values: dict[str, Value]
    ) -> Ended | None:
        """One step; where a run would stop or ask, that is the end."""
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
            run=self._facts(lock, step, inputs),
            step=step,
            values={id: values[id] for id in step.draws},
        )
        perform = (
            performer.composing(Composer(self.model))
            if step.tool == COMPOSE
            else performer.activity_for(world.code[step.tool])
        )
        try:
            report: Report = await _performed(perform, call)
        except ApplicationError as error:
            return Ended("step failed", (error.type or "",))
        outcome = report.outcome
        if isinstance(outcome, Completed):
            values[step.id] = outcome.value
            return None
        made = getattr(outcome, "decision", None)
        said = f"step {made.outcome.value.lower()}" if made else f"step {outcome.kind}"
        return Ended(said, tuple(rule.id for rule in made.rules) if made else ())

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


async def _performed(activity: Any, request: Any) -> Any:
    """What an activity returns, called as a worker calls it."""
    environment = ActivityEnvironment()
    environment.info = replace(environment.info, current_attempt_scheduled_time=AT)
    return await environment.run(activity, request)
