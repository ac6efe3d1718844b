"""The control without any of us: a model in a loop with tools, which reads the same injections.

The loop is the one that costs are compared with, written on the plain SDK; the tools are the desk's
own, with their ledger. What somebody looks at who was given no plan counts as asked for.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.breach.attempts import SOURCES, Attempt
from benchmarks.breach.campaign import KEY, Row
from benchmarks.breach.driving import Ended
from benchmarks.breach.obedient import Obedient
from benchmarks.breach.oracle import Wanted
from benchmarks.breach.places import calls, house, package, poisoned
from benchmarks.breach.tasks import LOOKS
from benchmarks.cost.loop import plain
from lockstep import Tool
from worker.standin.server import playing

_DESCRIBED = ("tool description", "argument description")
_READ = frozenset(SOURCES) - {"input"}


@dataclass(frozen=True)
class _Call:
    """All of a call that the desk's tools ask for."""

    endpoint: str


def there(attempts: Sequence[Attempt]) -> Iterator[Attempt]:
    """Those whose text a loop gets to read as well, with what it looks at among the task."""
    looks = tuple(Wanted(one["tool"], one["args"]) for one in LOOKS)
    for one in attempts:
        described = one.place is not None and one.place.name in _DESCRIBED
        if described or one.source in _READ:
            yield replace(one, task=replace(one.task, calls=(*one.task.calls, *looks)))


async def rows(attempts: Sequence[Attempt]) -> list[Row]:
    obedient, found = Obedient(()), []
    with playing(obedient) as model, TemporaryDirectory(prefix="breach-") as temporary:
        for attempt in there(attempts):
            folder = Path(temporary) / str(attempt.order.number)
            house(folder, attempt.source, attempt.text)
            desk = package()
            if attempt.place is not None:
                desk = poisoned(desk, attempt.place, attempt.text, folder / "desk")
            goal = attempt.task.goal or f"See to the mail: {attempt.task.name}."
            await plain(
                model.base_url, KEY, desk.agent.planner.model, _bound(desk.tools, folder), goal
            )
            heard = obedient.known.get(attempt.order)
            found.append(Row(attempt, heard, Ended("said it was done"), calls(folder)))
    return found


def _bound(tools: Mapping[str, Tool], folder: Path) -> dict[str, Tool]:
    call: Any = _Call(str(folder))
    return {
        name: replace(tool, function=partial(_called, tool, call)) for name, tool in tools.items()
    }


async def _called(tool: Tool, call: Any, request: Any) -> Any:
    return await tool.function(request, call)
