"""How a run ended, in one value."""

from typing import Literal

from pydantic import Field

from lockstep.amount import Amount
from lockstep.canonical import Digest
from lockstep.fallback import is_absent
from lockstep.finding import Finding
from lockstep.outlay import Outlay
from lockstep.record import Record, is_empty
from lockstep.value import Value


class RunResult(Record):
    """How a run ended; `head` is the digest of its last event, number `events`. `planner_calls` is
    how often a model was asked for a plan: a lock leaves nothing to ask. Where the run began with a
    planning, `planned` says what that cost. Where its rest was planned anew, `replans` says how
    often, and `lock` is the last lock. `spent` has all of it in it. `forked` is the run that it
    went on from, whose outputs are among its own.
    """

    lockstep: Literal["result/1"] = "result/1"
    status: Literal["completed", "failed", "refused"]
    run: str
    lock: Digest | None
    outputs: dict[str, Value] = {}
    skipped: tuple[str, ...] = ()
    spent: Amount = Amount()
    planner_calls: int = 0
    planned: Outlay | None = Field(default=None, exclude_if=is_absent)
    replans: int = Field(default=0, ge=0, exclude_if=is_empty)
    forked: str = Field(default="", exclude_if=is_empty)
    findings: tuple[Finding, ...] = ()
    events: int = Field(ge=0)
    head: Digest
