"""The recorded result of checking a plan: what was found, and how each step was decided."""

from pydantic import Field

from lockstep.action import Actions
from lockstep.amount import Amount
from lockstep.bounds import Bounds
from lockstep.decision import Decision
from lockstep.finding import Finding, errors_in
from lockstep.names import ErrorName, ToolName
from lockstep.plan import is_empty
from lockstep.record import Record


class Checked(Record):
    """A verdict on one plan in one world; `worst` is the most that a run of it may spend,
    `bounds` how far it may go otherwise, `recoveries` what is done about its tools' errors."""

    findings: tuple[Finding, ...]
    decisions: tuple[Decision, ...] = ()
    worst: Amount = Amount()
    bounds: Bounds = Bounds()
    recoveries: dict[ToolName, dict[ErrorName, Actions]] = Field(default={}, exclude_if=is_empty)

    @property
    def passed(self) -> bool:
        return not self.errors

    @property
    def errors(self) -> tuple[Finding, ...]:
        return tuple(errors_in(self.findings))
