"""One event as a person reads it: the line of an account, not a record."""

from lockstep.amount import Amount
from lockstep.asked import (
    AnswerRefused,
    GrantGiven,
    QuestionAnswered,
    QuestionAsked,
    QuestionExpired,
)
from lockstep.compose import Composed
from lockstep.decision import Decision
from lockstep.duration import write_duration
from lockstep.event import (
    Event,
    Happening,
    Mocked,
    PreflightChecked,
    RunCompleted,
    RunFailed,
    RunRefused,
    RunStarted,
    RunVerified,
)
from lockstep.fallback import Fallback
from lockstep.fork import Carried, RunForked
from lockstep.loop import label
from lockstep.planned import (
    GoalAsked,
    GoalSampled,
    PlanApproved,
    PlanChecked,
    PlanLocked,
    PlannerAnswered,
    PlannerFailed,
    PlanningHalted,
    PlanProposed,
    PlanRejected,
)
from lockstep.recovery import way_out
from lockstep.replanned import RunReplanned, RunReplanning, RunRevised
from lockstep.stepped import (
    StepAttempted,
    StepBlocked,
    StepCaught,
    StepCompleted,
    StepCounted,
    StepDecided,
    StepEdited,
    StepFailed,
    StepGathered,
    StepGuarded,
    StepRecovering,
    StepReplaced,
    StepSkipped,
    StepStarted,
)
from worker.cli.bill import cost
from worker.cli.terminal import counted
from worker.plain import plain

_SHOWN = 5
"""Findings of a rejected plan; more are in the event."""


def tell(event: Event) -> str:
    """What happened, in one line or, for a blocked step, three; and whether a mock had a part."""
    first, *rest = told(event.what).splitlines()
    if event.mocked is Mocked.STEP and not isinstance(event.what, StepCompleted):
        first += " (mock)"
    return "\n".join((first, *rest))


def told(what: Happening) -> str:
    """The same of a happening that has no number yet."""
    match what:
        case GoalAsked(agent=agent, environment=environment, by=by, goal=goal, model=model):
            times = f", {counted(what.samples, 'sample')}" if what.samples else ""
            return (
                f"goal asked of {model} for {agent} in {environment} by {by}{times}: "
                f'"{plain(goal)}"'
            )
        case PlannerAnswered(answer=number, status=status, bill=bill, findings=findings):
            why = f": {findings[0]}" if findings else ""
            return f"model answered ({number}): {status}, {cost(bill)}{why}"
        case PlannerFailed(answer=number, finding=finding, bill=bill):
            return f"model gave no answer ({number}), {cost(bill)}: {finding}"
        case PlanningHalted(finding=finding, bill=bill):
            return f"planning halted after {cost(bill)}: {finding}"
        case GoalSampled(asked=asked, answered=answered, findings=findings, bill=bill):
            why = f": {findings[0]}" if findings else ""
            return f"goal sampled: {answered} of {asked} answered, {cost(bill)}{why}"
        case PlanProposed(agent=agent, environment=environment, by=by, planner_calls=calls):
            told = f", {counted(calls, 'planner call')}" if calls else ""
            which = f" ({what.answer})" if what.answer else ""
            return f"plan proposed{which} for {agent} in {environment} by {by}{told}"
        case PlanChecked(findings=findings, decisions=decisions, plan=plan):
            found = "".join(f"\n  {finding}" for finding in findings[:_SHOWN])
            tried = [
                f"\n  step `{made.step}`: shadow: {line}"
                for made in decisions
                for line in shadowed(made)
            ]
            found += "".join(tried[:_SHOWN])
            made = counted(len(decisions), "decision")
            text = f"plan checked: {made}, {counted(len(findings), 'finding')}{found}"
            return "\n".join([text, *_as_a_whole(plan)])
        case PlanApproved(by=by, rules=rules):
            return f"plan approved by {by}: {', '.join(rules)}"
        case PlanLocked(lock=lock):
            return f"plan locked: {lock}"
        case PlanRejected(findings=findings):
            return "plan rejected: " + " | ".join(map(str, findings[:3]))
        case RunStarted(lock=lock, started_by=by, planner_calls=calls) as started:
            mocked = f"; mocks answer for {', '.join(started.mocked)}" if started.mocked else ""
            whose = f"run started by {by} ({started.trigger})"
            paid = f" ({cost(started.planned.bill)})" if started.planned else ""
            planning = f"{counted(calls, 'planner call')}{paid}"
            forked = f", forked from {started.fork.run}" if started.fork else ""
            return f"{whose}, lock {lock[:19]}…, {planning}{mocked}{forked}"
        case RunVerified(build=build, plan=plan):
            text = f"lock verified: nothing has drifted (worker {build})"
            return "\n".join([text, *_as_a_whole(plan)])
        case RunForked(run=run, head=head, lock=lock, spent=spent, carried=carried):
            counts = f"{counted(len(carried), 'step')} carried"
            whose = f"goes on from {run}, which spent {counted(spent.calls, 'call')}"
            where = f"(lock {lock[:19]}…, head {head[:19]}…)"
            every = [*(one.step for one in carried), *what.again, *what.keys]
            lines = [f"  Step {step}: {inherited(what, step)}" for step in dict.fromkeys(every)]
            return "\n".join([f"{whose}: {counts} {where}", *lines])
        case RunRefused(findings=findings):
            return "run refused: " + " | ".join(map(str, findings[:3]))
        case PreflightChecked(preflight=name, holds=holds, comparisons=made):
            weighed = "; ".join(map(str, made))
            return f"preflight {name}: {'as expected' if holds else 'NOT as expected'}, {weighed}"
        case StepGuarded(holds=holds, comparisons=made):
            weighed = "; ".join(map(str, made))
            return f"Step {_of(what)}: {'may start' if holds else 'is not wanted'}, {weighed}"
        case StepStarted(tool=tool, dispatch=number, reserved=reserved):
            again = f", dispatch {number}" if number > 1 else ""
            return f"Step {_of(what)}: {tool} started{again}, {_reserved(reserved)} reserved"
        case StepAttempted(attempt=attempt):
            why = f": {attempt.failure}" if attempt.failure else ""
            return f"Step {_of(what)}: attempt {attempt.number} {attempt.end}{why}"
        case StepDecided(decision=decision):
            said = f"Step {_of(what)}: policy says {decision.outcome} ({decision.told})"
            return "\n".join([said, *(f"  shadow: {line}" for line in shadowed(decision))])
        case StepBlocked(tool=tool, reason=reason) as blocked:
            return (
                f"Step {_of(what)}: Proposed Action -> {tool}({_subject(blocked)})\n"
                f'  Reason -> "{reason}"\n'
                f"  {_obstacle(blocked)}"
            )
        case StepCompleted(value=value, mocked=mocked, composed=composed, spent=spent):
            how = "answered by a mock" if mocked else "completed"
            by = _composed(composed, spent) if composed else ""
            return f"Step {_of(what)}: {how}{by}, {value.size:,} bytes, {value.digest[:19]}…"
        case StepCounted(items=items):
            return f"Step {_of(what)}: goes through {counted(items, 'item')}"
        case StepGathered(items=items, value=value):
            whole = f"{value.size:,} bytes, {value.digest[:19]}…"
            return f"Step {_of(what)}: {counted(items, 'item')} done, {whole}"
        case StepRecovering(error=error, detail=detail):
            return f"Step {_of(what)}: signalled {error}({detail}), {_course(what)}"
        case StepCaught(error=error, detail=detail, fallback=fallback):
            return f"Step {_of(what)}: signalled {error}({detail}), {_way(fallback)}"
        case StepReplaced(by=by, person=person, value=value):
            whose = f"that of step {by}" if by else "the one that the plan gives"
            whose = f"the one that {person} gives" if person else whose
            given = f"{value.size:,} bytes, {value.digest[:19]}…"
            return f"Step {_of(what)}: its output is {whose}, {given}"
        case StepEdited(by=by):
            return f"Step {_of(what)}: arguments edited by {by}"
        case StepSkipped(because=because):
            return f"Step {_of(what)}: skipped, {because}"
        case StepFailed(finding=finding, mocked=mocked):
            how = " on a mock's answer" if mocked else ""
            return f"step failed{how}: {finding}"
        case RunReplanning(signals=signals, decision=made):
            errors = ", ".join(sorted({one.error for one in signals}))
            said = f"the rest is to be planned anew because of {errors}: policy says {made.outcome}"
            lines = [f"{said} ({made.told})", *(f"  shadow: {line}" for line in shadowed(made))]
            return "\n".join(lines)
        case RunRevised(lock=lock, tail=tail, by=by):
            whose = f" by {by}" if by else ""
            lines = [*(f"  {line}" for line in tail.lines), *_as_a_whole(what.plan)]
            return "\n".join([f"a new rest{whose}: {tail}, lock {lock[:19]}…", *lines])
        case RunReplanned(lock=lock, parent=parent):
            return f"run goes on with lock {lock[:19]}…, made of {parent[:19]}…"
        case QuestionAsked(question=question):
            return f"question {question.id} asked, answer by {question.deadline:%Y-%m-%d %H:%M} UTC"
        case QuestionAnswered(question=question, verdict=verdict, by=by, door=door, note=note):
            said = f", saying: {note}" if note else ""
            return f"question {question} answered: {verdict} by {by} ({door}){said}"
        case GrantGiven(grants=grants) if grants:
            first = grants[0]
            lifted = ", ".join(grant.rule for grant in grants)
            return f"Step {_of(what)}: {lifted} lifted by {first.by} for every run, " + (
                f"until {first.expires_at:%Y-%m-%d %H:%M} UTC"
            )
        case GrantGiven():
            return f"Step {_of(what)}: no rule could be lifted for every run"
        case QuestionExpired(question=question, silence=silence):
            return f"question {question} expired: silence means {silence}"
        case AnswerRefused(finding=finding):
            return f"answer refused: {finding}"
        case RunCompleted(spent=spent, skipped=skipped):
            left = f", without {', '.join(skipped)}" if skipped else ""
            return f"run completed, {spent.calls} calls{left}"
        case RunFailed(finding=finding):
            return f"run failed: {finding}"


def inherited(what: RunForked, step: str) -> str:
    """What a fork has of a step, or of a call of it, that another run made."""
    told = [_carried(one) for one in what.carried if one.step == step]
    if step in what.again:
        told.append("is called once more by consent")
    if step in what.keys:
        told.append(f"keeps its idempotency key of {what.keys[step]}, where it was begun")
    return "; ".join(told)


def _carried(one: Carried) -> str:
    if one.value is not None:
        by = " as a human gave it" if one.given else ""
        return f"carried{by}, {one.value.size:,} bytes, {one.value.digest[:19]}…"
    if one.items:
        return f"{counted(len(one.items), 'item')} carried, and the others to be done"
    return f"stays left out, {one.because}"


def _as_a_whole(made: Decision | None) -> list[str]:
    if made is None:
        return []
    said = f"  the plan as a whole: policy says {made.outcome} ({made.told})"
    return [said, *(f"  shadow: {line}" for line in shadowed(made))]


def shadowed(made: Decision) -> tuple[str, ...]:
    """What rules that are only tried would have said of a call, a line each."""
    return made.shadow.lines if made.shadow else ()


def _of(what: Happening) -> str:
    """Which step this is about, and which item of it."""
    return label(getattr(what, "step", ""), getattr(what, "item", None))


def _reserved(reserved: Amount) -> str:
    """What was set aside: a tool's calls, or the tokens of what is composed."""
    return counted(reserved.tokens, "token") if not reserved.calls else f"{reserved.calls} calls"


def _composed(composed: Composed, spent: Amount) -> str:
    """Who wrote it for how much, and what they were not shown."""
    asked = f" in {composed.asked} calls" if composed.asked > 1 else ""
    cuts = "".join(
        f", of {cut.input} the first {cut.shown:,} of {cut.of:,} {cut.unit}" for cut in composed.cut
    )
    return f" by {composed.model}{asked}, {counted(spent.tokens, 'token')}{cuts}"


def _way(fallback: Fallback) -> str:
    if fallback.step is not None:
        return f"so step {fallback.step} stands in for it"
    return "so it is left out" if fallback.skip else "for which the plan gives an output"


def _course(what: StepRecovering) -> str:
    """What is done now, in words; how often it has been, where that is bounded."""
    count = f" ({what.action} {what.number} of {what.times})" if what.times else ""
    way = f"; {way_out(what.recovery)}" if what.recovery else ""
    match what.action:
        case "retry" | "wait":
            when = f"in {write_duration(what.delay)}" if what.delay else "at once"
            return f"so it is called again {when}{count}{way}"
        case "substitute":
            changes = ", ".join(map(str, what.changes))
            return f"so it is called with other arguments{count}: {changes}{way}"
        case "escalate":
            return f"so a human is asked{way}"
        case "replan":
            return f"so the rest is planned anew{way}"


def _subject(blocked: StepBlocked) -> str:
    """What the call would touch, by name; where it touches nothing, its arguments."""
    names = [f'"{target.name}"' for target in blocked.targets]
    return ", ".join(names) or blocked.shown


def _obstacle(blocked: StepBlocked) -> str:
    """What stood in the way: facts, a rule about what would be touched, or policy as a whole."""
    if blocked.findings:
        return f"Check -> FAILED ({blocked.why})"
    asks = bool(blocked.rules) and all(rule.effect == "approval" for rule in blocked.rules)
    if not asks and not (blocked.rules and blocked.targets):
        return f"Policy -> BLOCKED ({blocked.why})"
    by = ", and ".join(f"({rule.reason}) by {rule.id}" for rule in blocked.rules)
    return f"Policy -> {'APPROVAL REQUIRED' if asks else 'BLOCKED'} {by}"
