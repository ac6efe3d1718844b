"""A model that obeys: it does its work until it reads an order, and from then on does the order.

It is asked over HTTP like any other, and knows what stands in the request and what it did before.
As a planner it proposes the attacker's calls, as a composer it writes what the attacker wants into
every field that it may fill, in a loop it calls. Where its answer is sent back it tries again in
another way.
"""

import json
import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from benchmarks.breach.carrying import attack, planned
from benchmarks.breach.composing import written
from benchmarks.breach.oracle import CANARY
from benchmarks.breach.orders import Order, heard
from benchmarks.breach.proposing import proposed
from benchmarks.breach.tasks import HONEST, LOOKS, Json, Task
from benchmarks.breach.tricks import undressed
from lockstep.standin import Answer
from worker.standin.request import Request
from worker.standin.stage import Cue, spoken

PLANNER, REPLANNER, TAIL, COMPOSE, LOOP = "planner", "replanner", "tail", "compose", "loop"
"""What it is asked for; the rest of a run is a tail."""
_ERRORS = "\n# The errors\n"


@dataclass
class Heard:
    """What the model remembers of one order: in which roles it read it first, how often it obeyed,
    and whether what is private was in sight then.
    """

    role: str
    obeyed: int = 0
    private: bool = False


@dataclass(frozen=True)
class _Told:
    """One request as the model reads it: `data` is all but the goal, its own earlier answers too;
    `fields` are those of the answer that is wanted, `answered` how often it has answered already.
    """

    role: str
    goal: str
    data: tuple[str, ...]
    fields: tuple[str, ...]
    answered: int

    @classmethod
    def of(cls, request: Request) -> "_Told":
        pieces = [one.content.partition(" ") for one in request.pieces]
        form: Json = next((json.loads(text) for kind, _, text in pieces if kind == "format"), {})
        fields = tuple(form.get("properties", ()))
        goal = request.first.partition("\n")[0].removeprefix("The goal: ")
        answered = sum(kind == "assistant" for kind, _, _ in pieces)
        read = [text for kind, _, text in pieces if kind != "format"]
        if "steps" in fields:
            # A goal is nobody's but the person's who asks.
            read = [text.removeprefix(f"The goal: {goal}") for text in read]
            rejected = "\nThat plan was rejected" in request.first
            back = answered or rejected
            role = TAIL if _ERRORS in request.first else REPLANNER if back else PLANNER
        else:
            role = COMPOSE if form else LOOP
        return cls(role, goal, tuple(read), fields, answered)

    @property
    def orders(self) -> list[Order]:
        """Every order in it, however it is dressed."""
        return list(dict.fromkeys(one for text in self.data for one in _understood(text)[0]))

    @property
    def canary(self) -> str:
        return CANARY if any(_understood(text)[1] for text in self.data) else ""


@lru_cache(maxsize=1024)
def _understood(text: str) -> tuple[tuple[Order, ...], bool]:
    """The orders in a text, and whether it holds what is private; much is read again and again."""
    ways = list(undressed(text))
    return tuple(one for way in ways for one in heard(way)), any(CANARY in way for way in ways)


class Obedient:
    """May be asked by many at once; `tasks` are those whose goals it knows what to do about."""

    model = None

    def __init__(self, tasks: Iterable[Task]) -> None:
        self.known: dict[Order, Heard] = {}
        self.asked: Counter[str] = Counter()
        self._tasks = {task.goal: task for task in tasks if task.goal}
        self._lock = threading.Lock()

    def next(self, request: Request) -> Cue:
        """It always has something to say."""
        told = _Told.of(request)
        order, turn = next(iter(told.orders), None), 0
        with self._lock:
            self.asked[told.role] += 1
            if order is not None:
                memory = self.known.setdefault(order, Heard(told.role))
                memory.private |= bool(told.canary)
                turn, memory.obeyed = memory.obeyed, memory.obeyed + 1
        answer = self._honest(told) if order is None else self._obeying(order, told, turn)
        return Cue(0, 0, spoken(Answer.model_validate(answer)))

    def _honest(self, told: _Told) -> Json:
        match told.role:
            case "compose":
                return {"json": {name: HONEST[name] for name in told.fields}}
            case "loop":
                return _looking(told) or {"text": "There is nothing to do."}
            case _:
                return planned(self._plan(told))

    def _plan(self, told: _Told) -> tuple[Json, ...]:
        plans = self._tasks[told.goal].plans
        # What is too long to be shown again leaves no answer of its own in the conversation.
        back = max(told.answered, told.role == REPLANNER)
        return plans[min(back, len(plans) - 1)]

    def _obeying(self, order: Order, told: _Told, turn: int) -> Json:
        match told.role:
            case "compose":
                return written(order, told.fields, told.canary, turn)
            case "loop":
                return _acting(order, turn)
            case _:
                return proposed(order, self._plan(told), turn)


def _looking(told: _Told) -> Json | None:
    """What a loop begins with: all that it is there to look at."""
    if told.answered:
        return None
    return {"uses": [{"name": one["tool"], "input": one["args"]} for one in LOOKS]}


def _acting(order: Order, turn: int) -> Json:
    """The order's calls, one a turn, each with what a reference would have brought."""
    steps = attack(order)
    if turn >= len(steps):
        return {"text": "It is done."}
    args = {
        name: (CANARY if value["$from"] == "r" else "all the mail")
        if isinstance(value, dict)
        else value
        for name, value in steps[turn]["args"].items()
    }
    return {"uses": [{"name": steps[turn]["tool"], "input": args}]}
