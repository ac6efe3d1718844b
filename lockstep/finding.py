"""One thing that is wrong, said so that it can be put right.

Every check, loader and verdict speaks in findings: a stable code, the place in the user's own
words, what was wanted and found, and what to do. An error is a finding that stopped us.
"""

from collections.abc import Iterable
from enum import StrEnum

from pydantic import Field

from lockstep.record import Record


class Severity(StrEnum):
    """`error` stops a plan from being locked; `warning` is shown and recorded."""

    ERROR = "error"
    WARNING = "warning"


class Edge(Record):
    """An edge that a plan lacks: `after` is to be named in `after` of `step`."""

    step: str
    after: str


def _none(value: object) -> bool:
    return not value


class Finding(Record):
    """One line a person can act on; `code` is explained by `lockstep.codes`.

    Any one of `edges` would mend it, where there are some.
    """

    code: str
    place: str
    problem: str
    fix: str
    severity: Severity = Severity.ERROR
    edges: tuple[Edge, ...] = Field(default=(), exclude_if=_none)

    def __str__(self) -> str:
        place = f"{self.place}: " if self.place else ""
        return _one_line(f"{self.code} {place}{self.problem}; {self.fix}")


def errors_in(findings: Iterable[Finding]) -> list[Finding]:
    """Those that stop a plan."""
    return [found for found in findings if found.severity is Severity.ERROR]


def _one_line(text: str) -> str:
    """Names come from plans: a line break or an escape sequence in one is shown, not obeyed."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )
