"""The recorded result of checking a plan: what was found, and how each step was decided."""

from pydantic import Field

from lockstep.amount import Amount
from lockstep.bounds import Bounds
from lockstep.decision import Decision, Grounds
from lockstep.fallback import is_absent
from lockstep.finding import Finding, Severity
from lockstep.record import Record
from lockstep.submission import Wanted


class Checked(Record):
    """A verdict on one plan in one world; `worst` is the most that a run of it may spend,
    `bounds` how far it may go otherwise.

    `plan` is policy's answer to the plan as a whole, where it speaks of that; `approval` what a
    human has to say yes to before it is locked. `grounds` are what its decisions were made from.
    """

    findings: tuple[Finding, ...]
    decisions: tuple[Decision, ...] = ()
    worst: Amount = Amount()
    bounds: Bounds = Bounds()
    plan: Decision | None = Field(default=None, exclude_if=is_absent)
    approval: Wanted | None = Field(default=None, exclude_if=is_absent)
    grounds: Grounds | None = Field(default=None, exclude_if=is_absent)

    @property
    def passed(self) -> bool:
        return not any(found.severity is Severity.ERROR for found in self.findings)

    @property
    def errors(self) -> tuple[Finding, ...]:
        return tuple(found for found in self.findings if found.severity is Severity.ERROR)
