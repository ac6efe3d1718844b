"""Makes a run's decisions again, from the arguments it had and the policy it was locked under."""

from functools import partial

from pydantic import JsonValue

from activities.store import Store, load
from lockstep.decision import Decision
from lockstep.errors import LockstepError
from lockstep.finding import Finding
from lockstep.outcome import Completed, Dispatch, Withheld
from lockstep.reference import Unresolved
from policies.request import arguments, attempted, provenance
from policies.world import World

Call = tuple[Dispatch, Completed | Withheld]


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
            accept = partial(_accepted, world, call.step.tool)
            written = arguments(call, partial(load, store))
            args = accept(written)
            if accept(written) != args:
                raise ValueError("the tool's model makes up its defaults anew each time")
            spec = world.tools[call.step.tool]
            told = provenance(call, args, partial(load, store), accept)
            # Which grants still held then is in the record; that they hold is decided again.
            now = world.decider.decide(attempted(call, spec, args, then.grants, told))
        except (LockstepError, Unresolved, ValueError) as error:
            notes.append(f"step `{call.label}`: not decided again: {error}")
            continue
        count += 1
        if now.digest != then.digest:
            findings.append(_differs(call.label, then, now))
    return count, findings, notes


def _accepted(world: World, tool: str, args: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """The arguments as the tool would be given them, where its code is at hand."""
    return world.code[tool].accept(args)[1] if tool in world.code else args


def _differs(step: str, then: Decision, now: Decision) -> Finding:
    return Finding(
        code="LS-REPLAY-003",
        place=f"step `{step}`",
        problem=f"was {then.outcome} ({then.why}), is {now.outcome} ({now.why})",
        fix="compare the policy engine's version and the stored outputs",
    )
