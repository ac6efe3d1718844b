"""What an environment's faults do to a mocked call: make it slow, make it fail, spoil its output.

A spoilt output is one that its tool could not have given, found by taking the mock's answer apart:
a field is left out, or is of another kind. Each way is held against the tool's own model first,
since a tool may take more than it looks.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta

from pydantic import JsonValue, RootModel

from lockstep.call import Signal
from lockstep.compose import COMPOSE, INVALID, SIGNALS
from lockstep.environment import Environment
from lockstep.faults import Faults
from lockstep.finding import Finding
from lockstep.mock import Mock
from lockstep.tool import Tool
from policies.checks.misfit import did_you_mean

_PATIENCE = 0.9
"""Of a step's timeout: a call that is slow is not to be one that never ends."""


class Spoilt(RootModel[JsonValue]):
    """An output that is none."""


async def slow(delay: timedelta, timeout: timedelta) -> None:
    await asyncio.sleep(min(delay, timeout * _PATIENCE).total_seconds())


def injected(name: str, faults: Faults) -> Signal:
    """A declared error that nobody had."""
    return Signal(name, faults.told)


def spoilt(tool: Tool, output: dict[str, JsonValue], pick: float) -> Spoilt:
    """The output, spoilt in one of the ways that its tool's declaration refuses."""
    ways = list(_ways(tool, output))
    return Spoilt(ways[int(pick * len(ways))])


def unfit(
    manifest: Environment, tools: Mapping[str, Tool], mocks: Mapping[str, Mock], place: str
) -> Iterator[Finding]:
    """Faults that could not happen, or not be told as what they are."""
    yield from _uncomposed(manifest, f"{place}/compose/faults")
    for name, binding in manifest.tools.items():
        if binding.faults is None:
            continue
        at, faults, tool = f"{place}/tools/{name}/faults", binding.faults, tools[name]
        if name not in mocks:
            yield _finding(at, f"`{name}` is really called", "name a `mock`, or take `faults` out")
            continue
        yield from _impossible(at, name, faults, tool.spec.signals, tool.spec.timeout)
        outputs = (one.output for one in mocks[name].answers if one.output is not None)
        if faults.bad_output and not all(any(True for _ in _ways(tool, one)) for one in outputs):
            yield _finding(
                f"{at}/bad_output",
                f"`{name}` takes whatever an answer of its mock would be spoilt to",
                "take `bad_output` out, or let the tool's output require something",
            )


def _uncomposed(manifest: Environment, at: str) -> Iterator[Finding]:
    """The same of compose steps, each of which has an output of its own."""
    settings = manifest.compose
    if settings is None or settings.faults is None:
        return
    if settings.mock is None:
        yield _finding(at, "a model is really asked", "name a `mock`, or take `faults` out")
        return
    yield from _impossible(at, COMPOSE, settings.faults, SIGNALS, settings.timeout)
    if settings.faults.bad_output:
        yield _finding(
            f"{at}/bad_output",
            f"an answer that does not fit its step is the signal `{INVALID}`",
            f"say how often under `signals`: `{INVALID}`",
        )


def _impossible(
    at: str, name: str, faults: Faults, signals: Sequence[str], timeout: timedelta
) -> Iterator[Finding]:
    for signal in faults.signals:
        if signal not in signals:
            yield _finding(
                f"{at}/signals/{signal}",
                f"tool `{name}` does not declare the signal `{signal}`",
                did_you_mean(signal, signals) or "name a signal that it declares",
            )
    if faults.latency is not None and faults.latency.most >= timeout:
        yield _finding(
            f"{at}/latency/most",
            f"no attempt at `{name}` may take so long",
            "name less than the tool's timeout",
        )


def _ways(tool: Tool, output: dict[str, JsonValue]) -> Iterator[dict[str, JsonValue]]:
    """Every way to spoil it that the tool's declaration refuses, in the order of its fields."""
    for name in sorted(output):
        others = {key: value for key, value in output.items() if key != name}
        strange: list[JsonValue] = [None, [{"spoilt": name}]]
        for way in (others, *({**others, name: one} for one in strange)):
            try:
                tool.output.model_validate(way)
            except Exception:  # a model's validators are the agent's code
                yield way


def _finding(place: str, problem: str, fix: str) -> Finding:
    return Finding(code="LS-AGENT-003", place=place, problem=problem, fix=fix)
