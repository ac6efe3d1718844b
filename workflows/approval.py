"""Ask humans for a yes to a plan as a whole: before it is locked, or before a run's first step.

Each rule that asks is answered by somebody who holds a role that it names. One person's yes counts
for all the rules they may answer; for what is left, the next question is asked.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from temporalio import workflow

from lockstep.agent import Silence
from lockstep.canonical import Digest
from lockstep.decision import Rule
from lockstep.escalation import Answer, Ground, Question, Verdict
from lockstep.finding import Finding
from lockstep.planned import PlanApproved
from lockstep.statement import Approved
from lockstep.submission import ACTION, SUBJECT, Wanted
from lockstep.value import ARGS_PREVIEW_BYTES, Value
from workflows.desk import Desk, Silent, Withdrawn
from workflows.journal import Journal


@dataclass(frozen=True)
class Yes:
    """One person's."""

    by: str
    rules: tuple[str, ...]
    roles: tuple[str, ...]
    at: datetime

    def about(self, lock: Digest, wanted: Wanted) -> Approved:
        """The statement that stands with the lock from now on."""
        holds = wanted.asking.approval
        return Approved(
            lock=lock,
            by=self.by,
            roles=self.roles,
            rules=self.rules,
            policy=wanted.policy,
            at=self.at,
            expires_at=self.at + holds if holds is not None else None,
        )


@dataclass(frozen=True)
class Subject:
    """What is asked about: `asking` is the workflow's type, `shown` a line of what is proposed."""

    asking: str
    prefix: str = ACTION
    ground: Ground = Ground.PLAN
    shown: str = ""
    goal: str = ""


async def approved(
    wanted: Wanted, desk: Desk, journal: Journal, subject: Subject, author: str = ""
) -> tuple[Yes, ...] | Finding | None:
    """A yes for every rule, or why there is none; None where a human gave another plan instead.
    Who is the plan's `author` need not be asked for what they may say yes to.
    """
    given: list[Yes] = []
    left = list(wanted.rules)
    if author:
        given, left = _taken(wanted, left, author, journal)
    while left:
        # The same is asked again where a human gave another plan instead of a yes.
        question = _question(wanted, left, desk.unused(subject.prefix, len(given) + 1), subject)
        if not question.approvers:
            return _finding(
                f"{left[0].id}: {left[0].reason}; and nobody may say yes to it",
                "name approvers in agent.toml",
            )
        answer = await desk.ask(question)
        match answer:
            case Silent() | Withdrawn():
                return _finding(
                    f"nobody answered `{question.id}` in time ({question.why})",
                    "ask again, and answer before the deadline",
                )
            case Answer(verdict=Verdict.APPROVE):
                more, left = _taken(wanted, left, answer.by, journal)
                given += more
            case Answer(verdict=Verdict.EDIT):
                return None
            case Answer():
                note = f": {answer.note}" if answer.note else ""
                return _finding(f"`{answer.by}` said no{note}", "change the plan, or ask again")
            case unknown:
                assert_never(unknown)
    return tuple(given)


def _taken(
    wanted: Wanted, left: list[Rule], by: str, journal: Journal
) -> tuple[list[Yes], list[Rule]]:
    """One person's yes, as far as it goes, and the rules that are left."""
    yes = _yes(wanted, left, by)
    if not yes.rules:
        return [], left
    journal.write(PlanApproved(by=yes.by, roles=yes.roles, rules=yes.rules, policy=wanted.policy))
    return [yes], [rule for rule in left if rule.id not in yes.rules]


def _yes(wanted: Wanted, left: list[Rule], by: str) -> Yes:
    mine = {rule.id: held for rule in left if (held := wanted.roles(rule, by))}
    roles = sorted({role for held in mine.values() for role in held})
    return Yes(by=by, rules=tuple(sorted(mine)), roles=tuple(roles), at=workflow.now())


def _question(wanted: Wanted, left: list[Rule], id: str, subject: Subject) -> Question:
    roles = sorted({role for rule in left for role in rule.approvers})
    people = sorted({one for role in roles for one in wanted.people.get(role, ())})
    now = workflow.now()
    first, *rest = left
    more = f", and {len(rest)} more" if rest else ""
    return Question(
        id=id,
        run=workflow.info().workflow_id,
        step=SUBJECT,
        tool=subject.asking,
        ground=subject.ground,
        why=f"{first.id}: {first.reason}{more}",
        step_reason=subject.goal,
        args=Value.of(wanted.facts, ARGS_PREVIEW_BYTES)[0],
        shown=subject.shown or _shown(wanted),
        rules=tuple(left),
        roles=tuple(roles),
        approvers=tuple(people),
        asked_at=now,
        deadline=now + wanted.asking.deadline,
        # A plan is not locked, and a run not started, because nobody answered.
        silence=Silence.ABORT,
    )


def _shown(wanted: Wanted) -> str:
    facts = wanted.facts
    dollars = facts["microdollars"]
    money = f", ${dollars / 1e6:,.2f}" if isinstance(dollars, int) else ""
    return (
        f"{facts['steps']} steps, at most {facts['calls']} calls, {facts['tokens']} tokens{money}"
    )


def _finding(problem: str, fix: str) -> Finding:
    return Finding(code="LS-POLICY-006", place="plan", problem=problem, fix=fix)
