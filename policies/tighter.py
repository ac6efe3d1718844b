"""Does a step ask for no more than it may have?

Of time, attempts and tokens a plan may ask for less than a tool declares or a manifest allows, and
never for more. What a compose step is given has its bound too: inputs that the plan writes down
itself are measured now, since a step that can only be refused need not wait for its run.
"""

from collections.abc import Iterator

from lockstep.compose import ComposeSpec
from lockstep.cutting import TooLong, fitted
from lockstep.duration import write_duration
from lockstep.finding import Finding
from lockstep.plan import ComposeStep, Step
from lockstep.reference import references
from lockstep.tool import ToolSpec


def tighter(step: Step, spec: ToolSpec) -> Iterator[Finding]:
    """What a step asks for beyond its tool's or the manifest's word."""
    if step.timeout is not None and step.timeout > spec.timeout:
        yield _looser(step, "timeout", write_duration(step.timeout), write_duration(spec.timeout))
    if step.attempts is not None and step.attempts > spec.attempts:
        yield _looser(step, "attempts", str(step.attempts), str(spec.attempts))
    if not isinstance(step, ComposeStep) or not isinstance(spec, ComposeSpec):
        return
    for name in ("max_tokens", "max_input_tokens"):
        asked, most = getattr(step, name), getattr(spec, name)
        if asked is not None and asked > most:
            yield _looser(step, name, f"{asked:,}", f"{most:,}")
    # Whatever the references bring comes on top of it, and leaves less room.
    known = {name: value for name, value in step.inputs.items() if not any(references({"": value}))}
    try:
        fitted(known, step.max_input_tokens or spec.max_input_tokens, cut=step.long == "cut")
    except TooLong as error:
        yield Finding(
            code="LS-PLAN-012",
            place=f"step `{step.id}` /inputs",
            problem=f"what the plan itself writes there is too long: {error}",
            fix="raise `max_input_tokens`, write less, or split the step",
        )


def _looser(step: Step, name: str, asked: str, most: str) -> Finding:
    by = "the manifest's `[compose]`" if step.kind == "compose" else f"tool `{step.tool}`"
    return Finding(
        code="LS-PLAN-012",
        place=f"step `{step.id}`",
        problem=f"asks for {name} {asked}, and {by} allows {most}",
        fix=f"lower `{name}` or leave it out",
    )
