"""The recorded result of checking a plan: what was found, and how each step was decided."""

from pydantic import Field

from lockstep.amount import Amount
from lockstep.bounds import Bounds
from lockstep.decision import Decision
from lockstep.finding import Finding, Severity
from lockstep.names import StepId
from lockstep.plan import is_empty
from lockstep.record import Record
from lockstep.trust import Trust, is_trusted


class Doubt(Record):
    """Why a step was held back, where that is because of where its arguments come from."""

    step: StepId
    says: str


class Checked(Record):
    """A verdict on one plan in one world; `worst` is the most that a run of it may spend,
    `bounds` how far it may go otherwise. `doubts` tell of steps that are held back because of where
    their arguments come from. `literals` says whether what the plan writes down itself
    may be believed.
    """

    findings: tuple[Finding, ...]
    decisions: tuple[Decision, ...] = ()
    worst: Amount = Amount()
    bounds: Bounds = Bounds()
    doubts: tuple[Doubt, ...] = Field(default=(), exclude_if=is_empty)
    literals: Trust = Field(default=Trust.TRUSTED, exclude_if=is_trusted)

    def says(self, step: str) -> tuple[str, ...]:
        """Why a step was held back, as far as that is where its arguments come from."""
        return tuple(doubt.says for doubt in self.doubts if doubt.step == step)

    @property
    def passed(self) -> bool:
        return not any(found.severity is Severity.ERROR for found in self.findings)

    @property
    def errors(self) -> tuple[Finding, ...]:
        return tuple(found for found in self.findings if found.severity is Severity.ERROR)
