"""A mock: what is answered in a tool's place, in an environment where it is not to be called.

Answers are written down, and of those that fit the first counts, each time: a mock that made
something up would prove nothing twice. What it may answer is what its tool may: an output that fits
the tool's declaration, or one of the errors that the tool declares.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, JsonValue, model_validator

from lockstep.canonical import ExactObject, canonical
from lockstep.names import ErrorName, Sentence
from lockstep.packagefile import PackageFile
from lockstep.record import Record


class MockSignal(Record):
    """A declared error, as the tool would raise it."""

    name: ErrorName
    detail: Sentence = ""
    data: ExactObject = {}


class MockAnswer(Record):
    """One answer; `when` says to which arguments, and nothing in it fits all of them.

    `output_file` is for outputs that deserve a file of their own; whoever loads a mock puts the
    file's value in the place of `output`.
    """

    when: ExactObject = {}
    output: ExactObject | None = None
    output_file: PackageFile | None = None
    signal: MockSignal | None = None

    @model_validator(mode="after")
    def _answers_one_thing(self) -> Self:
        given = [one for one in (self.output, self.output_file, self.signal) if one is not None]
        if len(given) != 1:
            raise ValueError("wanted one of `output`, `output_file` and `signal`")
        return self

    def fits(self, args: JsonValue) -> bool:
        return _holds(self.when, args)


class Mock(Record):
    """A mock file: its answers in the order in which they are tried."""

    lockstep: Literal["mock/1"]
    answers: Annotated[tuple[MockAnswer, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _every_answer_can_count(self) -> Self:
        for number, answer in enumerate(self.answers[:-1]):
            if not answer.when:
                raise ValueError(
                    f"answer {number} has no `when` and fits always, so none after it can count"
                )
        return self

    def answer(self, args: JsonValue) -> MockAnswer | None:
        """The first answer that fits what the tool would have been given; None if none does."""
        return next((answer for answer in self.answers if answer.fits(args)), None)


def _holds(when: JsonValue, value: JsonValue) -> bool:
    """Whether every key that is given is there and equal; lists are equal as a whole or not."""
    if isinstance(when, dict):
        return isinstance(value, dict) and all(
            key in value and _holds(inner, value[key]) for key, inner in when.items()
        )
    # As JSON has it: 1 and 1.0 are one number, and true is none.
    return canonical(when) == canonical(value)
