"""What a step is told, and what those get who draw from it: how far each may be believed."""

from collections.abc import Mapping
from dataclasses import dataclass

from lockstep.provenance import Provenance
from lockstep.tool import ToolSpec
from lockstep.trust import Emits, Trust, emitted, worst

TRUSTED, UNTRUSTED = Trust.TRUSTED, Trust.UNTRUSTED


@dataclass(frozen=True)
class Answer:
    """One way in which a step's output can come about: by a step's tool, whose arguments were so
    far to be believed. The same tool with equally trusted arguments gives the same.
    """

    spec: ToolSpec
    given: Trust
    looped: bool
    step: str

    @property
    def key(self) -> tuple[str, Trust, bool]:
        return self.spec.name, self.given, self.looped

    def trust(self, path: tuple[str, ...], below: bool = True) -> Trust:
        found = emitted(self.spec.emits, path[1:] if self.looped else path, below=below)
        if Emits.UNTRUSTED in found:
            return UNTRUSTED
        return self.given if Emits.INHERITED in found else TRUSTED


@dataclass(frozen=True)
class Output:
    """What those get who draw from a step. `written` where the plan holds an output for it."""

    answers: Mapping[tuple[str, Trust, bool], Answer]
    written: bool
    steered: bool
    sensitive: bool
    sources: int

    def trust(self, path: tuple[str, ...], literals: Trust, below: bool) -> Trust:
        found = worst(answer.trust(path, below) for answer in self.answers.values())
        return worst((found, literals)) if self.written else found


@dataclass(frozen=True)
class Own:
    """What a step is told, before anything stands in for it; `signals` says how far to believe the
    errors of its tool, which are a part of what it gives.
    """

    provenance: Provenance
    given: Trust
    signals: Trust
    sensitive: bool
    sources: int
