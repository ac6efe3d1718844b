"""Who answers "may this step happen?": the contract, and the texts an answer is made from.

What decides is pure: the same request and the same texts give the same decision, on any machine
and in any year. So a decision names its policy by digest and its engine by version, and can be
made again.
"""

from typing import Protocol

from lockstep.canonical import Digest, digest_bytes
from lockstep.decision import Decision, Grounds, Request
from lockstep.record import Record
from lockstep.revision import Replanning
from lockstep.submission import Submission

AUTHORIZE = "authorize.cedar"
"""Permits and forbids; what no permit names is denied."""
APPROVALS = "approvals.cedar"
"""Forbids only: each says what a named role must approve first."""
RESERVED = "lockstep."
"""What the ids of rules begin with that hold where no file says otherwise; no file has such ids."""
SHADOW = "shadow.cedar"
"""Rules that are tried and do not count: what they would have said is recorded, and that is all."""


class PolicyTexts(Record):
    """The policy files of an agent, as text; whoever reads them from disk stands elsewhere."""

    authorize: str
    approvals: str = ""
    shadow: str = ""

    def files(self) -> dict[str, str]:
        """Those that decide, by name."""
        return {AUTHORIZE: self.authorize, APPROVALS: self.approvals}

    def every(self) -> dict[str, str]:
        """Those that decide and the one that is only tried."""
        return {**self.files(), SHADOW: self.shadow}

    def digests(self) -> dict[str, Digest]:
        """Of each file that decides, by name: the digest of its bytes in UTF-8."""
        return {name: digest_bytes(text.encode()) for name, text in self.files().items()}


class Decider(Protocol):
    """Answers one request at a time, from nothing but the request and what it was loaded with."""

    @property
    def policy(self) -> Digest:
        """Of the policy files and the schema they were validated against."""
        ...

    @property
    def engine(self) -> str:
        """Name and version of what evaluates, such as `cedarpy 4.12.2`."""
        ...

    @property
    def grounds(self) -> Grounds:
        """What every answer is made from, but for the question."""
        ...

    @property
    def submits(self) -> bool:
        """Whether any rule that counts speaks of plans as a whole."""
        ...

    @property
    def weighs_plans(self) -> bool:
        """Whether any rule does, be it only tried; where none does `submit` answers nothing."""
        ...

    @property
    def names_steps(self) -> bool:
        """Whether any rule looks at what a step is called: two calls that are the same in all else
        may then be two questions.
        """
        ...

    def decide(self, request: Request) -> Decision:
        """Never raises: what cannot be decided is denied, and the decision says so."""
        ...

    def submit(self, request: Submission) -> Decision | None:
        """The same of a whole plan; None where no rule speaks of whole plans."""
        ...

    def replan(self, request: Replanning) -> Decision:
        """Whether what is left of a run may be planned anew. Where no rule says so, a human does:
        REQUIRE_APPROVAL without a rule.
        """
        ...
