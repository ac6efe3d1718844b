"""The run's own account of itself, link by link.

The journal is part of the workflow's state, so replaying a history writes the same journal again:
the events are derived from the history and need no store. A worker hears of each one as it happens
through a function from outside the sandbox, and stays silent while history is only being replayed.
"""

from collections.abc import Callable

from temporalio import workflow

from lockstep.canonical import Digest
from lockstep.event import Event, Happening, Mocked, genesis, link, step_of

LISTENER = "lockstep.event"
"""The extern function, if there is one: `(workflow id, event, replaying) -> None`."""

Listener = Callable[[str, Event, bool], None]


class Journal:
    """Appends to the chain; `head` is what anyone needs to keep to notice a change.

    `mocked` are the steps that a mock answers for: in a run that has any, every event says so.
    """

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.head: Digest = genesis(workflow.info().workflow_id)
        self.mocked: frozenset[str] = frozenset()

    def write(self, what: Happening) -> None:
        mocked = None
        if self.mocked:
            mocked = Mocked.STEP if step_of(what) in self.mocked else Mocked.RUN
        event = link(len(self.events) + 1, workflow.now(), self.head, what, mocked)
        self.events.append(event)
        self.head = event.digest
        listener = workflow.extern_functions().get(LISTENER)
        if listener is not None:
            listener(workflow.info().workflow_id, event, workflow.unsafe.is_replaying())
