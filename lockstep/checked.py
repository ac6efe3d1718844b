"""The recorded result of checking a plan: what was found, and how each step was decided."""

from pydantic import Field

from lockstep.action import Actions
from lockstep.amount import Amount
from lockstep.bounds import Bounds
from lockstep.decision import Decision, Grounds
from lockstep.fallback import is_absent
from lockstep.finding import Finding, errors_in
from lockstep.names import ErrorName, StepId, ToolName
from lockstep.plan import is_empty
from lockstep.record import Record
from lockstep.submission import Wanted
from lockstep.trust import Trust, is_trusted


class Doubt(Record):
    """Why a step was held back, where that is because of where its arguments come from."""

    step: StepId
    says: str


class Checked(Record):
    """A verdict on one plan in one world; `worst` is the most that a run of it may spend,
    `bounds` how far it may go otherwise, `recoveries` what is done about its tools' errors.
    `doubts` tell of steps that are held back because of where their arguments come from. `literals`
    says whether what the plan writes down itself may be believed.

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
    recoveries: dict[ToolName, dict[ErrorName, Actions]] = Field(default={}, exclude_if=is_empty)
    doubts: tuple[Doubt, ...] = Field(default=(), exclude_if=is_empty)
    literals: Trust = Field(default=Trust.TRUSTED, exclude_if=is_trusted)

    def says(self, step: str) -> tuple[str, ...]:
        """Why a step was held back, as far as that is where its arguments come from."""
        return tuple(doubt.says for doubt in self.doubts if doubt.step == step)

    @property
    def passed(self) -> bool:
        return not self.errors

    @property
    def errors(self) -> tuple[Finding, ...]:
        return tuple(errors_in(self.findings))
