"""What a run comes to for somebody who has to answer for it: one record for page and program."""

from typing import Literal

from pydantic import AwareDatetime, JsonValue

from lockstep.amount import Amount
from lockstep.canonical import Digest
from lockstep.decision import Outcome
from lockstep.escalation import Verdict
from lockstep.finding import Finding
from lockstep.record import Record
from lockstep.statement import Statement

UNPROVEN = (
    "that nobody wrote another history: whoever owns the Temporal server can. Compare the head "
    "with one that was kept elsewhere, when the run ended",
    "that people are who they say: names are claims, and whoever reaches the server can make any",
    "who proposed the plan and approved it before the run: that is said beside the lock, which the "
    "head does not cover; the digest of the sums covers it, and every time that is Temporal's own",
    "that policy would say the same again: `lockstep replay history.json` asks it, and needs the "
    "agent's folder as it was",
    "what the tools did: what they were given and what they gave is here, and their build's name",
)
"""What no look into a history can show."""


class CallTold(Record):
    """One dispatch of a step. `arguments` are shown as they were `given` to policy if that is so,
    and else as they stand in the plan; `approved` are the approvals that were used.
    """

    step: str
    dispatch: int
    at: AwareDatetime
    tool: str
    effect: str
    reason: str
    arguments: str
    given: bool
    args_digest: Digest | None
    edited_by: str
    outcome: Outcome | None
    why: str
    rules: tuple[str, ...]
    approved: tuple[str, ...]
    end: str
    detail: str
    mocked: bool
    output: Digest | None
    attempts: int


class AnswerTold(Record):
    """One question and what came back; without an answer `by` is empty, and `end` says why."""

    question: str
    step: str
    asked_at: AwareDatetime
    why: str
    shown: str
    args_digest: Digest
    roles: tuple[str, ...]
    end: Verdict | Literal["expired", "withdrawn"]
    by: str = ""
    at: AwareDatetime | None = None
    door: str = ""
    note: str = ""


class Audited(Record):
    """`head` follows from the history; `policy` are the digests of its files as they are pinned,
    `engine` what evaluated them, `skipped` what was left out and why. `outputs` are those whose
    bytes were there to be held against their digests.
    """

    lockstep: Literal["audited/1"] = "audited/1"
    run: str
    goal: str
    agent: str
    role: str
    environment: str
    stage: str
    started_by: str
    trigger: str
    started_at: AwareDatetime | None
    ended_at: AwareDatetime | None
    ended: str
    why: str
    build: str
    engine: dict[str, str]
    inputs: dict[str, JsonValue]
    locks: tuple[Digest, ...]
    statements: tuple[Statement, ...]
    policy: dict[str, Digest]
    mocked: tuple[str, ...]
    activities: int
    outputs: int = 0
    calls: tuple[CallTold, ...]
    answers: tuple[AnswerTold, ...]
    refused: tuple[str, ...]
    skipped: tuple[str, ...]
    spent: Amount
    limits: Amount
    planner_calls: int
    events: int
    head: Digest | None
    head_kept: bool | None = None
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    unproven: tuple[str, ...] = UNPROVEN

    @property
    def holds(self) -> bool:
        return not self.findings

    @property
    def made(self) -> tuple[CallTold, ...]:
        """The calls that went out, as far as it is known."""
        return tuple(one for one in self.calls if one.end != "held back")
