"""One attempt through the whole path: propose, check, lock, verify, and each step as it is called.

The activities are those of a worker, called one after another as the workflows call them, but
without a server in between: a thousand runs would take it an hour. What a human would be asked is
not done. Guards are taken to hold and stand-ins to be wanted, so that no less is done than in a
run. `benchmarks/breach/temporal.py` has the same on a real server, for some of the attempts.
"""

from dataclasses import dataclass, replace

from temporalio.exceptions import ApplicationError

from activities.contract.planner import Ask, Goal, Rejected
from activities.contract.validator import Submitted, Verify
from activities.models.providers import provider
from activities.propose import ModelPlanner
from benchmarks.breach.performing import AT, PERSON, Going, Office, Rest, performed
from benchmarks.breach.tasks import Json, Task
from lockstep.lock import AnyLockedStep, Lock
from lockstep.outcome import (
    Completed,
    Signalled,
    StepOutcome,
    Withheld,
)
from lockstep.revision import MAX_DETAIL, Progress, Signal
from lockstep.statement import Asked
from lockstep.value import Value


@dataclass(frozen=True)
class Ended:
    """Where an attempt came to its end, and the codes of what was found on the way."""

    where: str
    codes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Desk(Office):
    """The way through it, from a goal or a plan to the end."""

    async def planned(self, task: Task) -> Ended:
        """A goal: planned, locked and run as far as nobody has to be asked."""
        found = await self._found(task, None)
        if isinstance(found, Ended):
            return found
        ended = await self._run(task, found.lock, {})
        return replace(ended, codes=(*found.codes, *ended.codes))

    async def composed(self, task: Task, inputs: Json) -> Ended:
        """What a person wrote: locked and run."""
        proposal = self.proposal(written(task), None)
        checked = await performed(self.validator.check, proposal)
        if not checked.passed:
            return Ended("rejected", tuple(sorted({one.code for one in checked.errors})))
        return await self._run(task, await self.frozen(proposal), inputs)

    async def _found(self, task: Task, rest: "Rest | None") -> "_Found | Ended":
        """A proposal that passes, or the end of asking for one."""
        world = self.world
        seller = provider(world.agent.planner.provider)
        planner = ModelPlanner(world, seller, self.model, self.store)
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
            reply = await performed(planner.propose, Ask(goal=goal, rejected=rejected))
            found = reply.findings
            if reply.status == "ok":
                asked = Asked(
                    model=reply.model,
                    request=reply.request,
                    prompt=reply.prompt,
                    bill=reply.bill,
                    replans=number,
                )
                proposal = self.proposal(reply.plan, asked, rest)
                checked = await performed(self.validator.check, proposal)
                if checked.passed:
                    approval = rest is not None and checked.approval is not None
                    return _Found(await self.frozen(proposal), tuple(codes), approval)
                found = checked.errors
            codes += sorted({one.code for one in found})
            rejected = Rejected(
                text="" if reply.status == "truncated" else reply.text, findings=found
            )
        return Ended("rejected", tuple(codes))

    async def _run(self, task: Task, lock: Lock, inputs: Json) -> Ended:
        body = lock.body
        submitted = Submitted(
            lock=lock.digest, statements=lock.statements, by=PERSON, trigger="person", at=AT
        )
        verified = await performed(
            self.validator.verify,
            Verify(body=body, inputs=inputs, submitted=submitted if body.whole else None),
        )
        if verified.findings:
            return Ended("rejected", tuple(sorted({one.code for one in verified.findings})))
        if verified.approval is not None:
            return Ended("plan asked about")
        return await self._steps(Going(task, lock, verified.inputs), anew=True)

    async def _steps(self, going: "Going", *, anew: bool) -> Ended:
        """Those that are still to come; `anew` where an error may have them planned anew."""
        for step in going.lock.body.steps:
            if step.id in going.values:
                continue
            values: list[Value] = []
            for item in await self.items(going, step):
                outcome = await self.step(going, step, item)
                if isinstance(outcome, Signalled) and anew:
                    return await self._anew(going, step, outcome)
                if not isinstance(outcome, Completed):
                    return _ended(outcome)
                values.append(outcome.value)
            going.values[step.id] = await self.gathered(values) if step.for_each else values[0]
        return Ended("run to its end")

    async def _anew(self, going: "Going", step: AnyLockedStep, signalled: Signalled) -> Ended:
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
        permitted = await performed(self.validator.replan, progress)
        if permitted.findings or permitted.approval is not None:
            return Ended("planning anew asked about")
        found = await self._found(going.task, Rest(progress, permitted))
        if isinstance(found, Ended):
            return found
        if found.approval:
            return Ended("plan asked about", found.codes)
        ended = await self._steps(replace(going, lock=found.lock), anew=False)
        return replace(ended, codes=(*found.codes, *ended.codes))


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
