"""What a yes is good for: one rule of one policy on one step with these exact arguments.

In the run that asked, for as long as the agent says; and, where whoever gave it meant it so, in
every run of the lock, once it is kept beside it.
"""

from datetime import datetime, timedelta

from lockstep.agent import ANYONE
from lockstep.canonical import Digest
from lockstep.decision import Grant, StandingGrant
from lockstep.escalation import Answer, Question
from lockstep.lock import Body


def run_grants(
    question: Question, answer: Answer, policy: Digest, expires_at: datetime
) -> list[Grant]:
    """For each rule that was asked about, in this run."""
    return [
        Grant(
            run=question.run,
            step=question.step,
            rule=rule.id,
            args_digest=question.args.digest,
            policy=policy,
            by=answer.by,
            expires_at=expires_at,
        )
        for rule in question.rules
    ]


def standing_grants(
    question: Question,
    answer: Answer,
    policy: Digest,
    *,
    lock: Digest,
    body: Body,
    given_at: datetime,
    length: timedelta,
) -> tuple[StandingGrant, ...]:
    """For each rule that was asked about and names a role of theirs, in every run of the lock."""
    held = {
        role for role, people in body.approvers.items() if answer.by in people or ANYONE in people
    }
    return tuple(
        StandingGrant(
            lock=lock,
            step=question.step,
            rule=rule.id,
            args_digest=question.args.digest,
            policy=policy,
            by=answer.by,
            given_at=given_at,
            expires_at=given_at + length,
            run=question.run,
            question=question.id,
        )
        for rule in question.rules
        if held.intersection(rule.approvers)
    )
