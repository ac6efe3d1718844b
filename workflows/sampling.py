"""One goal, asked several times over: how much do a model's first proposals differ?

Each sample is asked as if it were the only one, told nothing of the others, and checked; what was
found does not go back, nothing is locked, nobody is asked. What the samples come to is for whoever
reads the history. All of them share the budget of one planning: a sample that does not fit beside
those that are out waits for them, and where none is out, no more are drawn.
"""

import asyncio
from functools import partial

from temporalio import workflow

from activities.contract.planner import Ask, Brief, Goal, Reply
from activities.contract.validator import Proposal, Validator
from lockstep.amount import Amount
from lockstep.canonical import digest
from lockstep.finding import Finding
from lockstep.planned import PlanChecked, PlanProposed
from lockstep.statement import Asked
from lockstep.usage import Bill
from workflows.journal import Journal
from workflows.questioning import NoAnswer, Questioning
from workflows.together import together
from workflows.verdicts import verdict

AT_ONCE = 4
_FULL = 20 * 1024 * 1024
"""Bytes of history after which no more are drawn; past 50 MB the server would end it."""


class Sampling:
    """The samples of one goal; `bill` is of all of them, whatever becomes of it."""

    def __init__(self, goal: Goal, brief: Brief, journal: Journal) -> None:
        self._goal = goal
        self._brief = brief
        self._journal = journal
        self._model = Questioning(brief, journal)
        self._out = self._answered = 0
        self._why_no_more: Finding | None = None

    @property
    def bill(self) -> Bill:
        """What the model has cost so far."""
        return self._model.bill

    @property
    def held(self) -> Amount | None:
        """What stays set aside for calls of unknown cost."""
        return self._model.held

    async def draw(self, count: int) -> tuple[int, tuple[Finding, ...]]:
        """How many were answered, and why they are fewer than wanted, if they are."""
        slots = asyncio.Semaphore(AT_ONCE)
        await together([asyncio.create_task(self._sample(slots)) for _ in range(count)])
        why = self._why_no_more
        return self._answered, (why,) if why else ()

    async def _sample(self, slots: asyncio.Semaphore) -> None:
        async with slots:
            while self._why_no_more is None:
                before = self._out
                found = await self._answer()
                if not isinstance(found, Finding):
                    return
                if not self._out:
                    self._why_no_more = found
                    return
                # What is out keeps what it may cost at most, and gives back what it did not.
                await workflow.wait_condition(partial(self._fewer_than, before))

    def _fewer_than(self, before: int) -> bool:
        return self._out < before

    async def _answer(self) -> Finding | None:
        """One answer, looked at; a finding where there is no room to ask for it."""
        if workflow.info().get_current_history_size() > _FULL:
            return _full()
        ask = Ask(goal=self._goal, model=self._brief.models[0])
        self._out += 1
        try:
            answered = await self._model.numbered(ask)
        except NoAnswer as error:
            # Those that are out may still come; to ask again would not help.
            self._why_no_more = error.finding
            return None
        finally:
            self._out -= 1
        if isinstance(answered, Finding):
            return answered
        number, reply = answered
        self._answered += 1
        if reply.status == "ok":
            await self._check(number, reply)
        return None

    async def _check(self, number: int, reply: Reply) -> None:
        goal = self._goal
        asked = Asked(
            model=reply.model, request=reply.request, prompt=reply.prompt, bill=reply.bill
        )
        proposal = Proposal(
            plan=reply.plan,
            agent=goal.agent,
            environment=goal.environment,
            by=goal.by,
            planner=asked,
        )
        checked = await verdict(f"check.{number}", Validator.check, proposal)
        # Both at once, since other samples write in between.
        self._journal.write(
            PlanProposed(
                agent=goal.agent,
                environment=goal.environment,
                by=goal.by,
                plan=digest(reply.plan),
                planner_calls=reply.bill.calls,
                answer=number,
            )
        )
        self._journal.write(
            PlanChecked(
                findings=checked.findings,
                decisions=checked.decisions,
                plan=checked.plan,
                grounds=checked.grounds,
            )
        )


def _full() -> Finding:
    return Finding(
        code="LS-MODEL-009",
        place="planner",
        problem="what was proposed fills the history of one measurement",
        fix="ask for fewer samples",
    )
