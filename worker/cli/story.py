"""One event as a person reads it: the line of an account, not a record."""

from lockstep.event import (
    AnswerRefused,
    Event,
    PlanChecked,
    PlanLocked,
    PlanProposed,
    PlanRejected,
    QuestionAnswered,
    QuestionAsked,
    QuestionExpired,
    RunCompleted,
    RunFailed,
    RunRefused,
    RunStarted,
    RunVerified,
    StepAttempted,
    StepBlocked,
    StepCompleted,
    StepDecided,
    StepEdited,
    StepFailed,
    StepSkipped,
    StepStarted,
)


def tell(event: Event) -> str:
    """What happened, in one line or, for a blocked step, three."""
    match event.what:
        case PlanProposed(agent=agent, environment=environment, by=by):
            return f"plan proposed for {agent} in {environment} by {by}"
        case PlanChecked(findings=findings, decisions=decisions):
            return f"plan checked: {len(decisions)} decisions, {len(findings)} findings"
        case PlanLocked(lock=lock):
            return f"plan locked: {lock}"
        case PlanRejected(findings=findings):
            return "plan rejected: " + " | ".join(map(str, findings[:3]))
        case RunStarted(lock=lock, started_by=by, trigger=trigger, planner_calls=calls):
            return f"run started by {by} ({trigger}), lock {lock[:19]}…, {calls} planner calls"
        case RunVerified(build=build):
            return f"lock verified: nothing has drifted (worker {build})"
        case RunRefused(findings=findings):
            return "run refused: " + " | ".join(map(str, findings[:3]))
        case StepStarted(step=step, tool=tool, dispatch=number, reserved=reserved):
            again = f", dispatch {number}" if number > 1 else ""
            return f"Step {step}: {tool} started{again}, {reserved.calls} calls reserved"
        case StepAttempted(step=step, attempt=attempt):
            why = f": {attempt.failure}" if attempt.failure else ""
            return f"Step {step}: attempt {attempt.number} {attempt.end}{why}"
        case StepDecided(step=step, decision=decision):
            return f"Step {step}: policy says {decision.outcome} ({decision.why})"
        case StepBlocked(step=step, tool=tool, shown=shown, reason=reason, why=why):
            return (
                f"Step {step}: Proposed Action -> {tool}({shown})\n"
                f'  Reason -> "{reason}"\n'
                f"  Policy -> BLOCKED ({why})"
            )
        case StepCompleted(step=step, value=value):
            return f"Step {step}: completed, {value.size:,} bytes, {value.digest[:19]}…"
        case StepEdited(step=step, by=by):
            return f"Step {step}: arguments edited by {by}"
        case StepSkipped(step=step, because=because):
            return f"Step {step}: skipped, {because}"
        case StepFailed(finding=finding):
            return f"step failed: {finding}"
        case QuestionAsked(question=question):
            return f"question {question.id} asked, answer by {question.deadline:%Y-%m-%d %H:%M} UTC"
        case QuestionAnswered(question=question, verdict=verdict, by=by, door=door, note=note):
            said = f", saying: {note}" if note else ""
            return f"question {question} answered: {verdict} by {by} ({door}){said}"
        case QuestionExpired(question=question, silence=silence):
            return f"question {question} expired: silence means {silence}"
        case AnswerRefused(finding=finding):
            return f"answer refused: {finding}"
        case RunCompleted(spent=spent, skipped=skipped):
            left = f", without {', '.join(skipped)}" if skipped else ""
            return f"run completed, {spent.calls} calls{left}"
        case RunFailed(finding=finding):
            return f"run failed: {finding}"
