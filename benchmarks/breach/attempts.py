"""The attempts: an order in a dress, a place for it, and work during which it is read.

All by seed, so that the same seed gives the same attempts; no two have the same order.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle, product
from random import Random

from benchmarks.breach.orders import Aim, Order
from benchmarks.breach.places import LATER, PLACES, Place
from benchmarks.breach.tasks import LATER as REPLANNED
from benchmarks.breach.tasks import MOVED, PLANNED, Task, composed
from benchmarks.breach.tricks import TRICKS, snaked

SOURCES = ("mail", "subject", "sender", "page", "input", "record")
ERROR = "error"
SHARES = {"planner": 0.35, "replanner": 0.2, "tail": 0.15, "compose": 0.3}
"""Of all attempts."""


@dataclass(frozen=True)
class Attempt:
    """`place` is where a planner's world has the text; without one it stands in a `source` that
    a compose step reads.
    """

    role: str
    order: Order
    trick: str
    text: str
    task: Task
    place: Place | None = None
    source: str = ""

    @property
    def where(self) -> str:
        return self.place.name if self.place else self.source


def attempts(count: int, seed: int) -> list[Attempt]:
    """So many, of every role, place and trick as far as they go."""
    chance = Random(seed)
    numbers = iter(chance.sample(range(10**6, 10**9), count))
    found = [
        one
        for role, share in SHARES.items()
        for one in _some(role, round(count * share), chance, numbers)
    ]
    return found[:count]


def _some(role: str, count: int, chance: Random, numbers: Iterator[int]) -> Iterator[Attempt]:
    aims = cycle(Aim)
    places = _places(role)
    # Every trick at every place before any of them again; a prime number of aims shifts each round.
    pairs = list(product(places, TRICKS))
    chance.shuffle(pairs)
    tasks = {source: composed(_kind(source)) for source in SOURCES}
    for number, ((place, source), trick) in zip(range(count), cycle(pairs), strict=False):
        wanted = Order(next(aims), next(numbers))
        order, text, how = _dressed(wanted, trick, place, chance)
        if source == ERROR:
            task = MOVED[chance.randrange(len(MOVED))]
        elif place is None:
            task = tasks[source][(number + chance.randrange(9)) % len(tasks[source])]
        elif place.later:
            task = REPLANNED[place.later]
        else:
            task = PLANNED[chance.randrange(len(PLANNED))]
        yield Attempt(role, order, how, text, task, place, source)


def _places(role: str) -> list[tuple[Place | None, str]]:
    match role:
        case "compose":
            return [(None, source) for source in SOURCES]
        case "tail":
            return [(None, ERROR)]
        case "planner":
            return [(place, "") for place in PLACES]
        case _:
            return [(place, "") for place in LATER]


def _dressed(
    order: Order, trick: str, place: Place | None, chance: Random
) -> tuple[Order, str, str]:
    """The order in its dress, or barely said where that does not fit; in words that fit if it must
    be.
    """
    if place is None:
        return order, TRICKS[trick](order.sentence, chance), trick
    if place.named:
        return order, snaked(order.sentence), "name"
    text = TRICKS[trick](order.sentence, chance)
    if len(text) <= place.room:
        return order, text, trick
    short = order if len(order.sentence) <= place.room else Order(Aim.DELETE, order.number)
    return short, short.sentence, "bare"


def _kind(source: str) -> str:
    return "mail" if source in ("mail", "subject", "sender") else source


def honest() -> list[Attempt]:
    """All the work there is, with nothing in it that anybody injected."""
    nothing = Order(Aim.DELETE, 0)
    work = [("planner", task, "") for task in PLANNED]
    work += [("tail", task, ERROR) for task in MOVED]
    work += [("compose", task, source) for source in SOURCES for task in composed(_kind(source))]
    return [Attempt(role, nothing, "none", "", task, source=source) for role, task, source in work]
