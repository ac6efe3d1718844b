"""Calls that a world has met before, and what policy said of them.

Plans come back: mended after what was found, to be locked once they were checked, one after another
from one model. Most of their calls are then the same, and so is the answer, by what both rest on:
what can be foreseen of a call is a function of its arguments and its tool's schema, and a decision,
by the contract of whoever decides, one of the question and the policy. A world never changes. Where
its policy, manifest or tools do, that is another world, which has met nobody.

Arguments are told apart by how they are spelled. What could not be decided is not kept, so that it
is tried again; nor is any answer where a rule looks at what a step is called. The call itself is
not decided here: before it is made the question is put anew, with its real arguments.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from lockstep.decision import Decision
from lockstep.plan import Step
from lockstep.provenance import Provenance
from lockstep.tool import ToolSpec
from policies.foreseen import Foreseen, foreseen

_MOST = 1024
"""Of each sort; then it begins anew, which costs less than to choose."""
_LONGEST = 4096
"""Characters of arguments that are worth keeping."""

Call = tuple[str, str]
"""A tool, and arguments as they are spelled."""

K = TypeVar("K")
V = TypeVar("V")


def call_of(step: Step) -> Call | None:
    """None for a step that is not told by its arguments alone: a loop, whose items are not in them,
    and a compose step, whose output is its own.
    """
    return (step.tool, step.spelled) if step.kind == "tool" and not step.for_each else None


@dataclass(frozen=True, eq=False)
class Familiar:
    """Of one world; may be shared between threads, which at worst find the same thing twice."""

    _seen: dict[Call, Foreseen] = field(default_factory=dict)
    _said: dict[tuple[Call, Provenance, str], Decision] = field(default_factory=dict)

    def foreseen(self, step: Step, spec: ToolSpec) -> Foreseen:
        """What can be foreseen of a step's call; `spec` is the one that this world has for it."""
        call = _kept(step)
        found = self._seen.get(call) if call else None
        if found is None:
            found = foreseen(step, spec)
            if call:
                _keep(self._seen, call, found)
        return found

    def decision(
        self, step: Step, provenance: Provenance, started_by: str, decide: Callable[[], Decision]
    ) -> Decision:
        """What policy says of a step that is planned. It is `decide` that asks."""
        call = _kept(step)
        if call is None:
            return decide()
        key = (call, provenance, started_by)
        made = self._said.get(key)
        if made is None:
            made = decide()
            if not made.errors and not (made.shadow and made.shadow.errors):
                _keep(self._said, key, made)
        return made if made.step == step.id else made.model_copy(update={"step": step.id})


def _kept(step: Step) -> Call | None:
    call = call_of(step)
    return call if call is not None and len(call[1]) <= _LONGEST else None


def _keep(known: dict[K, V], key: K, value: V) -> None:
    if len(known) >= _MOST:
        known.clear()
    known[key] = value
