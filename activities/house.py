"""What the steps of one agent in one environment are performed with, put together once."""

from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue

from activities.store import Store
from lockstep.decision import Grounds
from lockstep.outcome import Dispatch
from lockstep.tool import Tool
from lockstep.value import ARGS_PREVIEW_BYTES, Value
from policies.world import World


@dataclass(frozen=True)
class House:
    """`folder` is the agent package's, `environ` the worker's own environment variables."""

    world: World
    tools: Mapping[str, Tool]
    store: Store
    folder: Path
    threads: Executor
    environ: Mapping[str, str]

    def kept(self, args: dict[str, JsonValue]) -> Value:
        """Arguments by reference, stored for a human to look at."""
        value, data = Value.of(args, ARGS_PREVIEW_BYTES)
        self.store.put(data)
        return value

    def grounds_beside(self, call: Dispatch) -> Grounds | None:
        """What decisions are made from here, where it is not what the run was verified on: its
        history holds that already.
        """
        mine = self.world.decider.grounds
        return None if mine.digest == call.run.grounds else mine
