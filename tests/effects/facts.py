"""What an activity is told of the run that it is a part of, where a test has no run."""

from datetime import UTC, datetime

from lockstep.lock import Body, Lock
from lockstep.outcome import RunFacts

DUE = datetime(2026, 1, 5, 6, tzinfo=UTC)
"""When the run is about, and each attempt due unless a test says otherwise."""


def facts(body: Body, tool: str) -> RunFacts:
    """Of a run of this lock, at a step that calls the tool."""
    return RunFacts(
        id="run",
        scheduled_at=DUE,
        started_by="ana",
        trigger="person",
        inputs={},
        lock=Lock.freeze(body).digest,
        agent=body.agent,
        role=body.role,
        environment=body.environment,
        stage=body.stage,
        policy=body.pins.policy,
        tool=body.pins.tools[tool],
        output_bytes=body.limits.output_bytes,
    )
