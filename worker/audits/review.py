"""Many runs, a line each: for whoever looks over a month of them and then into some."""

from collections import Counter

from pydantic import AwareDatetime

from lockstep.asked import QuestionAnswered
from lockstep.canonical import Digest, digest
from lockstep.decision import Outcome
from lockstep.escalation import Verdict
from lockstep.event import RunStarted
from lockstep.record import Record
from lockstep.stepped import StepDecided
from worker.audits.evidence import Evidence, against
from worker.records.ending import ending, result_of


class Reviewed(Record):
    """One run. `policy` is of all policy files that its lock pins; `answers` says how often each
    was given, `denied` and `waited` how often policy held a call back; `findings` how much speaks
    against it, values not looked at.
    """

    run: str
    agent: str
    environment: str
    started_by: str
    started_at: AwareDatetime | None
    ended: str
    lock: Digest | None
    policy: Digest | None
    mocked: bool
    calls: int
    denied: int
    waited: int
    answers: dict[Verdict, int]
    findings: int
    head: Digest | None


def reviewed(past: Evidence) -> Reviewed:
    """What a run comes to in a line; also of one that is under way."""
    events, locks = past.trail.events, past.trail.locks
    began = next((one for one in events if isinstance(one.what, RunStarted)), None)
    started = began.what if began is not None and isinstance(began.what, RunStarted) else None
    made = Counter(one.what.decision.outcome for one in events if isinstance(one.what, StepDecided))
    given = Counter(one.what.verdict for one in events if isinstance(one.what, QuestionAnswered))
    result, how = result_of(past.history), ending(past.history)
    return Reviewed(
        run=past.history.workflow_id,
        agent=started.agent if started else "",
        environment=started.environment if started else "",
        started_by=started.started_by if started else "",
        started_at=began.at if began else None,
        ended=result.status if result else how or "running",
        lock=locks[0].digest if locks else None,
        policy=digest(dict(locks[0].body.pins.policy)) if locks else None,
        mocked=bool(started and started.mocked),
        calls=result.spent.calls if result else 0,
        denied=made[Outcome.DENY],
        waited=made[Outcome.REQUIRE_APPROVAL],
        answers=dict(sorted(given.items())),
        findings=len(against(past)),
        head=past.head,
    )
