"""A step asks a human: the question is put together, laid on the desk, and its answer read.

What is asked about a step that is held back, that nobody knows the end of, or that signals what the
catalogue puts before a human. What an answer means for the step is a value; the step's life goes on
from there.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import assert_never

from pydantic import JsonValue
from temporalio import workflow

from lockstep.agent import Silence
from lockstep.asked import GrantGiven
from lockstep.decision import Grant, Rule
from lockstep.escalation import Answer, Ground, Question, Verdict
from lockstep.finding import Finding
from lockstep.lock import LockedStep
from lockstep.loop import label
from lockstep.stepped import StepEdited, StepReplaced
from lockstep.value import Value
from workflows.context import RunContext
from workflows.desk import Silent, Withdrawn
from workflows.ends import Done, End, NotStarted, Skipped
from workflows.grants import run_grants, standing_grants
from workflows.reading import kept


@dataclass(frozen=True)
class Ask:
    """What is to be asked, about which arguments."""

    ground: Ground
    why: str
    args: Value
    shown: str
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True)
class Approved:
    """Call with these very arguments."""

    args: Value
    grants: tuple[Grant, ...]


@dataclass(frozen=True)
class Edited:
    """Call with other arguments."""

    args: dict[str, JsonValue]


@dataclass(frozen=True)
class Repeated:
    """Call again as before."""


Said = Approved | Edited | Repeated | End | Finding
"""How the step goes on or ends; a finding with which it stops."""


@dataclass(frozen=True)
class Asking:
    """Of one step, or one item of a loop; `is_moot` says when nobody need answer any more."""

    run: RunContext
    step: LockedStep
    item: int | None
    is_moot: Callable[[], bool]

    async def put(self, ask: Ask, number: int) -> Said:
        """`number` is of the dispatch that the question is about."""
        question = self._question(ask, number)
        if not question.approvers:
            return self._finding(
                "LS-ASK-003",
                f"{ask.why}; and nobody may answer for it",
                "name approvers in agent.toml and lock again",
            )
        answer = await self.run.desk.ask(question, self.is_moot)
        match answer:
            case Withdrawn():
                return NotStarted()
            case Silent() if question.silence is Silence.SKIP:
                async with self.run.changing:
                    finding = await self.run.may_skip(question)
                    if finding is None:
                        self.run.leave_out(self.step.id)
                        return Skipped(f"nobody answered `{question.id}` in time")
                problem = f"nobody answered, and {finding.problem}"
                return self._finding("LS-RUN-003", problem, "answer")
            case Silent():
                return self._finding(
                    "LS-RUN-003",
                    f"nobody answered `{question.id}` in time ({ask.why})",
                    "run again and answer, or set `asking.silence` in agent.toml",
                )
            case Answer():
                return await self._answered(question, answer, number)
            case unknown:
                assert_never(unknown)

    async def _answered(self, question: Question, answer: Answer, number: int) -> Said:
        match answer.verdict:
            case Verdict.APPROVE:
                # What was approved is what is called, and not what resolving might give next time.
                return Approved(question.args, self._granted(question, answer))
            case Verdict.RETRY:
                return Repeated()
            case Verdict.EDIT:
                assert answer.args is not None
                self.run.journal.write(
                    StepEdited(step=self.step.id, item=self.item, by=answer.by, args=answer.args)
                )
                return Edited(answer.args)
            case Verdict.SUPPLY:
                return await self._supplied(answer, number)
            case Verdict.SKIP:
                return Skipped(f"`{answer.by}` left it out")
            case Verdict.DENY:
                note = f": {answer.note}" if answer.note else ""
                return self._finding(
                    "LS-RUN-002", f"`{answer.by}` said no{note}", "change the plan, or ask again"
                )
            case unknown:
                assert_never(unknown)

    async def _supplied(self, answer: Answer, number: int) -> End:
        name = f"{number}.supplied"
        found = await kept(self.run, self.step, name, answer.output, self.item)
        if isinstance(found, Value):
            self.run.journal.write(
                StepReplaced(step=self.step.id, item=self.item, person=answer.by, value=found)
            )
            return Done(found)
        return found

    def _question(self, ask: Ask, number: int) -> Question:
        body, now = self.run.body, workflow.now()
        roles = tuple(sorted({role for rule in ask.rules for role in rule.approvers}))
        # What is no matter of one rule names no role: anyone who may approve anything may answer.
        roles = roles or tuple(sorted(body.approvers))
        decision = self.run.decisions.get(label(self.step.id, self.item))
        people = sorted({person for role in roles for person in body.approvers.get(role, ())})
        return Question(
            id=f"{label(self.step.id, self.item)}.{number}",
            run=self.run.facts.id,
            step=self.step.id,
            tool=self.step.tool,
            ground=ask.ground,
            why=ask.why,
            step_reason=self.step.reason,
            args=ask.args,
            shown=ask.shown,
            rules=ask.rules,
            untrusted=decision.provenance.untrusted if decision else (),
            roles=roles,
            approvers=tuple(people),
            asked_at=now,
            deadline=now + body.asking.deadline,
            silence=body.asking.silence,
            standing=body.asking.standing if ask.ground is Ground.APPROVAL else None,
        )

    def _granted(self, question: Question, answer: Answer) -> tuple[Grant, ...]:
        run, now = self.run, workflow.now()
        policy = run.decisions[question.label].policy
        if answer.standing is not None:
            stand = standing_grants(
                question,
                answer,
                policy,
                lock=run.facts.lock,
                body=run.body,
                given_at=now,
                length=answer.standing,
            )
            run.journal.write(
                GrantGiven(step=self.step.id, item=self.item, question=question.id, grants=stand)
            )
        return tuple(run_grants(question, answer, policy, run.body, now + run.body.asking.grant))

    def _finding(self, code: str, problem: str, fix: str) -> Finding:
        place = f"step `{label(self.step.id, self.item)}`"
        return Finding(code=code, place=place, problem=problem, fix=fix)
