"""What came in and could not be read, as a value that says why.

Whoever reaches the server can hand a workflow bytes that no reader takes: nested five hundred deep,
an integer of six thousand digits, half a character. An exception while they are decoded would park
the workflow for ever, so they are decoded to this, and refused where everything malformed is.
"""

from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel

from lockstep.errors import LockstepError
from lockstep.finding import Finding
from lockstep.loading import parse_json, shaped

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class Unreadable:
    """In the place of a value; `finding` says what is wrong with it, and of its bytes no more."""

    finding: Finding

    @classmethod
    def of(cls, data: bytes, encoding: str) -> "Unreadable":
        """Why nobody can read these bytes, told by the strictest reader there is."""
        problem, fix = f"cannot be read as `{encoding[:40]}`", "send it as JSON"
        if encoding.startswith("json/"):
            try:
                parse_json(data, "payload", canonical=True)
            except LockstepError as error:
                return cls(error.findings[0])
        return cls(Finding(code="LS-LOAD-002", place="payload", problem=problem, fix=fix))


def received(model: type[Model], arguments: tuple[Any, ...], place: str) -> Model:
    """The one argument that a workflow, an update or a signal takes, as the declared noun.

    Whoever passes several passes something else, and is told so like anybody who does.
    """
    for one in arguments:
        if isinstance(one, Unreadable):
            raise LockstepError(one.finding.model_copy(update={"place": place}))
    return shaped(model, arguments[0] if len(arguments) == 1 else [*arguments], place)
