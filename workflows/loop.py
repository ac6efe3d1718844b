"""The life of a loop: count the list, one life for each item, put their outputs together.

Each item is a dispatch of its own, with its own decision, reservation, attempts, key and questions,
and takes a slot of the run's like any step. The list itself and the outputs stay in the store.
"""

import asyncio
from dataclasses import dataclass

from activities.contract.reader import Count, Gather, Reader
from lockstep.finding import Finding
from lockstep.lock import LockedStep
from lockstep.loop import ForEach
from lockstep.stepped import StepCounted, StepGathered, StepReplaced
from lockstep.value import Value
from workflows.context import RunContext
from workflows.ends import Abandoned, Caught, Done, End, NotStarted, Skipped, Stopped
from workflows.reading import kept, read, sources, stopped
from workflows.step import StepLife
from workflows.together import together


@dataclass
class Loop:
    """One looping step of one run; `values` are the outputs of other steps that it draws from."""

    run: RunContext
    step: LockedStep
    each: ForEach
    values: dict[str, Value]
    abandoned: bool = False

    async def live(self) -> End:
        """Until every item is done, or one of them ends it for all."""
        length = await self._length()
        if isinstance(length, Stopped):
            return length
        if self.run.is_halting:
            # Meanwhile nothing more is to begin, and of this nothing has.
            return NotStarted()
        lives = [
            asyncio.create_task(self._one(item), name=f"{self.step.id}[{item}]")
            for item in range(length)
        ]
        ends = await together(lives)
        found = [one for end in ends if isinstance(end, Abandoned) for one in end.signals]
        if found and not any(isinstance(end, Stopped) for end in ends):
            # Each error once: what one item signalled may be forbidden where another's is
            # permitted, and a hundred items that say the same are told of by one.
            first = {one.error: one for one in reversed(found)}
            return Abandoned(tuple(one for one in found if first[one.error] is one))
        for kind in (Stopped, Skipped, NotStarted):
            for end in ends:
                if isinstance(end, kind):
                    return end
        return await self._gathered([end.value for end in ends if isinstance(end, Done)])

    async def _length(self) -> int | Stopped:
        step, most = self.step, self.each.max
        request = Count(list=self.each.in_, sources=sources(self.run, self.values, self.values))
        found = await read(self.run, f"{step.id}.in", Reader.count, request)
        if isinstance(found, Finding):
            return stopped(self.run, step, found)
        if found.items is None:
            return self._stop(f"its list cannot be read: {found.problem}", "guard the step")
        if found.items > most:
            return self._stop(
                f"its list has {found.items:,} items, and the plan allows {most}",
                "raise `max`, or let the step that gives the list give fewer",
            )
        self.run.journal.write(StepCounted(step=step.id, items=found.items))
        return found.items

    async def _one(self, item: int) -> End:
        made = self.run.made.get(self.step.id, {}).get(item)
        if made is not None:
            return Done(made)
        if self.run.stopping or self.step.id in self.run.gone or self.abandoned:
            return NotStarted()
        end = await StepLife(self.run, self.step, self.values, item=item).live()
        if isinstance(end, Caught):
            end = await self._recovered(item, end.error)
        if isinstance(end, Stopped):
            # At once, so that no other item begins.
            self.run.stop(end.finding)
        if isinstance(end, Abandoned):
            self.abandoned = True
        if isinstance(end, Skipped):
            self.run.leave_out(self.step.id)
            return Skipped(f"item {item}: {end.because}")
        return end

    async def _recovered(self, item: int, error: str) -> End:
        fallback = self.step.on_error[error]
        if fallback.skip:
            return Skipped(f"it signalled {error}")
        if fallback.step is not None:
            # No lock that is verified has this: a step stands in once, and not for each item.
            problem = f"`{fallback.step}` cannot stand in for one item of a loop"
            fix = "make the lock with `lockstep lock`"
            finding = Finding(code="LS-RUN-006", place="", problem=problem, fix=fix)
            return stopped(self.run, self.step, finding)
        found = await kept(self.run, self.step, error, fallback.output, item)
        if isinstance(found, Stopped):
            return found
        self.run.journal.write(StepReplaced(step=self.step.id, item=item, value=found))
        return Done(found)

    async def _gathered(self, values: list[Value]) -> End:
        step = self.step
        request = Gather(
            items=tuple(value.bare for value in values), most=self.run.facts.output_bytes
        )
        found = await read(self.run, f"{step.id}.out", Reader.gather, request)
        if isinstance(found, Finding):
            return stopped(self.run, step, found)
        if found.value is None:
            return stopped(
                self.run,
                step,
                Finding(
                    code="LS-STEP-002",
                    place="",
                    problem=f"its outputs together have {found.size:,} bytes, of {request.most:,} "
                    "that are allowed, or are nested too deeply",
                    fix="lower `max`, or let each call return less",
                ),
            )
        self.run.journal.write(StepGathered(step=step.id, items=len(values), value=found.value))
        return Done(found.value)

    def _stop(self, problem: str, fix: str) -> Stopped:
        found = Finding(code="LS-STEP-009", place="", problem=problem, fix=fix)
        return stopped(self.run, self.step, found)
