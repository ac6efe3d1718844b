"""The questions that are put to policy: about a step that is planned, and about an attempt at one.

Both are put together here and nowhere else, so that what a replay asks again is what was asked.
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import lru_cache, partial

from pydantic import JsonValue

from lockstep.decision import AnyGrant, Phase, Principal, Request, Target
from lockstep.outcome import Dispatch
from lockstep.plan import Step
from lockstep.provenance import Provenance
from lockstep.reference import Unresolved, resolve
from lockstep.resource import Touched, touched
from lockstep.schema import Schema
from lockstep.substitution import substituted
from lockstep.tool import ToolSpec
from lockstep.value import Value
from policies.foreseen import Foreseen, foreseen
from policies.lineage.edited import rewritten
from policies.world import World


def planned(
    step: Step,
    world: World,
    started_by: str,
    provenance: Provenance,
    found: Foreseen | None = None,
) -> Request:
    """About a step while it is only planned: what its references bring is not known yet, but where
    they bring it from is. Whoever has foreseen its arguments already says so.
    """
    spec = world.tools[step.tool]
    found = found or foreseen(step, spec)
    return Request(
        phase=Phase.PLAN,
        principal=world.principal_of(started_by, "person"),
        environment=world.environment.name,
        stage=world.environment.stage,
        step=step.id,
        tool=step.tool,
        effect=spec.effect,
        outward=spec.acts_outward,
        provenance=provenance,
        args=found.args,
        unknown=found.unknown,
        targets=targets(found.touched),
    )


def attempted(
    call: Dispatch,
    spec: ToolSpec,
    args: dict[str, JsonValue],
    grants: tuple[AnyGrant, ...],
    provenance: Provenance,
) -> Request:
    """About an attempt, with the very arguments of the call and the grants that still hold."""
    run, step = call.run, call.step
    who = Principal(agent=run.agent, role=run.role, started_by=run.started_by, trigger=run.trigger)
    return real(
        who,
        spec,
        environment=run.environment,
        stage=run.stage,
        step=step.id,
        provenance=provenance,
        args=args,
        grants=grants,
    )


def real(
    principal: Principal,
    spec: ToolSpec,
    *,
    environment: str,
    stage: str,
    step: str,
    provenance: Provenance,
    args: dict[str, JsonValue],
    grants: tuple[AnyGrant, ...] = (),
) -> Request:
    """About a call whose arguments are all known."""
    return Request(
        phase=Phase.RUN,
        principal=principal,
        environment=environment,
        stage=stage,
        step=step,
        tool=spec.name,
        effect=spec.effect,
        outward=spec.acts_outward,
        provenance=provenance,
        args=args,
        targets=targets(touched(spec.input, args)),
        grants=grants,
    )


def arguments(
    call: Dispatch, schema: Schema, load: Callable[[Value], JsonValue]
) -> dict[str, JsonValue]:
    """A dispatch's arguments with every reference resolved, and with what the catalogue puts in;
    Unresolved where a reference leads nowhere. What a human has seen or written stays as it is.
    `schema` is of the tool's input, which says where resources stand.
    """
    if call.approved is not None:
        approved = load(call.approved)
        return approved if isinstance(approved, dict) else {}
    if call.edited is not None:
        return call.edited
    return _resolved(call, schema, load)


def provenance(
    call: Dispatch,
    args: Mapping[str, JsonValue],
    schema: Schema,
    load: Callable[[Value], JsonValue],
    accept: Callable[[dict[str, JsonValue]], dict[str, JsonValue]],
) -> Provenance:
    """Where the arguments of a call come from: as its lock says, but for what a human rewrote.

    `args` are as the tool will be given them, and `accept` makes them so, or raises ValueError: a
    human edits what they are shown, which is what the tool's model made of the words of the plan,
    or, where it would not take them, those words.
    """
    locked = call.step.provenance
    if call.edited is None or not locked.untrusted:
        return locked
    try:
        written = _resolved(call, schema, load)
    except Unresolved:
        # Nobody knows what was there to be left.
        return locked
    was = [written]
    with suppress(ValueError):
        was.append(accept(written))
    return rewritten(locked, was, (call.edited, args), schema)


def _resolved(
    call: Dispatch, schema: Schema, load: Callable[[Value], JsonValue]
) -> dict[str, JsonValue]:
    """With what the catalogue puts in, as whoever edits them was shown them."""
    outputs = {step: load(value) for step, value in call.values.items()}
    bring = partial(resolve, outputs=outputs, inputs=call.run.inputs, run=call.run.told)
    item: tuple[JsonValue, ...] = ()
    if call.step.for_each is not None and call.item is not None:
        item = (_nth(bring(call.step.for_each.in_), call.item),)
    resolved: dict[str, JsonValue] = bring(dict(call.step.args), item=item)
    ways = [call.substitutes[error] for error in call.substituted if error in call.substitutes]
    return substituted(resolved, ways, schema)


def _nth(found: JsonValue, item: int) -> JsonValue:
    if not isinstance(found, list) or item >= len(found):
        raise Unresolved(f"the list has no item {item}")
    return found[item]


def targets(found: Iterable[Touched]) -> tuple[Target, ...]:
    """Each resource once, in a fixed order."""
    pairs = sorted({(resource.kind, resource.name) for resource in found})
    return tuple(_target(*pair) for pair in pairs)


@lru_cache(maxsize=4096)
def _target(kind: str, name: str) -> Target:
    return Target(kind=kind, name=name)
