"""Can what is named for an error take the place of the step's output?

Whoever refers to the step does not know whether it gave its own output. So a stand-in's output must
be able to feed whatever the step's own could, and a value that is written down must be one that the
tool could have given.
"""

from collections.abc import Iterator, Mapping

from lockstep.finding import Finding
from lockstep.plan import Step
from lockstep.schema import Schema, can_feed
from lockstep.tool import ToolSpec
from policies.checks.arguments import check_value
from policies.checks.misfit import did_you_mean

_CODE = "LS-PLAN-016"


def check_fallbacks(step: Step, spec: ToolSpec, outputs: Mapping[str, Schema]) -> Iterator[Finding]:
    """Everything that is wrong with a step's fallbacks, by themselves; `outputs` are the schemas of
    what the plan's steps give.
    """
    for error, fallback in step.on_error.items():
        place = f"step `{step.id}` /on_error/{error}"
        if error not in spec.signals:
            known = ", ".join(f"`{name}`" for name in spec.signals) or "none"
            yield Finding(
                code=_CODE,
                place=place,
                problem=f"tool `{step.tool}` does not signal `{error}` (it declares {known})",
                fix=did_you_mean(error, spec.signals) or "take it out",
            )
        elif fallback.output is not None:
            yield from check_value(f"{place}/output", spec.output, fallback.output, _CODE)
        elif fallback.step in outputs and fallback.step is not None:
            given, wanted = outputs[fallback.step], outputs[step.id]
            clause = can_feed(given, given, wanted, wanted)
            if clause:
                yield Finding(
                    code=_CODE,
                    place=place,
                    problem=f"the output of `{fallback.step}` cannot stand in: it is {clause}",
                    fix=f"fall back on a step that gives what `{step.tool}` gives",
                )
