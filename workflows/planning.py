"""From a goal to a plan that passes, with a bounded number of questions to the model.

Each rejected proposal goes back to the model with what was found, `replans` times at most. Then, or
when the model refuses or its budget is spent, a human is asked: to give a plan, to let the model go
on, or to stop. The budget is reserved before each question and settled with what it really cost.
"""

import asyncio
from dataclasses import dataclass

from pydantic import JsonValue
from temporalio.exceptions import (
    ActivityError,
)

from activities.contract.planner import Ask, Brief, Goal, Rejected, Reply
from activities.contract.validator import Proposal, Validator
from lockstep.amount import Amount
from lockstep.canonical import digest
from lockstep.checked import Checked
from lockstep.escalation import Answer, Verdict
from lockstep.finding import Finding
from lockstep.planned import PlanChecked, PlanningHalted, PlanProposed
from lockstep.statement import Asked, Author
from lockstep.usage import Bill
from workflows.desk import Desk
from workflows.doors import Door
from workflows.halting import exhausted, question, too_often
from workflows.journal import Journal
from workflows.midway import Midway
from workflows.questioning import NoAnswer, Questioning
from workflows.verdicts import cancelled, verdict

_NOT_ACCEPTED = "LS-MODEL-004"


@dataclass(frozen=True)
class Candidate:
    """A proposal and the verdict on it."""

    proposal: Proposal
    checked: Checked


class Planning:
    """One goal's way to a plan; `bill`, `last` and `gaps` hold whatever becomes of it."""

    def __init__(
        self, goal: Goal, brief: Brief, journal: Journal, desk: Desk, midway: Midway | None = None
    ) -> None:
        self.goal = goal
        self.last: Candidate | None = None
        self.gaps: tuple[str, ...] = ()
        self.by_hand: Candidate | None = None
        self._brief = brief
        self._journal = journal
        self._desk = desk
        self._midway = midway
        self._prefix = midway.prefix if midway else ""
        ledger = midway.ledger if midway else None
        self._model = Questioning(brief, journal, ledger, self._prefix)
        self._checks = self._questions = self._raises = self._sent_back = 0
        # In the middle of a run the first proposal is a re-plan already.
        self._left = brief.replans - (midway.used + 1 if midway else 0)
        self._allowed = brief.replans
        self._refused = 0
        self._changing = asyncio.Lock()

    @property
    def _more(self) -> int:
        """How many proposals a human may allow at once."""
        return max(self._brief.replans, 1)

    @property
    def asked(self) -> int:
        """How often the model was asked."""
        return self._model.asked

    @property
    def bill(self) -> Bill:
        """What the model has cost so far."""
        return self._model.bill

    @property
    def held(self) -> Amount | None:
        """What stays set aside for calls of unknown cost."""
        return self._model.held

    async def find(self) -> Candidate | Finding:
        """A candidate that passed, or what the planning was stopped for. Raises NoAnswer, but in
        the middle of a run, where a human is asked instead.
        """
        rejected: Rejected | None = None
        while True:
            turn = await self._turn(rejected)
            if isinstance(turn, Candidate):
                return turn
            if isinstance(turn, Rejected):
                rejected = turn
                self._sent_back += 1
                if self._left:
                    self._left -= 1
                    continue
            halted = turn if isinstance(turn, Finding) else exhausted(self._allowed, self._more)
            answer = await self._halt(halted)
            if self.by_hand is not None:
                return self.taken_by_hand()
            if answer is None:
                return halted

    async def _turn(self, rejected: Rejected | None) -> Candidate | Rejected | Finding:
        """One proposal of the model, looked at; a finding where it must not be asked again."""
        if self._brief.findings:
            return self._brief.findings[0]
        if self._left < 0:
            return exhausted(self._allowed, self._more)
        try:
            reply = await self._reply(rejected)
        except NoAnswer as error:
            if self._midway is None:
                raise
            return error.finding
        if isinstance(reply, Finding):
            return reply
        self.gaps = reply.gaps or self.gaps
        match reply.status:
            case "refused" | "cancelled":
                return reply.findings[0] if reply.findings else cancelled("planner")
            case "truncated":
                # Half an answer is nothing to go on from, and long.
                return Rejected(text="", findings=reply.findings)
            case "invalid":
                return Rejected(text=reply.text, findings=reply.findings)
            case "ok":
                asked = Asked(
                    model=reply.model,
                    request=reply.request,
                    prompt=reply.prompt,
                    bill=self.bill,
                    replans=self._sent_back,
                )
                found = self.last = await self._checked(reply.plan, self.goal.by, asked)
                if found.checked.passed:
                    return found
                return Rejected(text=reply.text, findings=found.checked.errors)

    async def _reply(self, rejected: Rejected | None) -> Reply | Finding:
        """An answer: of the next model where one refuses, and asked for once more with more room
        if the first was cut off.
        """
        models = self._brief.models
        ask = Ask(goal=self.goal, rejected=rejected, model=models[self._refused])
        reply = await self._model.ask(ask)
        if not isinstance(reply, Reply):
            return reply
        if reply.status == "refused" and self._refused + 1 < len(models):
            # It would refuse again: from here on the next one plans.
            self._refused += 1
            return await self._reply(rejected)
        if reply.status != "truncated":
            return reply
        try:
            again = await self._model.ask(ask.model_copy(update={"room": 2}))
        except NoAnswer as error:
            if error.finding.code != _NOT_ACCEPTED:
                raise
            again = error.finding
        # Where there is no budget for that, or a model cannot say so much, the first one counts.
        return again if isinstance(again, Reply) else reply

    async def _checked(self, plan: JsonValue, by: str, asked: Asked | None) -> Candidate:
        """The recorded verdict on a proposal, whoever made it."""
        goal = self.goal
        proposal = self._proposal(plan, by, asked)
        self._journal.write(
            PlanProposed(
                agent=goal.agent,
                environment=goal.environment,
                by=by,
                plan=digest(plan),
                planner_calls=self.bill.calls if asked else 0,
            )
        )
        self._checks += 1
        name = f"{self._prefix}check.{self._checks}"
        checked = await verdict(name, Validator.check, proposal)
        self._journal.write(
            PlanChecked(
                findings=checked.findings,
                decisions=checked.decisions,
                plan=checked.plan,
                grounds=checked.grounds,
            )
        )
        return Candidate(proposal, checked)

    def _proposal(self, plan: JsonValue, by: str, asked: Asked | None) -> Proposal:
        goal, midway = self.goal, self._midway
        proposal = Proposal(
            plan=plan, agent=goal.agent, environment=goal.environment, by=by, planner=asked
        )
        if midway is None:
            return proposal
        # A person's word is believed, but not more than what stays of the plan before.
        literals = midway.literals if asked else midway.progress.body.literals
        # What stays was written by whoever wrote it, and so was the whole in part.
        author = Author.of(asked) if asked else midway.author
        return proposal.model_copy(
            update={"revises": midway.progress, "literals": literals, "author": author}
        )

    def taken_by_hand(self) -> Candidate:
        """The plan that a human gave; the next one they give is another."""
        assert self.by_hand is not None, "somebody has given one"
        given, self.by_hand = self.by_hand, None
        return given

    async def _halt(self, finding: Finding) -> Answer | None:
        """Ask a human; None if the planning is to end here."""
        self._journal.write(PlanningHalted(finding=finding, bill=self.bill))
        if not self._brief.approvers:
            # In a run of an agent that names none; nobody could answer, and no deadline is needed.
            return None
        self._questions += 1
        asked = question(
            f"{self._midway.questions if self._midway else 'plan'}.{self._questions}",
            "Run" if self._midway else "LockPlan",
            finding,
            self._brief,
            goal=self.goal.goal,
            plan=self.last.proposal.plan if self.last else {},
        )
        answer = await self._desk.ask(asked)
        if not isinstance(answer, Answer) or answer.verdict is Verdict.DENY:
            return None
        if answer.verdict is Verdict.RETRY:
            if self._brief.findings and self._midway is not None:
                self._brief = await self._midway.brief()
                self._model.go_by(self._brief)
            self._raises += 1
            self._allowed += self._more
            # The question that follows is the first of them.
            self._left = self._more - 1
            self._model.allow_again()
        return answer

    async def take(self, given: Answer, door: Door) -> Finding | None:
        """Take an answer, or say why not; a plan by hand has to pass like any other."""
        if given.verdict is not Verdict.EDIT:
            problem = self._desk.problem(given) or too_often(given, self._raises)
            if problem is None:
                self._desk.take(given, door)
            return problem
        async with self._changing:
            problem = self._desk.problem(given) or too_often(given, self._raises)
            problem = problem or self._desk.tried(given)
            if problem is not None:
                return problem
            try:
                found = await self._checked(given.args, given.by, None)
            except ActivityError as error:
                # What could not be looked at is not taken; the question stays.
                return Finding(
                    code="LS-ASK-005",
                    place=f"question `{given.question}`",
                    problem=f"the plan could not be checked: {str(error.cause)[:200]}",
                    fix="see the worker's log, and answer again",
                )
            # While that was asked, time may have run out.
            problem = next(iter(found.checked.errors), None) or self._desk.problem(given)
            if problem is None:
                self.last = self.by_hand = found
                self._desk.take(given, door)
            return problem
