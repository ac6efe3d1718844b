"""From calls that did a task to a plan in Lockstep's language.

Each argument is written as what it is. Words of the user's are literals. What an earlier call gave,
as a whole field, is a reference to that field. Free text, which only somebody who has read the
sources can write, is an untrusted input of the run. What is left was worked out from something: of
a person who wrote the solution it is a literal, of a model that had read what others wrote it is an
untrusted input too, but one whose value is fixed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from benchmarks.attacks.recordings import Call
from benchmarks.attacks.tools import Label
from benchmarks.attacks.values import leaves, said, settled
from lockstep.agent import Input
from lockstep.plan import Plan
from lockstep.pointer import pointer
from lockstep.trust import Trust

_TELLING = 3
"""Characters below which a text says too little to be called the same as another."""

_TYPES: dict[type, Literal["string", "integer", "number", "boolean"]] = {
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
}


@dataclass(frozen=True)
class Done:
    """A call that was made, with its arguments as the tool took them, and what it returned."""

    call: Call
    output: Any


@dataclass(frozen=True)
class Proposal:
    """A plan, the inputs that it draws from, and the values that they had when it was made."""

    plan: Plan
    inputs: dict[str, Input]
    values: dict[str, Any]


@dataclass
class _Writing:
    prompt: str
    labels: Mapping[str, Label]
    by_person: bool
    inputs: dict[str, Input] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    seen: list[tuple[str, tuple[str | int, ...], Any]] = field(default_factory=list)
    """Step, path and settled value of everything that earlier steps returned."""

    def argument(self, call: Call, name: str, value: Any) -> Any:
        if name in self.labels[call.tool].composed and isinstance(value, str):
            return self._input("text", value)
        return self._written(name, value)

    def saw(self, step: str, output: Any) -> None:
        self.seen += ((step, at, settled(value)) for at, value in leaves(output))

    def _written(self, name: str, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self._written(key, child) for key, child in value.items()}
        if isinstance(value, list):
            return [self._written(name, child) for child in value]
        if said(self.prompt, value):
            return value
        found = self._origin(name, value)
        if found is not None:
            return {"$from": found[0], "path": pointer(found[1])}
        if self.by_person or type(value) not in _TYPES or _says_little(value):
            return value
        return self._input("read", value)

    def _origin(self, name: str, value: Any) -> tuple[str, tuple[str | int, ...]] | None:
        """The field of an earlier output that the value is: one of the same name before others,
        the latest step's before others, and of that step the first.
        """
        if _says_little(value):
            return None
        wanted = settled(value)
        fits = [(step, at) for step, at, value in self.seen if value == wanted]
        akin = [(step, at) for step, at in fits if _akin(name, at)]
        # Numbers are equal by chance more often than by descent: an amount is no id.
        found = akin if isinstance(value, int | float) else akin or fits
        return next((one for one in found if one[0] == found[-1][0]), None)

    def _input(self, kind: str, value: Any) -> dict[str, str]:
        name = f"{kind}_{len(self.inputs) + 1}"
        self.inputs[name] = Input(type=_TYPES[type(value)], default=value, trust=Trust.UNTRUSTED)
        self.values[name] = value
        return {"$input": f"/{name}"}


def proposed(
    done: Sequence[Done], prompt: str, labels: Mapping[str, Label], *, by_person: bool
) -> Proposal:
    """The plan that these calls would have followed, had it been written before them."""
    writing = _Writing(prompt, labels, by_person)
    steps = []
    for number, one in enumerate(done, 1):
        steps.append(
            {
                "id": f"s{number}",
                "tool": one.call.tool,
                "args": {
                    name: writing.argument(one.call, name, value)
                    for name, value in one.call.args.items()
                    if value is not None
                },
                "after": [f"s{number - 1}"] if number > 1 else [],
            }
        )
        writing.saw(f"s{number}", one.output)
    plan = Plan.model_validate({"lockstep": "plan/1", "steps": steps})
    return Proposal(plan, writing.inputs, writing.values)


def composed(value: Any) -> bool:
    """Whether an argument of a plan is text that is written only when the plan runs."""
    return isinstance(value, dict) and str(value.get("$input", "")).startswith("/text_")


def _akin(name: str, at: tuple[str | int, ...]) -> bool:
    """Whether a field is called like the argument: `event_id` and `id_`, `recipient`."""
    last = next((part for part in reversed(at) if isinstance(part, str)), "").strip("_")
    return bool(last) and (name == last or name.endswith(f"_{last}"))


def _says_little(value: Any) -> bool:
    """Values that are equal by chance: flags, nothing, a letter or two; numbers are not."""
    if isinstance(value, str):
        return len(value.strip()) < _TELLING and not value.strip().isdecimal()
    return isinstance(value, bool) or value is None
