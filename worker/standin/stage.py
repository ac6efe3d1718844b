"""Which answer is next: the script, read with every file it names, and how far each scene is.

Files are read when the script is, so that whoever starts a stand-in learns what is missing, and not
the client in the middle of a run.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from lockstep.draft import compact
from lockstep.errors import LockstepError
from lockstep.loading import load, parse_json, read, shaped
from lockstep.standin import Answer, Proposal, Scene, Script, When, recased
from worker.standin.request import Request
from worker.standin.tokens import BYTES, head

Source = Script | Path | Mapping[str, Any]
_FILLER = "The stand-in was not told what to say here. "


@dataclass(frozen=True)
class Line:
    """An answer with its words; `text` is None where there is no block of text at all."""

    answer: Answer
    text: str | None
    stop_reason: str


@dataclass(frozen=True)
class Cue:
    """The next line, and where it stands in the script: `scene` and `number` count from 0."""

    scene: int
    number: int
    line: Line


class Playing(Protocol):
    """Whoever says what a request gets. May be asked by many threads. `model` is the name that
    answers carry; without one, the one that was asked for.
    """

    @property
    def model(self) -> str | None: ...

    def next(self, request: Request) -> Cue | None:
        """What this request gets; None where there is nothing to say to it."""


class Stage:
    """A script being played. May be asked by many threads; each answer is given once."""

    def __init__(self, source: Source, folder: Path | None = None) -> None:
        """`folder` is where named files lie; by default beside the script, or here."""
        script, home = _script(source)
        self.model = script.model
        self._scenes = [_Played(scene, folder or home, n) for n, scene in enumerate(script.scenes)]
        self._lock = threading.Lock()

    def next(self, request: Request) -> Cue | None:
        """What this request gets; None where no scene fits."""
        for number, scene in enumerate(self._scenes):
            if _fits(scene.when, request):
                with self._lock:
                    answer = scene.next()
                return Cue(number, answer, scene.lines[answer])
        return None


class _Played:
    """A scene, and how many of its answers were given."""

    def __init__(self, scene: Scene, folder: Path, number: int) -> None:
        self.when = scene.when
        self.lines = [
            _line(answer, folder, f"/scenes/{number}/answers/{n}")
            for n, answer in enumerate(scene.answers)
        ]
        self._order = [n for n, answer in enumerate(scene.answers) for _ in range(answer.times)]
        self._cycles = scene.then == "cycle"
        self._given = 0

    def next(self) -> int:
        given, count = self._given, len(self._order)
        self._given += 1
        return self._order[given % count if self._cycles else min(given, count - 1)]


def _fits(when: When, request: Request) -> bool:
    return (
        all(text in request.first for text in when.contains)
        and all(text in request.last for text in when.last_contains)
        and all(text in request.system for text in when.system_contains)
        and when.model in (None, request.model)
    )


def spoken(answer: Answer) -> Line:
    """An answer that was made up for one request, and names no file."""
    return _line(answer, Path(), "answer")


def _script(source: Source) -> tuple[Script, Path]:
    match source:
        case Script():
            return source, Path()
        case Path():
            return load(Script, source), source.parent
        case _:
            return shaped(Script, source, "script"), Path()


def _line(answer: Answer, folder: Path, place: str) -> Line:
    text = _text(answer, folder, place)
    if answer.other_case is not None and text is not None:
        text = _recased(text, answer.other_case, place)
    if answer.after_tokens is not None and text is not None:
        text = head(text, answer.after_tokens)
    return Line(answer, text, _stop_reason(answer))


def _text(answer: Answer, folder: Path, place: str) -> str | None:
    match answer.content:
        case "text":
            return answer.text
        case "json":
            return compact(answer.value)
        case "file":
            return _file(folder / str(answer.file), place)
        case "proposal":
            assert answer.proposal is not None
            return _draft(answer.proposal)
        case "proposal_file":
            return _draft(load(Proposal, folder / str(answer.proposal_file)))
        case "truncated":
            return answer.truncated
        case "nothing" | "uses":
            return None
        case _:
            return None if answer.fault is None else _filler(answer)


def _recased(text: str, fields: tuple[str, ...], place: str) -> str:
    return compact(recased(parse_json(text, f"{place}/other_case"), fields))


def _stop_reason(answer: Answer) -> str:
    if answer.refusal is not None:
        return "refusal"
    if answer.truncated is not None or answer.after_tokens is not None:
        return "max_tokens"
    if answer.uses is not None:
        return "tool_use"
    return answer.stop_reason or "end_turn"


def _draft(proposal: Proposal) -> str:
    return compact(proposal.draft.model_dump(mode="json"))


def _filler(answer: Answer) -> str:
    """Words enough to be broken off where the fault says."""
    fault = answer.cut or answer.hang or answer.sse_error
    wanted = (fault.after_tokens or 0) if fault is not None else 0
    return _FILLER * (1 + (wanted + 1) * BYTES // len(_FILLER))


def _file(path: Path, place: str) -> str:
    try:
        return read(path).decode()
    except UnicodeDecodeError as error:
        raise LockstepError.of(
            "LS-LOAD-002",
            f"{place}/file {path}",
            f"not UTF-8 at byte {error.start}",
            "save the file as UTF-8",
        ) from None
