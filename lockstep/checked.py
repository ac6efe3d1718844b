"""The recorded result of checking a plan: what was found, and how each step was decided."""

from pydantic import Field

from lockstep.amount import Amount
from lockstep.bounds import Bounds
from lockstep.decision import Decision
from lockstep.finding import Finding, Severity
from lockstep.record import Record
from lockstep.trust import Trust, is_trusted


class Checked(Record):
    """A verdict on one plan in one world; `worst` is the most that a run of it may spend,
    `bounds` how far it may go otherwise. `literals` says whether what the plan writes down itself
    may be believed.
    """

    findings: tuple[Finding, ...]
    decisions: tuple[Decision, ...] = ()
    worst: Amount = Amount()
    bounds: Bounds = Bounds()
    literals: Trust = Field(default=Trust.TRUSTED, exclude_if=is_trusted)

    @property
    def passed(self) -> bool:
        return not any(found.severity is Severity.ERROR for found in self.findings)

    @property
    def errors(self) -> tuple[Finding, ...]:
        return tuple(found for found in self.findings if found.severity is Severity.ERROR)
