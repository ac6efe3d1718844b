"""What is said about a lock, beside what it says: who wrote its plan, who said yes to it, who had
it made anew. Outside its digest, so that two proposals of one plan give one lock.
"""

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from lockstep.canonical import Digest
from lockstep.fallback import is_absent
from lockstep.names import Person, Role, RuleId
from lockstep.record import Record, is_empty
from lockstep.usage import Bill


class Asked(Record):
    """The model that wrote a plan: which one, how often it was asked, and what that cost.

    `prompt` is the digest of all it was told but the goal; `request` its provider's name for the
    answer that was locked; `replans` how many proposals were sent back before it.
    """

    model: str
    request: str
    prompt: Digest
    bill: Bill
    replans: int = Field(default=0, ge=0, exclude_if=is_empty)


class Proposed(Record):
    """Who put the plan forward: the person who wrote it, or who had a model write it."""

    kind: Literal["proposed"] = "proposed"
    by: Person
    at: AwareDatetime
    planner: Asked | None = None


class Approved(Record):
    """Who said yes to the plan as a whole: for which rules, by which roles, under which policy.

    `lock` is the digest of the lock that it is about, since a statement can be copied to another.
    """

    kind: Literal["approved"] = "approved"
    lock: Digest
    by: Person
    roles: tuple[Role, ...]
    rules: tuple[RuleId, ...]
    policy: Digest
    at: AwareDatetime
    expires_at: AwareDatetime | None = Field(default=None, exclude_if=is_absent)


class Refreshed(Record):
    """Who had the plan of an earlier lock checked against another present; `of` is its digest."""

    kind: Literal["refreshed"] = "refreshed"
    by: Person
    at: AwareDatetime
    of: Digest


Statement = Annotated[Proposed | Approved | Refreshed, Field(discriminator="kind")]


class Author(Record):
    """What policy is told of who wrote a plan: whether a model did, and how often its proposals
    were sent back.
    """

    model: bool
    replans: int = Field(default=0, ge=0)

    @classmethod
    def of(cls, planner: Asked | None) -> "Author":
        """Of a plan that is proposed: a model's where one is named, else a person's."""
        return cls(model=planner is not None, replans=planner.replans if planner else 0)

    @classmethod
    def said(cls, statements: Iterable[Statement]) -> "Author":
        """Of a plan that was locked: where nobody says who wrote it, a model is taken to have."""
        writers = [one for one in statements if isinstance(one, Proposed)]
        planner = next((one.planner for one in writers if one.planner), None)
        return cls.of(planner) if writers else cls(model=True)
