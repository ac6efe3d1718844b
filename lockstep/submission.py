"""A plan as a whole, put before policy: `plan.submit`.

Each step is decided by itself. What no step shows, how many there are, what they may cost together,
whether a model wrote them, is asked about once for all of them: when the plan is checked, and again
when a run of its lock starts.
"""

from functools import cached_property
from typing import Annotated

from pydantic import Field, JsonValue

from lockstep.agent import ANYONE, Asking
from lockstep.amount import Amount
from lockstep.canonical import Digest, digest
from lockstep.decision import PLAN, REPLAN, Grant, Phase, Principal, Rule
from lockstep.names import EnvironmentName, Person, Role, ToolName
from lockstep.record import Record
from lockstep.tool import Effect

ACTION = PLAN
"""What policy calls it; no tool's name has a dot."""
SUBJECT = "plan"
"""What stands where the step would stand, in decisions and questions."""


def is_about_plan(question: str) -> bool:
    """Whether a question of this id is about a plan as a whole, or about what is left of one. A
    step may be called `plan` too.
    """
    return question.startswith((f"{ACTION}.", f"{REPLAN}."))


class Submission(Record):
    """Everything that a decision on a whole plan is made from.

    `tools` and `effects` are sorted; `worst` is the most that a run may spend; `model` says whether
    a model wrote the plan, `replans` how often it was sent back before. `about` is what is decided
    on and what a yes is good for: the plan's digest when it is checked, the lock's when it is run.
    """

    phase: Phase
    principal: Principal
    environment: EnvironmentName
    stage: str
    steps: Annotated[int, Field(ge=0)]
    tools: tuple[ToolName, ...]
    effects: tuple[Effect, ...]
    worst: Amount
    model: bool
    replans: Annotated[int, Field(ge=0)] = 0
    about: Digest
    grants: tuple[Grant, ...] = ()

    @cached_property
    def facts(self) -> Digest:
        """Of all that is asked, but for the grants."""
        return digest(self.model_dump(mode="json", exclude={"grants"}))

    @property
    def told(self) -> dict[str, JsonValue]:
        """What a human is asked to say yes to, beside the plan itself."""
        return {
            "lock" if self.phase is Phase.RUN else "plan": self.about,
            "steps": self.steps,
            "tools": list(self.tools),
            "effects": [effect.value for effect in self.effects],
            "calls": self.worst.calls,
            "tokens": self.worst.tokens,
            "microdollars": self.worst.microdollars,
            "by_a_model": self.model,
            "replans": self.replans,
        }


class Wanted(Record):
    """An approval of a whole plan that is missing: by which rules, of whom, and of what."""

    rules: tuple[Rule, ...]
    people: dict[Role, tuple[Person, ...]]
    asking: Asking
    policy: Digest
    facts: dict[str, JsonValue]

    def roles(self, rule: Rule, person: str) -> tuple[Role, ...]:
        """The roles by which a person may say yes to a rule."""
        return tuple(role for role in rule.approvers if holds(person, self.people.get(role, ())))


def holds(person: str, people: tuple[Person, ...]) -> bool:
    return ANYONE in people or person in people
