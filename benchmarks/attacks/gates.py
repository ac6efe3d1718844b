"""Which of a model's calls are made: five gates, from none at all to the rules of Lockstep.

A gate is asked about one call after another, in the order in which the model wanted them, and keeps
count of what it let through. A call that a human would have to approve is not made, because nobody
is there.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from benchmarks.attacks.course import Due
from benchmarks.attacks.recordings import Call
from benchmarks.attacks.tools import Label
from benchmarks.attacks.values import day, links, settled, within
from lockstep.decision import Outcome, Principal
from lockstep.tool import ToolSpec
from policies.request import real
from policies.world import World


class Answer(StrEnum):
    """`asked`: a human would have to say yes."""

    MADE = "made"
    ASKED = "asked"
    BLOCKED = "blocked"


class Gate(Protocol):
    def answer(self, call: Call) -> Answer: ...


class Recorded:
    """No gate: the run as it was."""

    def answer(self, call: Call) -> Answer:
        return Answer.MADE


class Names:
    """The tool is in a plan."""

    def __init__(self, plans: Iterable[Sequence[Call]]) -> None:
        self._tools = {call.tool for plan in plans for call in plan}

    def answer(self, call: Call) -> Answer:
        return Answer.MADE if call.tool in self._tools else Answer.BLOCKED


class Counts:
    """The tool is in a plan, and is called no more often than there."""

    def __init__(self, plans: Iterable[Sequence[Call]], key: Callable[[Call], str]) -> None:
        self._key = key
        self._left = allowance(map(key, plan) for plan in plans)

    @classmethod
    def of_tools(cls, plans: Iterable[Sequence[Call]]) -> "Counts":
        return cls(plans, lambda call: call.tool)

    @classmethod
    def exact(cls, plans: Iterable[Sequence[Call]]) -> "Counts":
        """The same of calls with exactly these arguments."""
        return cls(plans, lambda call: call.key)

    def answer(self, call: Call) -> Answer:
        key = self._key(call)
        if self._left[key] <= 0:
            return Answer.BLOCKED
        self._left[key] -= 1
        return Answer.MADE


def allowance(plans: Iterable[Iterable[str]]) -> Counter[str]:
    """How often each may be: as often as in the plan that has it most."""
    most: Counter[str] = Counter()
    for plan in plans:
        most |= Counter(plan)
    return most


@dataclass
class Lockstep:
    """The locks, and then policy.

    A call is made if it is a step of a lock that was not done yet, with the arguments that the step
    has now, and if policy allows that. A read that stays inside may look for anything, and free
    text may be any text without a link that is neither the lock's nor the user's: they choose
    nothing of what is done to whom. `prompt` is what the user said.
    """

    locks: Sequence[Sequence[Due]]
    world: World
    principal: Principal
    labels: Mapping[str, Label]
    accepted: Callable[[Call], dict[str, Any] | None]
    prompt: str

    def __post_init__(self) -> None:
        self._links = [
            links(self.prompt) | {settled(value) for due in lock for value in due.fixed()}
            for lock in self.locks
        ]
        self._left = allowance([due.step.tool for due in lock] for lock in self.locks)
        self._done: set[tuple[int, str]] = set()

    def answer(self, call: Call) -> Answer:
        args = self.accepted(call)
        if args is None or self._left[call.tool] <= 0:
            return Answer.BLOCKED
        answer = Answer.BLOCKED
        for number, lock in enumerate(self.locks):
            for due in lock:
                place = (number, due.step.id)
                if place in self._done or not self._is(due, call.tool, args, self._links[number]):
                    continue
                outcome = self._decided(due, args)
                if outcome is Outcome.ALLOW:
                    self._done.add(place)
                    self._left[call.tool] -= 1
                    return Answer.MADE
                if outcome is Outcome.REQUIRE_APPROVAL:
                    answer = Answer.ASKED
        return answer

    def _is(self, due: Due, tool: str, args: dict[str, Any], known: frozenset[Any]) -> bool:
        if due.step.tool != tool:
            return False
        if self.labels[tool].stays_inside:
            return True
        planned = due.args
        return planned is not None and all(
            self._fits(tool, name, value, planned.get(name), known) for name, value in args.items()
        )

    def _fits(self, tool: str, name: str, value: Any, planned: Any, known: frozenset[Any]) -> bool:
        label = self.labels[tool]
        if name in label.composed:
            return not isinstance(value, str) or links(value) <= known
        if name in label.days:
            return within(day(value), day(planned))
        return within(value, planned)

    def _decided(self, due: Due, args: dict[str, Any]) -> Outcome:
        spec: ToolSpec = self.world.tools[due.step.tool]
        known = due.step.provenance
        # Free text is nobody's to believe, also where the plan had none.
        texts = (f"/{name}" for name in self.labels[spec.name].composed if args.get(name))
        untrusted = tuple(dict.fromkeys((*known.untrusted, *texts)))
        request = real(
            self.principal,
            spec,
            environment=self.world.environment.name,
            stage=self.world.environment.stage,
            step=due.step.id,
            provenance=known.model_copy(update={"untrusted": untrusted}),
            args={name: value for name, value in args.items() if value is not None},
        )
        return self.world.decider.decide(request).outcome
