"""The walk through a lock's graph: each step when all it needs is over, and what follows from how
it ended.

One task a step, and none for a stand-in: it runs within the life of the step it stands in for, so
that whoever waits for that step waits for whichever of the two gives the output.
"""

import asyncio
from dataclasses import dataclass, field
from typing import assert_never

from lockstep.fallback import Fallback, owners, stand_ins
from lockstep.lock import LockedStep
from lockstep.stepped import StepReplaced, StepSkipped
from lockstep.value import Value
from workflows.context import RunContext
from workflows.ends import Abandoned, Caught, Done, End, NotStarted, Skipped, Stopped
from workflows.loop import Loop
from workflows.reading import guarded, kept
from workflows.step import StepLife
from workflows.together import together


@dataclass
class Walk:
    """Of one run; `values` and `skipped` fill as it goes. `over` are the steps that an earlier walk
    came by.
    """

    run: RunContext
    values: dict[str, Value] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)
    over: frozenset[str] = frozenset()
    _whose: dict[str, str] = field(init=False)
    _tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _used: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._whose = owners(self.run.body.steps)

    async def to_its_end(self) -> None:
        """Every step done, left out or not begun. Cancelled in the lock's order, if at all."""
        for step in self.run.body.steps:
            if step.id not in self._whose and step.id not in self.over:
                self._tasks[step.id] = asyncio.create_task(self._one(step), name=step.id)
        await together([*self._tasks.values()])

    async def _one(self, step: LockedStep) -> None:
        await self._needs_of(step)
        # A stand-in is a part of what its step has begun, and is not kept from it.
        end = NotStarted() if self.run.is_halting else await self._end_of(step)
        self._account(step, end)

    async def _needs_of(self, step: LockedStep) -> None:
        for need in step.needs:
            # A stand-in needs the step that waits for it here.
            if need != self._whose.get(step.id) and need not in self.over:
                await asyncio.shield(self._tasks[need])

    async def _end_of(self, step: LockedStep) -> End:
        end = await self._way_of(step)
        if isinstance(end, (Done, Skipped)):
            self._spare(step, end)
        return end

    async def _way_of(self, step: LockedStep) -> End:
        if self.run.stopping:
            return NotStarted()
        if step.id in self.run.gone:
            return Skipped("it needs the output of a step that was left out")
        end = await guarded(self.run, step, self.values)
        if end is not None:
            return end
        values = {name: self.values[name].bare for name in step.fed_by}
        if step.for_each is not None:
            return await Loop(self.run, step, step.for_each, values).live()
        lived = await StepLife(self.run, step, values).live()
        if isinstance(lived, Caught):
            return await self._recovered(step, lived.error, step.on_error[lived.error])
        return lived

    async def _recovered(self, step: LockedStep, error: str, fallback: Fallback) -> End:
        """How a step ends that has signalled an error which the plan provides for."""
        if fallback.step is not None:
            return await self._stood_in(step, self.run.body.steps[fallback.step])
        if fallback.skip:
            return Skipped(f"it signalled {error}")
        if self.run.stopping:
            return NotStarted()
        found = await kept(self.run, step, error, fallback.output)
        if isinstance(found, Value):
            self.run.journal.write(StepReplaced(step=step.id, value=found))
            return Done(found)
        return found

    async def _stood_in(self, step: LockedStep, other: LockedStep) -> End:
        self._used.add(other.id)
        await self._needs_of(other)
        end = await self._end_of(other)
        self._account(other, end)
        match end:
            case Done(value):
                self.run.journal.write(StepReplaced(step=step.id, by=other.id, value=value))
                return end
            case Skipped(because):
                return Skipped(f"`{other.id}`, which was to stand in, was left out: {because}")
            case Stopped() | Abandoned() | NotStarted():
                return NotStarted()
            case unknown:
                assert_never(unknown)

    def _spare(self, step: LockedStep, end: End) -> None:
        """Says of each stand-in that was not wanted that it did not run."""
        why = "was left out" if isinstance(end, Skipped) else "gave an output without it"
        for name in stand_ins(step):
            if name not in self._used:
                because = f"it stands in for `{step.id}`, which {why}"
                self.run.journal.write(StepSkipped(step=name, because=because))
                self._spare(self.run.body.steps[name], Skipped(because))

    def _account(self, step: LockedStep, end: End) -> None:
        match end:
            case Done(value):
                self.values[step.id] = value
            case Skipped(because):
                self.run.leave_out(step.id)
                self.skipped.append(step.id)
                self.run.journal.write(StepSkipped(step=step.id, because=because))
            case Stopped(finding):
                self.run.stop(finding)
            case Abandoned(signals):
                self.run.signals += signals
            case NotStarted():
                pass
