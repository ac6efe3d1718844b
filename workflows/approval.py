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
from lockstep.lock import Approved
from lockstep.planned import PlanApproved
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


async def approved(
    wanted: Wanted, desk: Desk, journal: Journal, asking: str
) -> tuple[Yes, ...] | Finding:
    """A yes for every rule, or why there is none. `asking` is the workflow's type."""
    given: list[Yes] = []
    left = list(wanted.rules)
    while left:
        question = _question(wanted, left, len(given) + 1, asking)
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
                yes = _yes(wanted, left, answer.by)
                given.append(yes)
                left = [rule for rule in left if rule.id not in yes.rules]
                journal.write(
                    PlanApproved(by=yes.by, roles=yes.roles, rules=yes.rules, policy=wanted.policy)
                )
            case Answer():
                note = f": {answer.note}" if answer.note else ""
                return _finding(f"`{answer.by}` said no{note}", "change the plan, or ask again")
            case unknown:
                assert_never(unknown)
    return tuple(given)


def _yes(wanted: Wanted, left: list[Rule], by: str) -> Yes:
    mine = {rule.id: held for rule in left if (held := wanted.roles(rule, by))}
    roles = sorted({role for held in mine.values() for role in held})
    return Yes(by=by, rules=tuple(sorted(mine)), roles=tuple(roles), at=workflow.now())


def _question(wanted: Wanted, left: list[Rule], number: int, asking: str) -> Question:
    roles = sorted({role for rule in left for role in rule.approvers})
    people = sorted({one for role in roles for one in wanted.people.get(role, ())})
    now = workflow.now()
    first, *rest = left
    more = f", and {len(rest)} more" if rest else ""
    return Question(
        id=f"{ACTION}.{number}",
        run=workflow.info().workflow_id,
        step=SUBJECT,
        tool=asking,
        ground=Ground.PLAN,
        why=f"{first.id}: {first.reason}{more}",
        step_reason="",
        args=Value.of(wanted.facts, ARGS_PREVIEW_BYTES)[0],
        shown=_shown(wanted),
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
