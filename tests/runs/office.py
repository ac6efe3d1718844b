"""The office: the crane with a planner, and a stand-in model that says what a test wants."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

from temporalio.client import WorkflowHandle, WorkflowHistory

from activities.store import FolderStore
from lockstep.escalation import Question
from lockstep.event import Event, broken_at
from tests.runs.yard import PATIENCE, TEST, Json, Yard, plan, renamed, say
from worker.again.replay import compared
from worker.plans import ended
from worker.records.history import events_of, replay
from worker.serve import serving
from worker.standin.server import StandIn, standin
from workflows.lock_plan import LockPlan, LockRequest, LockResult

KEY = "sk-ant-canary-61f0d3c58e"
"""The key that the worker is given, and that must not be seen again."""
GOOD = {"proposal": plan(say("hello"))}
BAD = {"proposal": plan(say("hello"), {"id": "fly", "tool": "Fly", "reason": "It is quicker."})}

_numbers = count(1)

Planning = WorkflowHandle[LockPlan, Any]


def scene(goal: str, *answers: Json) -> Json:
    """What the stand-in answers when it is asked for a goal."""
    return {"when": {"contains": goal}, "answers": list(answers)}


@dataclass(frozen=True)
class Made:
    """A planning that ended: its result, its events, its history."""

    result: LockResult
    events: list[Event]
    history: WorkflowHistory

    @property
    def types(self) -> list[str]:
        return [event.what.type for event in self.events]

    def of(self, kind: str) -> list[Any]:
        """What happened of one type."""
        found: list[Any] = [event.what for event in self.events if event.what.type == kind]
        return found


@dataclass
class Office:
    """A yard whose worker can plan, and the model it asks."""

    yard: Yard
    model: StandIn

    async def begin(self, goal: str, by: str = "ana") -> Planning:
        request = LockRequest(
            goal=goal, agent=self.yard.package.agent.name, environment=TEST, by=by
        )
        return await self.yard.client.start_workflow(
            LockPlan.run,
            request.model_dump(mode="json"),
            id=f"planning-{next(_numbers)}",
            task_queue=self.yard.queue,
        )

    async def plan(self, goal: str) -> Made:
        return await self.ended(await self.begin(goal))

    async def ended(self, handle: Planning) -> Made:
        """The end of a planning, and proof that it is what its history says, without the key."""
        async with asyncio.timeout(2 * PATIENCE):
            result = await ended(handle)
        assert isinstance(result, LockResult), result
        history = await handle.fetch_history()
        events = await events_of(history)
        assert broken_at(handle.id, events) is None
        assert (result.events, result.head) == (len(events), events[-1].digest)
        store = FolderStore(self.yard.home.values)
        report = compared(history, await replay(history), store, self.yard.world)
        assert not report.findings, report.findings
        assert KEY not in repr(history.events)
        return Made(result, events, history)

    async def question(self, handle: Planning) -> Question:
        async with asyncio.timeout(PATIENCE):
            while True:
                lines = await handle.query(LockPlan.questions)
                if lines:
                    return Question.model_validate(lines[0])
                await asyncio.sleep(0.02)

    @property
    def asked(self) -> int:
        return len(self.model.ledger)

    @property
    def billed(self) -> int:
        """Tokens, by the model's own books."""
        used = self.model.totals.usage
        return (
            used.input_tokens
            + used.cache_creation_input_tokens
            + used.cache_read_input_tokens
            + used.output_tokens
        )


@asynccontextmanager
async def office(
    yard: Yard,
    folder: Path,
    *scenes: Json,
    settings: str = "",
    serve: bool = True,
    furnish: Callable[[Path], None] = renamed,
) -> AsyncIterator[Office]:
    """`settings` are lines for `[planner]`; with `serve` false a test starts workers itself.
    `furnish` is what is different about the agent, its name included.
    """

    def change(root: Path) -> None:
        furnish(root)
        with (root / "agent.toml").open("a") as manifest:
            manifest.write(f"\n[planner]\n{settings}\n")

    script = {"lockstep": "standin/1", "scenes": list(scenes)}
    with standin(script) as model:
        async with yard.other(folder, change) as other:
            opened = Office(other, model)
            if not serve:
                yield opened
                return
            async with working(opened):
                yield opened


@asynccontextmanager
async def working(opened: Office, key: str = KEY) -> AsyncIterator[None]:
    """A worker for the office, while the block runs."""
    environ = {**os.environ, "ANTHROPIC_API_KEY": key, "ANTHROPIC_BASE_URL": opened.model.base_url}
    yard = opened.yard
    grace = timedelta(milliseconds=100)
    async with serving(
        yard.client, yard.package, TEST, yard.home.values, grace=grace, environ=environ
    ):
        yield
