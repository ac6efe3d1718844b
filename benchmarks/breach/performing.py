"""The activities of a worker, each called as Temporal would have it called, in one world."""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.compose import Composer
from activities.contract.reader import Count, Gather, Sources
from activities.contract.validator import Permitted, Proposal
from activities.models.model import Model
from activities.perform import Performer
from activities.reading import StoreReader
from activities.store import FolderStore
from activities.validate import WorldValidator
from benchmarks.breach.tasks import Json, Task
from lockstep.compose import COMPOSE
from lockstep.lock import AnyLockedStep, Lock
from lockstep.outcome import (
    Dispatch,
    Report,
    RunFacts,
    StepOutcome,
)
from lockstep.revision import Progress
from lockstep.statement import Asked
from lockstep.trust import Trust
from lockstep.value import Value
from policies.world import World

AT = datetime(2026, 1, 5, 6, tzinfo=UTC)
PERSON = "ann"
_MOST = 1024 * 1024


@dataclass(frozen=True)
class Going:
    """A run under way; `values` are the outputs so far."""

    task: Task
    lock: Lock
    inputs: Json
    values: dict[str, Value] = field(default_factory=dict)


@dataclass(frozen=True)
class Rest:
    """A run that has come so far, and what its model is told of that."""

    progress: Progress
    permitted: Permitted


@dataclass(frozen=True)
class Office:
    """One world, the model that it asks, and the folder that its tools look into."""

    world: World
    model: Model
    folder: Path
    environ: Mapping[str, str]
    threads: ThreadPoolExecutor

    @property
    def store(self) -> FolderStore:
        return FolderStore(self.folder / "values")

    @property
    def validator(self) -> WorldValidator:
        return WorldValidator(self.world, "benchmark", self.store)

    def proposal(self, plan: Any, asked: Asked | None, rest: "Rest | None" = None) -> Proposal:
        world = self.world
        return Proposal(
            plan=plan,
            agent=world.agent.name,
            environment=world.environment.name,
            by=PERSON,
            planner=asked,
            revises=rest.progress if rest else None,
            literals=rest.permitted.literals if rest else Trust.TRUSTED,
        )

    async def frozen(self, proposal: Proposal) -> Lock:
        lock: Lock = await performed(self.validator.freeze, proposal)
        return lock

    async def items(self, going: "Going", step: AnyLockedStep) -> Iterable[int | None]:
        """The items of a loop, as far as it may go; None for what is no loop."""
        if step.for_each is None:
            return (None,)
        facts = self.facts(going.lock, step, going.inputs)
        sources = Sources(
            values={id: going.values[id] for id in step.draws},
            inputs=going.inputs,
            run=facts.told,
        )
        asked = Count(list=step.for_each.in_, sources=sources)
        found = await performed(StoreReader(self.store).count, asked)
        return range(min(found.items or 0, step.for_each.max))

    async def gathered(self, values: list[Value]) -> Value:
        asked = Gather(items=tuple(value.bare for value in values), most=_MOST)
        found = await performed(StoreReader(self.store).gather, asked)
        gathered: Value = found.value
        return gathered

    async def step(
        self, going: "Going", step: AnyLockedStep, item: int | None
    ) -> StepOutcome | ApplicationError:
        """One step, as its activity performs it."""
        world = self.world
        performer = Performer(
            world=world,
            tools=world.code,
            store=self.store,
            folder=self.folder,
            threads=self.threads,
            environ=self.environ,
        )
        call = Dispatch(
            run=self.facts(going.lock, step, going.inputs),
            step=step,
            values={id: going.values[id] for id in step.draws},
            item=item,
        )
        perform = (
            performer.composing(Composer(self.model))
            if step.tool == COMPOSE
            else performer.activity_for(world.code[step.tool])
        )
        try:
            report: Report = await performed(perform, call)
        except ApplicationError as error:
            return error
        return report.outcome

    def facts(self, lock: Lock, step: AnyLockedStep, inputs: Json) -> RunFacts:
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


async def performed(activity: Any, request: Any) -> Any:
    """What an activity returns, called as a worker calls it."""
    environment = ActivityEnvironment()
    environment.info = replace(environment.info, current_attempt_scheduled_time=AT)
    return await environment.run(activity, request)
