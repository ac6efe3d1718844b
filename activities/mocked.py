"""A mock's answer in a tool's place, with what its environment's faults make of it."""

from pydantic import BaseModel, JsonValue
from temporalio import activity

from activities.injection import injected, slow, spoilt
from lockstep.call import Signal
from lockstep.faults import Faults
from lockstep.mock import Mock
from lockstep.outcome import Dispatch
from lockstep.tool import Tool


class Unanswered(Exception):
    """The mock has no answer to these arguments."""


async def mocked(
    call: Dispatch, tool: Tool, mock: Mock, faults: Faults | None, args: dict[str, JsonValue]
) -> BaseModel:
    """What is given in the tool's place; raises the tool's own Signal, or Unanswered."""
    if faults is None:
        return _answered(tool, mock, args)
    # The activity's id has the step, its item and the number of the dispatch.
    info = activity.info()
    fault = faults.drawn(call.run.id, tool.name, info.activity_id, info.attempt)
    await slow(fault.delay, call.step.timeout)
    if fault.signal is not None:
        raise injected(fault.signal, faults)
    output = _answered(tool, mock, args)
    found = mock.answer(args)
    if not fault.bad or found is None or found.output is None:
        return output
    return spoilt(tool, found.output, fault.pick)


def _answered(tool: Tool, mock: Mock, args: dict[str, JsonValue]) -> BaseModel:
    found = mock.answer(args)
    if found is None:
        raise Unanswered
    if found.signal is not None:
        signal = Signal(found.signal.name, found.signal.detail)
        signal.data = found.signal.data
        raise signal
    return tool.output.model_validate(found.output)
