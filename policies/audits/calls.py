"""Had each call a decision that allowed it?

Of a dispatch its last decision is recorded in full, and of each attempt at the call the digest of
the decision that it was made under. Where the two are not the same, what allowed an attempt is
known by its digest alone: that is said, and is no finding.
"""

from collections.abc import Iterator

from lockstep.decision import Decision, Grounds, Outcome, Phase
from lockstep.event import RunVerified
from lockstep.finding import Finding
from lockstep.outcome import AttemptEnd
from lockstep.replanned import RunReplanning
from lockstep.stepped import (
    StepAttempted,
    StepCaught,
    StepCompleted,
    StepDecided,
    StepRecovering,
)
from policies.audits.trail import Leg, Trail, wrong

CODE = "LS-AUDIT-003"


def calls(trail: Trail) -> Iterator[Finding]:
    """What speaks against the calls that were made."""
    known = {one.digest for one in _grounds(trail)}
    for leg in trail.legs:
        place = f"step `{leg.label}`"
        decided = _decided(leg)
        if len(decided) > 1:
            yield wrong(CODE, place, "has more than one decision on one dispatch")
        yield from _made(leg, decided, place)
        for one in decided:
            about = (one.step, one.tool, one.phase)
            if about != (leg.started.step, leg.started.tool, Phase.RUN):
                yield wrong(
                    CODE,
                    place,
                    f"its decision is on {one.tool} of step `{one.step}` in phase {one.phase}",
                )
            if one.grounds is not None and one.grounds not in known:
                yield wrong(CODE, place, f"was decided on grounds that nothing tells of: {one.why}")


def unaccounted(trail: Trail) -> Iterator[str]:
    """Attempts of which it is not known in full what allowed them, or whether they called."""
    for leg in trail.legs:
        digests = {one.digest for one in _decided(leg)}
        for attempt in (e.what.attempt for e in leg.events if isinstance(e.what, StepAttempted)):
            if attempt.decision is not None and attempt.decision not in digests:
                yield (
                    f"step `{leg.label}`: attempt {attempt.number} was made under decision "
                    f"{attempt.decision[:19]}…, of which only the digest is recorded"
                )
            elif attempt.end is AttemptEnd.UNRECORDED and attempt.decision is None:
                yield (
                    f"step `{leg.label}`: attempt {attempt.number} left no account, so whether it "
                    "called is not known"
                )


def _made(leg: Leg, decided: list[Decision], place: str) -> Iterator[Finding]:
    last = decided[-1] if decided else None
    for event in leg.events:
        match event.what:
            case StepAttempted(attempt=attempt) if attempt.decision is not None:
                mine = last if last is not None and attempt.decision == last.digest else None
                if mine is not None and mine.outcome is not Outcome.ALLOW:
                    said = f"attempt {attempt.number} called, and policy says {mine.outcome}"
                    yield wrong(CODE, place, f"{said} ({mine.why})")
            case StepCompleted(decision=named):
                if last is None or last.digest != named:
                    yield wrong(CODE, place, f"was done under a decision not there: {named[:19]}…")
                elif last.outcome is not Outcome.ALLOW:
                    yield wrong(CODE, place, f"was done, and policy says {last.outcome}")
                if not any(
                    isinstance(one.what, StepAttempted)
                    and one.what.attempt.decision == named
                    and one.what.attempt.end is AttemptEnd.COMPLETED
                    for one in leg.events
                ):
                    yield wrong(CODE, place, "was done, and no attempt of it was")
            case StepRecovering() | StepCaught():
                # A call signals, or its environment knew of the error before it came to a decision.
                # Outcomes of before there were decisions in them have none either.
                if last is not None and last.outcome is not Outcome.ALLOW:
                    yield wrong(CODE, place, f"signalled, and policy says {last.outcome}")
            case _:
                continue


def _decided(leg: Leg) -> list[Decision]:
    return [one.what.decision for one in leg.events if isinstance(one.what, StepDecided)]


def _grounds(trail: Trail) -> Iterator[Grounds]:
    for event in trail.events:
        match event.what:
            case (
                RunVerified(grounds=found)
                | StepDecided(grounds=found)
                | RunReplanning(grounds=found)
            ):
                pass
            case _:
                continue
        if found is not None:
            yield found
