"""What is raised when something must stop, with the finding that stopped it.

One class, because callers tell errors apart by code: the code is what users read, scripts match and
Temporal records as the failure's type. Repeating the same call helps for none of them unless the
finding's fix says so.
"""

from lockstep.codes import CODES, Exit
from lockstep.finding import Finding


class LockstepError(Exception):
    """An expected failure: its findings say what was wanted, what was found and what to do."""

    def __init__(self, *findings: Finding) -> None:
        super().__init__("\n".join(map(str, findings)))
        self.findings = findings

    @classmethod
    def of(cls, code: str, place: str, problem: str, fix: str) -> "LockstepError":
        return cls(Finding(code=code, place=place, problem=problem, fix=fix))

    @property
    def code(self) -> str:
        return self.findings[0].code

    @property
    def exit(self) -> Exit:
        return CODES[self.code].exit
