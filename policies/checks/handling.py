"""Who provides for an error that a step's tool may signal: the plan, the environment, or nobody?

What tries to get the step's own output (again, later, with other arguments) is the environment's,
and so is whether a human is asked; both come first. What takes the output's place is the plan's to
say, and the environment's only where the plan does not. An error for which neither provides stops
the run, which may well be what is wanted: so it is a warning, and an entry of the catalogue that
says no more than the way out is enough to have thought of it.
"""

from collections.abc import Iterable, Iterator, Mapping

from lockstep.action import Actions, Recoveries, defaults, escalates
from lockstep.compose import REFUSED
from lockstep.environment import Environment
from lockstep.fallback import MAX_FALLBACKS
from lockstep.finding import Finding, Severity
from lockstep.names import ErrorName, ToolName
from lockstep.plan import Step
from lockstep.tool import ToolSpec

_NAMED = 5
"""Errors that one finding names."""


def recoveries(
    environment: Environment, specs: Mapping[str, ToolSpec], tools: Iterable[str]
) -> dict[ToolName, dict[ErrorName, Actions]]:
    """What is done here about each error of these tools, where anything is."""
    found = {
        tool: {
            name: environment.errors[name].actions
            for name in sorted(specs[tool].signals)
            if name in environment.errors and environment.errors[name].actions
        }
        for tool in sorted({*tools} & specs.keys())
    }
    return {tool: errors for tool, errors in found.items() if errors}


def provided(step: Step, known: Recoveries) -> Step:
    """The step with what the environment has in its output's place where the step itself does not
    say.
    """
    errors = known.get(step.tool)
    if not errors:
        return step
    given = {
        error: fallback
        for error, fallback in defaults(errors).items()
        if error not in step.on_error
    }
    if not given:
        return step
    return step.model_copy(update={"on_error": {**step.on_error, **given}})


def check_handling(step: Step, spec: ToolSpec, known: Recoveries) -> Iterator[Finding]:
    """Where what the plan has in its output's place does not go with what the environment does."""
    errors = known.get(step.tool, {})
    if not (step.on_error or errors):
        return
    whole = {*step.on_error, *defaults(errors)}
    if len(whole) > MAX_FALLBACKS:
        yield Finding(
            code="LS-PLAN-016",
            place=f"step `{step.id}` /on_error",
            problem=f"{len(whole)} errors are provided for, those of the environment counted, and "
            f"a step may have {MAX_FALLBACKS}",
            fix="take some of them out",
        )
    for error in sorted({*step.on_error} & errors.keys()):
        if escalates(errors[error]):
            yield Finding(
                code="LS-PLAN-016",
                place=f"step `{step.id}` /on_error/{error}",
                problem="will not be taken: in this environment a human is asked about the error",
                fix="take it out, or take `escalate` out of the manifest",
                severity=Severity.WARNING,
            )


def unhandled(
    steps: Iterable[Step], environment: Environment, specs: Mapping[str, ToolSpec]
) -> Iterator[Finding]:
    """One warning for each tool with errors that nobody provides for, at its first such step."""
    seen: set[str] = set()
    for step in steps:
        if step.tool in seen:
            continue
        spec = specs[step.tool]
        # Where a model refuses, a human is asked in any case.
        composes = step.kind == "compose"
        human = {REFUSED} if composes else set()
        open_ = sorted({*spec.signals} - {*step.on_error} - environment.errors.keys() - human)
        if open_ or not step.on_error:
            # Where nothing is left to a step that provides for nothing, nothing is to any.
            seen.add(step.tool)
        if not open_:
            continue
        names = ", ".join(f"`{name}`" for name in open_[:_NAMED])
        more = f" and {len(open_) - _NAMED} more" if len(open_) > _NAMED else ""
        yield Finding(
            code="LS-PLAN-018",
            place=f"step `{step.id}`",
            problem=f"{'' if composes else 'tool '}`{step.tool}` may signal {names}{more}, for "
            f"which neither the plan nor environment `{environment.name}` provides",
            fix=f"write `[errors.{open_[0]}]` into the manifest, or give the step `on_error`; "
            "as it is, the run stops",
            severity=Severity.WARNING,
        )
