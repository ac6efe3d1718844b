"""Would a fork have an effect twice?

A step that is done again may have had its effect before: because it completed, or because nobody
knows what became of a call. Where the very same call is made again by a tool that hands on its
idempotency key, it keeps the key of the run that it was begun in, and its effect is had once, as in
any retry. Everything else that may act is called again only if a person says so.
"""

from lockstep.finding import Finding
from lockstep.lock import Body, LockedStep
from lockstep.loop import label
from lockstep.past import Ancestor
from lockstep.reference import Reference, references
from lockstep.tool import Effect, Idempotency
from policies.forks.unlike import differences
from policies.world import World


def acted(
    step: LockedStep, ancestor: Ancestor, body: Body, world: World, parts: frozenset[int]
) -> bool:
    """Whether a step that is done again may have had an effect; `parts` are the items of it that
    are not done again.
    """
    past, before = ancestor.past, ancestor.steps.get(step.id, step)
    if before.effect is Effect.READ and step.effect is Effect.READ:
        return False
    if before.tool in ancestor.mocked and step.tool in body.mocked:
        # Nothing has happened, and nothing will.
        return False
    if _completed(step.id, ancestor, parts):
        return True
    if before.idempotency is Idempotency.NATURAL and step.tool == before.tool:
        return False
    spec = world.tools.get(before.tool)
    harmless = {*spec.no_effect} if spec is not None else set()
    return any(
        not ends <= harmless
        for (id, item), ends in past.ends.items()
        if id == step.id and item not in parts
    )


def keeps_its_key(
    step: LockedStep,
    ancestor: Ancestor,
    body: Body,
    again: frozenset[str],
    parts: frozenset[int],
) -> bool:
    """Whether a call that was begun and did not complete is made again as it was, with its key;
    `again` are all steps that are done again.
    """
    before = ancestor.steps.get(step.id)
    return (
        before is not None
        and before.idempotency is Idempotency.KEYED
        and step.id not in ancestor.past.varied
        and not _completed(step.id, ancestor, parts)
        and again.isdisjoint(step.needs)
        and not differences(step, body, ancestor)
        and not _says_its_run(step)
    )


def refused(step: str, ancestor: Ancestor) -> Finding:
    """It would be called again, and nobody has said that it may be."""
    past = ancestor.past
    parts = {item for id, item in past.ends if id == step and item is not None}
    which = label(step, min(parts)) if len(parts) == 1 else step
    completed = any(id == step for id, _ in past.completed)
    what = "was done" if completed else "was begun and may have had its effect"
    return Finding(
        code="LS-FORK-003",
        place=f"step `{which}`",
        problem=f"it {what}, and would be called again, with another idempotency key",
        fix=f"see what it did (`lockstep explain {ancestor.run} {step}`), then say "
        f"`--again {step}`",
    )


def _completed(step: str, ancestor: Ancestor, parts: frozenset[int]) -> bool:
    calls = (item for id, item in ancestor.past.completed if id == step)
    return any(item is None or item not in parts for item in calls)


def _says_its_run(step: LockedStep) -> bool:
    """What is called by its run's own id is another call in each run."""
    return any(
        isinstance(found, Reference)
        and found.source == "$run"
        and found.parts[:1] != ("scheduled_at",)
        for _, found in references(dict(step.args))
    )
