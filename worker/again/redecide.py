"""Makes a run's decisions again, from the arguments it had and the policy it was locked under."""

from collections.abc import Iterator

from pydantic import JsonValue

from activities.store import Store
from lockstep.decision import Decision
from lockstep.errors import LockstepError
from lockstep.finding import Finding
from lockstep.outcome import Completed, Dispatch, Signalled, Unfit, Withheld
from lockstep.reference import Unresolved
from lockstep.substitution import replaced, substituted
from lockstep.tool import ToolSpec
from policies.world import World
from worker.again.rebuild import rebuilt
from worker.records.recorded import Lost

Call = tuple[Dispatch, Completed | Withheld | Signalled | Unfit | Lost]


def redecided(
    calls: list[Call], store: Store, world: World | None
) -> tuple[int, list[Finding], list[str]]:
    """How many decisions were made again, which differ, and why some could not be made."""
    if not calls:
        return 0, [], []
    if world is None:
        return 0, [], ["decisions were not made again: the agent package is not at hand"]
    count, findings, notes = 0, [], []
    for call, end in calls:
        then = end.decision
        assert then is not None
        if then.policy != world.decider.policy:
            notes.append(
                f"step `{call.label}`: not decided again, since the policy is another one now"
            )
            continue
        try:
            # Which grants still held then is in the record; that they hold is decided again.
            again = rebuilt(call, then.grants, store, world)
            if not again.steady:
                raise ValueError("the tool's model makes up its defaults anew each time")
            now = world.decider.decide(again.request)
        except (LockstepError, Unresolved, ValueError) as error:
            notes.append(f"step `{call.label}`: not decided again: {error}")
            continue
        same = _as_recorded(now, then).digest == then.digest
        if not same and then.grounds not in (None, now.grounds):
            notes.append(
                f"step `{call.label}`: decided otherwise now, by policy as it was and another "
                "environment"
            )
            continue
        count += 1
        if not same:
            findings.append(_differs(call.label, then, now))
        if isinstance(end, Signalled):
            findings += _other_changes(call, end, again.written, again.spec)
    return count, findings, notes


def _as_recorded(now: Decision, then: Decision) -> Decision:
    """The new decision with no more in it than the old one recorded; and where only the grounds are
    others, on those of the old one.
    """
    if then.grounds is None:
        return now.model_copy(update={"asked": None, "grounds": None, "permits": ()})
    return now.model_copy(update={"grounds": then.grounds})


def _other_changes(
    call: Dispatch, end: Signalled, written: dict[str, JsonValue], spec: ToolSpec
) -> Iterator[Finding]:
    """What a substitute was to change then follows from the lock and the arguments."""
    way = call.substitutes.get(end.name)
    open_ = way is not None and end.name not in call.substituted
    now = replaced(written, substituted(written, [way], spec.input)) if way and open_ else ()
    if now != end.changes:
        was, is_ = (", ".join(map(str, found)) or "nothing" for found in (end.changes, now))
        yield Finding(
            code="LS-REPLAY-003",
            place=f"step `{call.label}`",
            problem=f"its substitute was to change {was}, and would change {is_}",
            fix="compare the stored outputs, and the versions that read them",
        )


def _differs(step: str, then: Decision, now: Decision) -> Finding:
    return Finding(
        code="LS-REPLAY-003",
        place=f"step `{step}`",
        problem=f"was {then.outcome} ({then.why}), is {now.outcome} ({now.why})",
        fix="compare the policy engine's version and the stored outputs",
    )
