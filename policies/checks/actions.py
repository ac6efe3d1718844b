"""Can the actions of an error catalogue be taken, by every tool that may signal the error?

Found out when the manifest is loaded. At three in the morning it would be too late to learn that a
wait is longer than any run, or that what is put in a call's place does not exist.
"""

from collections.abc import Iterator, Mapping

from pydantic import JsonValue

from lockstep.action import (
    MAX_DISPATCHES,
    Action,
    Escalate,
    Replan,
    Retry,
    StandIn,
    Substitute,
    Wait,
    dispatches,
)
from lockstep.duration import write_duration
from lockstep.environment import Environment
from lockstep.finding import Finding
from lockstep.resource import KEYWORD, touched
from lockstep.schema import Schema, fields, followed
from lockstep.tool import ToolSpec
from policies.cedar.targets import kinds
from policies.checks.arguments import check_value
from policies.checks.handling import recoveries
from policies.checks.misfit import did_you_mean

_CODE = "LS-AGENT-003"
_DEFINITIONS = ("$defs", "definitions")


def impossible(
    environment: Environment, specs: Mapping[str, ToolSpec], place: str
) -> Iterator[Finding]:
    """Everything about the actions of a catalogue that could not be done, or does harm."""
    here = {name: specs[name] for name in environment.offered if name in specs}
    for name, known in environment.errors.items():
        tools = [spec for spec in here.values() if name in spec.signals]
        for index, action in enumerate(known.actions):
            at = f"{place}/errors/{name}/actions/{index}"
            yield from _endless(action, environment, at)
            for spec in tools:
                yield from _harmful(action, name, spec, at)
                yield from _unfit(action, spec, environment, at)
    for tool, errors in recoveries(environment, specs, here).items():
        if dispatches(errors) > MAX_DISPATCHES:
            yield _finding(
                f"{place}/errors",
                f"a step of `{tool}` would be called up to {dispatches(errors)} times, and "
                f"{MAX_DISPATCHES} are allowed",
                "lower `times` of the errors that it signals",
            )


def _endless(action: Action, environment: Environment, at: str) -> Iterator[Finding]:
    wall = environment.limits.wall
    if isinstance(action, Retry | Wait) and action.paused >= wall:
        yield _finding(
            at,
            f"waits {write_duration(action.paused)} in all, and a run has {write_duration(wall)}",
            "lower `times`, `delay` or `most`, or raise `limits.wall`",
        )


def _harmful(action: Action, error: str, spec: ToolSpec, at: str) -> Iterator[Finding]:
    """A call that may have done something is not made again unless a human says so."""
    if isinstance(action, Retry | Wait | Substitute) and not spec.may_repeat(error):
        yield _finding(
            at,
            f"`{spec.name}` is not idempotent, and does not say that nothing was done when it "
            f"signals `{error}`",
            f"name `{error}` in the tool's `no_effect` if that is so, or write "
            '`{ kind = "escalate" }`',
        )


def _unfit(action: Action, spec: ToolSpec, environment: Environment, at: str) -> Iterator[Finding]:
    match action:
        case Substitute():
            yield from _other_arguments(action, spec, environment, at)
            yield from _other_resources(action, spec, environment, at)
        case StandIn(output=output) if output is not None:
            place = f"{at}/output"
            for found in check_value(place, spec.output, output, _CODE):
                problem = f"for `{spec.name}`: {found.problem}"
                yield found.model_copy(update={"problem": problem})
        case Retry() | Wait() | StandIn() | Escalate() | Replan():
            return


def _other_arguments(
    action: Substitute, spec: ToolSpec, environment: Environment, at: str
) -> Iterator[Finding]:
    known = fields(followed(spec.input, spec.input))
    for name, value in action.args.items():
        place = f"{at}/args/{name}"
        if name not in known:
            yield _finding(
                place,
                f"`{spec.name}`, which signals the error, takes no argument `{name}`",
                did_you_mean(name, known) or "name an argument that it takes",
            )
            continue
        shared: dict[str, JsonValue] = {
            word: said for word, said in spec.input.items() if word in _DEFINITIONS
        }
        schema: Schema = {"type": "object", "properties": {name: known[name]}, **shared}
        for found in check_value(at, schema, {name: value}, _CODE):
            yield found.model_copy(update={"problem": f"for `{spec.name}`: {found.problem}"})
    for resource in touched(spec.input, action.args):
        yield from _missing(resource.kind, resource.name, environment, f"{at}/args{resource.at}")


def _other_resources(
    action: Substitute, spec: ToolSpec, environment: Environment, at: str
) -> Iterator[Finding]:
    taken = kinds(spec.input)
    for kind, named in action.resources.items():
        place = f"{at}/resources/{kind}"
        if kind not in taken:
            yield _finding(
                place,
                f"`{spec.name}`, which signals the error, takes no `{kind}`",
                did_you_mean(kind, taken)
                or f"name a kind that an argument is marked with ({KEYWORD})",
            )
            continue
        for name in named.values():
            yield from _missing(kind, name, environment, place)


def _missing(kind: str, name: str, environment: Environment, place: str) -> Iterator[Finding]:
    members = environment.resources.get(kind, {})
    if name not in members:
        yield _finding(
            place,
            f"{kind} `{name}` is not in environment `{environment.name}`",
            did_you_mean(name, members) or f"name a `{kind}` of this manifest",
        )


def _finding(place: str, problem: str, fix: str) -> Finding:
    return Finding(code=_CODE, place=place, problem=problem, fix=fix)
