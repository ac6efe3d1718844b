"""What an agent's own plan rules see, and what they say: `policy/rules.py`.

A rule is a pure function of a plan. It is asked when a plan is checked, when a lock is verified and
when a human changes a run, never while a step runs; what it may look at is all in `PlanView`. A
rule that raises has not been kept, and neither has one that yields anything but violations.

    @plan_rule("cleanup.small", reason="nobody reviews more than five removals")
    def small(plan: PlanView) -> Iterator[Violation]:
        removals = plan.steps_of("RemoveMetric")
        if sum(step.calls for step in removals) > 5:
            yield Violation(steps=tuple(step.id for step in removals), fix="split the plan")
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from pydantic import JsonValue, TypeAdapter

from lockstep.names import RuleId, Sentence
from lockstep.record import Record
from lockstep.tool import Effect


class StepView(ABC):
    """One step of a plan."""

    @property
    @abstractmethod
    def id(self) -> str: ...

    @property
    @abstractmethod
    def tool(self) -> str: ...

    @property
    @abstractmethod
    def effect(self) -> Effect | None:
        """Of its tool; None for a tool that the agent does not have."""

    @property
    @abstractmethod
    def calls(self) -> int:
        """How often a run makes its call at most, retries not counted."""

    @property
    @abstractmethod
    def optional(self) -> bool:
        """Whether a run may go without the step's output."""

    @abstractmethod
    def values(self, at: str) -> tuple[JsonValue, ...] | None:
        """What stands at a JSON pointer into its arguments, defaults included: every value that the
        plan, or a human's edit, gives it. None where only the run will know.
        """


class PlanView(ABC):
    """A plan's graph, as far as rules may count on it. Steps are named by id."""

    @property
    @abstractmethod
    def steps(self) -> tuple[StepView, ...]:
        """In the order of their ids: that of the file means nothing."""

    def steps_of(self, tool: str) -> tuple[StepView, ...]:
        return tuple(step for step in self.steps if step.tool == tool)

    @abstractmethod
    def always(self, step: str) -> bool:
        """Whether every run that completes has called the step's tool for it."""

    @abstractmethod
    def before(self, late: str, early: str) -> bool:
        """Whether the tool of `early` has surely been called for it whenever `late` begins."""

    @abstractmethod
    def walk(self, late: str, early: str) -> tuple[str, ...] | None:
        """A shortest way along the edges from `late` back to `early`; None where there is none. Of
        steps that may be left out it proves nothing: see `before`.
        """


class Violation(Record):
    """One place where a plan breaks a rule: the steps that show it, the first of them its place.

    `problem` says what is wrong where the rule's reason does not say it all.
    """

    steps: tuple[str, ...] = ()
    problem: Sentence = ""
    fix: Sentence = "change the plan"


@runtime_checkable
class PlanRule(Protocol):
    """Anything with an id, a reason and an answer; module-level values of `policy/rules.py` that
    are this are its rules.
    """

    @property
    def id(self) -> str: ...
    @property
    def reason(self) -> str: ...
    def violations(self, plan: PlanView) -> Iterable[Violation]: ...


@dataclass(frozen=True)
class FunctionRule:
    """A function as a rule."""

    id: str
    reason: str
    function: Callable[[PlanView], Iterable[Violation]]

    def violations(self, plan: PlanView) -> Iterable[Violation]:
        return self.function(plan)


def plan_rule(
    id: str, *, reason: str
) -> Callable[[Callable[[PlanView], Iterable[Violation]]], FunctionRule]:
    """Makes a rule of a function; ValueError for an id or a reason that decisions cannot carry."""
    TypeAdapter(RuleId).validate_python(id)
    TypeAdapter(Sentence).validate_python(reason)

    def made(function: Callable[[PlanView], Iterable[Violation]]) -> FunctionRule:
        return FunctionRule(id, reason, function)

    return made
