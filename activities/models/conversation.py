"""Asks a model for one answer, and says everything that was billed for it.

A few questions at most, each for a reason: an answer that was cut off gets more room once, one that
does not fit its schema is told what is wrong with it, and a model that refuses is followed by the
next that the environment names. Then it is a signal, which a plan or a catalogue can provide for.

What goes in is data and is framed as data; what comes out is held to its schema before anybody
sees it. There are no tools, and nothing of a conversation outlives it.
"""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, JsonValue, RootModel
from temporalio import activity

from activities.models.model import Completion, Model, ModelError, Prompt, Stop, Turn
from lockstep.amount import Amount
from lockstep.call import Call, Signal
from lockstep.canonical import Digest, digest
from lockstep.compose import (
    INVALID,
    MAX_CALLS,
    MAX_INPUTS,
    MAX_ROOM,
    REFUSED,
    TOO_LONG,
    TRUNCATED,
    Composed,
    Cut,
    InputName,
    Instruction,
)
from lockstep.cutting import TooLong, fitted, written
from lockstep.errors import LockstepError
from lockstep.finding import Finding
from lockstep.loading import parse_json
from lockstep.lock import LockedComposeStep
from lockstep.record import Record
from lockstep.usage import Bill
from policies.checks.arguments import check_value

_WORDS = Path(__file__).with_name("prompts")
_FILES = ("compose", "compose_again", "compose_once_more")
MAX_TOLD = 300
"""Characters of each finding that a model is told, and of what a signal says."""
MAX_FINDINGS = 2000
"""Characters of all of them, as they are written: what is set aside for a call has room for them.
"""


class ComposeRequest(Record):
    """What a compose step is given, once its references are resolved."""

    instruction: Instruction
    inputs: Annotated[dict[InputName, JsonValue], Field(max_length=MAX_INPUTS)]


class Written(RootModel[dict[str, JsonValue]]):
    """What a model wrote, or a mock in its place."""


def prompt_digest() -> Digest:
    """Of the constant words that every compose step is told."""
    return digest([_words(name) for name in _FILES])


@dataclass
class Conversation:
    """One attempt at one step; `composed` is set when an answer was taken."""

    step: LockedComposeStep
    model: Model
    composed: Composed | None = None
    _asked: int = field(default=0, init=False)

    async def answer(self, request: ComposeRequest, call: Call) -> Written:
        """The answer, or a signal for what kept it from being one; ModelError for trouble that is
        the provider's.
        """
        step = self.step
        try:
            # It may be megabytes, and heartbeats have to go out meanwhile.
            shown, cuts = await asyncio.to_thread(
                fitted, request.inputs, step.max_input_tokens, cut=step.long == "cut"
            )
        except TooLong as error:
            raise Signal(TOO_LONG, str(error)) from None
        first = Turn("user", _question(request.instruction, shown, cuts))
        turns: tuple[Turn, ...] = (first,)
        models, room = list(step.models), 1
        trouble = Signal(INVALID)
        while self._asked < MAX_CALLS:
            answered = await self._ask(call, models[0], turns, room)
            match answered.stop:
                case Stop.REFUSED:
                    why = f" ({answered.category})" if answered.category else ""
                    trouble = Signal(REFUSED, f"`{answered.model}` refused{why}"[:MAX_TOLD])
                    turns, room = (first,), 1
                    models.pop(0)
                    if not models:
                        break
                case Stop.TRUNCATED:
                    most = answered.bill.usage.output
                    trouble = Signal(TRUNCATED, f"was cut off after {most:,} tokens")
                    if room == MAX_ROOM:
                        break
                    turns, room = (first,), MAX_ROOM
                case Stop.OK:
                    try:
                        value = self._value(answered.text)
                    except LockstepError as error:
                        told = [str(one)[:MAX_TOLD] for one in error.findings]
                        trouble = Signal(INVALID, told[0])
                        turns = (first, *_corrected(answered.text, told))
                        continue
                    self.composed = Composed(
                        model=answered.model,
                        request=answered.request,
                        asked=self._asked,
                        cut=cuts,
                    )
                    return Written(value)
        raise trouble

    async def _ask(self, call: Call, model: str, turns: tuple[Turn, ...], room: int) -> Completion:
        self._asked += 1
        prompt = Prompt(
            model=model,
            effort=self.step.effort,
            system=(_words("compose"),),
            turns=turns,
            schema=dict(self.step.output),
            max_tokens=self.step.max_tokens * room,
            label=f"{_label()}/{self._asked}"[-200:],
        )
        try:
            answered = await self.model.complete(prompt, _unheard)
        except ModelError as error:
            self._spend(call, error.bill)
            raise
        except BaseException:
            # Nobody will say what it had cost until now.
            self._spend(call, Bill(calls=1, unknown=1))
            raise
        self._spend(call, answered.bill)
        return answered

    def _spend(self, call: Call, bill: Bill) -> None:
        """What was billed; of a call that nobody knows the end of, all that it may have been."""
        spent, most = bill.amount, self._one
        if bill.unknown:
            spent = Amount(
                tokens=max(spent.tokens, most.tokens),
                microdollars=max(spent.microdollars, most.microdollars),
            )
        call.spend(tokens=spent.tokens, microdollars=spent.microdollars)

    @property
    def _one(self) -> Amount:
        """The most that one call may cost."""
        cost = self.step.cost
        return Amount(
            tokens=-(-cost.tokens // MAX_CALLS), microdollars=-(-cost.microdollars // MAX_CALLS)
        )

    def _value(self, text: str) -> dict[str, JsonValue]:
        """The answer, if it fits; LockstepError with everything that is wrong with it."""
        value = parse_json(text, "answer")
        wrong = tuple(misfits(self.step, value))
        if wrong:
            raise LockstepError(*wrong)
        found: dict[str, JsonValue] = value
        return found


def misfits(step: LockedComposeStep, value: Any) -> Iterator[Finding]:
    """What is wrong with an answer, by the step's own schema."""
    yield from check_value("answer", step.output, value, "LS-STEP-001")


def _question(instruction: str, shown: dict[str, JsonValue], cuts: tuple[Cut, ...]) -> str:
    """The instruction as text of one line, then the data between lines that it cannot contain."""
    told = [
        f"Input `{cut.input}` is cut: its first {cut.shown:,} of {cut.of:,} {cut.unit} are here."
        for cut in cuts
    ]
    asked = f"The instruction: {json.dumps(instruction)}"
    return "\n".join([asked, *told, "<inputs>", written(shown), "</inputs>"])


def _corrected(text: str, findings: list[str]) -> Iterator[Turn]:
    lines = [written(one) for one in findings]
    while len(lines) > 1 and sum(map(len, lines)) > MAX_FINDINGS:
        lines.pop()
    found = "\n".join(lines)
    words = f"{_words('compose_again')}\n{found}\n\n{_words('compose_once_more')}"
    # JSON can write half a character that nothing else can.
    said = text.encode(errors="replace").decode()
    if said.strip():
        yield Turn("assistant", said)
        yield Turn("user", words)


def _unheard(bill: Bill) -> None:
    """An attempt that does not live to say what it spent counts as all it could have spent, which
    is no less than what was heard of so far.
    """


def _label() -> str:
    info = activity.info()
    return f"{info.workflow_id}/{info.activity_id}/{info.attempt}"


def _words(name: str) -> str:
    return (_WORDS / f"{name}.md").read_text().rstrip("\n")
