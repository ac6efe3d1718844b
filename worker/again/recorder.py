"""Writes down what workflow code asks for and returns while a history is replayed through it.

Temporal's replayer compares the order and names of what was asked; it does not compare arguments,
timeouts, options or results. Those are taken down here, so that they can be compared as well.
"""

from dataclasses import dataclass, field
from typing import Any

from temporalio import workflow
from temporalio.worker import (
    ExecuteWorkflowInput,
    Interceptor,
    StartActivityInput,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
    WorkflowOutboundInterceptor,
)

from lockstep.event import Event
from workflows.journal import LISTENER

_ACTIVITY, _END = "lockstep.recorder.activity", "lockstep.recorder.end"


@dataclass
class Record:
    """One replay of one workflow: its activities in order, its events, and how it ended."""

    activities: list[StartActivityInput] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    result: Any = None
    failure: BaseException | None = None
    ended: bool = False


class Recorder(Interceptor):
    """Fills a `Record` from inside the sandbox through functions from outside it."""

    def __init__(self) -> None:
        self.record = Record()

    def workflow_interceptor_class(
        self, input: WorkflowInterceptorClassInput
    ) -> type[WorkflowInboundInterceptor]:
        input.unsafe_extern_functions[_ACTIVITY] = self.record.activities.append
        input.unsafe_extern_functions[_END] = self._end
        input.unsafe_extern_functions[LISTENER] = self._event
        return _Inbound

    def _end(self, result: Any, failure: BaseException | None) -> None:
        self.record.result, self.record.failure, self.record.ended = result, failure, True

    def _event(self, workflow_id: str, event: Event, replaying: bool) -> None:
        self.record.events.append(event)


class _Outbound(WorkflowOutboundInterceptor):
    def start_activity(self, input: StartActivityInput) -> workflow.ActivityHandle[Any]:
        workflow.extern_functions()[_ACTIVITY](input)
        return super().start_activity(input)


class _Inbound(WorkflowInboundInterceptor):
    def init(self, outbound: WorkflowOutboundInterceptor) -> None:
        super().init(_Outbound(outbound))

    async def execute_workflow(self, input: ExecuteWorkflowInput) -> Any:
        try:
            result = await super().execute_workflow(input)
        except Exception as failure:
            workflow.extern_functions()[_END](None, failure)
            raise
        workflow.extern_functions()[_END](result, None)
        return result
