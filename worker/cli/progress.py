"""A run while it goes on: a list of steps that ticks on a terminal, one line an event in a pipe.

Both are drawn from the run's events and from nothing else, so what is shown is what happened.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from rich.console import Console, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from lockstep.amount import Amount
from lockstep.asked import QuestionAnswered, QuestionAsked, QuestionExpired
from lockstep.duration import write_duration
from lockstep.event import Event, PreflightChecked
from lockstep.fork import RunForked
from lockstep.lock import Lock
from lockstep.replanned import RunReplanned, RunRevised
from lockstep.stepped import (
    StepAttempted,
    StepBlocked,
    StepCaught,
    StepCompleted,
    StepCounted,
    StepFailed,
    StepGathered,
    StepRecovering,
    StepReplaced,
    StepSkipped,
    StepStarted,
)
from lockstep.submission import ACTION, is_about_plan
from lockstep.tail import Tail
from worker.cli.terminal import counted, grid
from worker.plain import plain


@dataclass
class StepView:
    """One row: what the step is doing, and since when."""

    id: str
    tool: str
    state: str = "waiting"
    since: datetime | None = None
    took: float = 0.0
    note: str = ""
    attempts: int = 0
    items: int = 0
    ended: int = 0
    mocked: bool = False


@dataclass
class Progress:
    """Takes events, shows steps. Use as a context manager around the run."""

    lock: Lock
    console: Console
    quiet: bool = False
    spent: Amount = field(default_factory=Amount)
    paused: bool = False
    steps: dict[str, StepView] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._began = time.monotonic()
        self._open: set[str] = set()
        self._tail: Tail | None = None
        for step in self.lock.body.calls:
            self.steps[step.id] = StepView(step.id, step.tool)
        live = self.console.is_terminal and not self.quiet
        self._live = Live(self, console=self.console, refresh_per_second=8) if live else None

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def take(self, events: Sequence[Event]) -> None:
        for event in events:
            self._take(event)
        running = any(step.state in ("running", "recovering") for step in self.steps.values())
        self.paused = bool(self._open) and not running

    def note(self, retrying: Mapping[str, tuple[int, str]]) -> None:
        """Attempts become events only when the step ends; until then the server tells of them."""
        for id, (attempt, failure) in retrying.items():
            row = self.steps.get(id)
            if row is None or row.state != "running" or row.attempts == attempt:
                continue
            row.attempts, row.note = attempt, failure
            self._line(row, f"attempt {attempt}", f"the one before failed: {failure}")

    def _take(self, event: Event) -> None:
        match event.what:
            case StepStarted(step=id, item=item):
                row = self.steps[id]
                begun = row.since if item is not None else None
                row.state, row.since = "running", begun or event.at
                if item:
                    # A line for the first item is enough.
                    return
            case StepAttempted(step=id, attempt=attempt):
                row = self.steps[id]
                row.attempts = attempt.number
                self.spent += attempt.spent
                return
            case StepCounted(step=id, items=items):
                row = self.steps[id]
                row.items, row.since = items, row.since or event.at
                return
            case StepCompleted(step=id, item=int()) | StepReplaced(step=id, item=int()):
                row = self.steps[id]
                row.ended += 1
                row.state, row.note = "running", f"{row.ended} of {row.items}"
                return
            case StepGathered(step=id, items=items):
                row = self.steps[id]
                row.state, row.note = "done", counted(items, "item")
            case StepCompleted(step=id, mocked=mocked):
                row = self.steps[id]
                row.state, row.note, row.mocked = "done", "", mocked
            case PreflightChecked(step=id, holds=holds, comparisons=made):
                row = self.steps[id]
                row.state = "done" if holds else "failed"
                row.note = "as expected" if holds else "; ".join(map(str, made))
            case StepBlocked(step=id, why=why):
                row = self.steps[id]
                row.state, row.note = "blocked", why
            case StepRecovering(step=id, item=item) as recovering:
                row = self.steps[id]
                given_up = recovering.action == "replan"
                row.state = "given up" if given_up else "recovering"
                row.note = _recovering(recovering)
                row.mocked = recovering.mocked
            case StepCaught(step=id, error=error, fallback=fallback):
                row = self.steps[id]
                row.state, row.note = "caught", f"{error}: {fallback}"
            case StepReplaced(step=id, by=by, person=person):
                row = self.steps[id]
                whose = f"as {person} gives it" if person else "as the plan gives it"
                row.state, row.note = "done", f"{by} stood in" if by else whose
            case RunForked() as forked:
                self._carried(forked)
                return
            case RunRevised(tail=tail):
                self._tail = tail
                return
            case RunReplanned():
                self._go_on()
                return
            case StepSkipped(step=id, because=because):
                row = self.steps[id]
                row.state, row.note = "skipped", because
            case StepFailed(step=id, finding=finding, mocked=mocked):
                row = self.steps[id]
                row.state, row.note = "failed", f"{finding.code} {finding.problem}"
                row.mocked = mocked
            case QuestionAsked(question=question):
                row = self._asked(question.id, question.step)
                row.state = "asking"
                self._open.add(question.id)
                if row.note == question.why:
                    # The line above this one has just said why.
                    self._line(row, f"asks {question.id}", "")
                    return
                row.note = question.why
            case QuestionAnswered(question=question_id, step=id, verdict=verdict, by=by):
                row = self._asked(question_id, id)
                row.state, row.note = "answered", f"{verdict} by {by}"
                self._open.discard(question_id)
            case QuestionExpired(question=question_id, step=id):
                row = self._asked(question_id, id)
                row.note = "nobody answered in time"
                self._open.discard(question_id)
            case _:
                return
        if row.since:
            row.took = (event.at - row.since).total_seconds()
        self._line(row, row.state, row.note)

    def _carried(self, forked: RunForked) -> None:
        """What another run has done."""
        for one in forked.carried:
            row = self.steps[one.step]
            if one.items:
                row.ended = len(one.items)
                row.note = f"{counted(row.ended, 'item')} carried"
            else:
                row.state = "done" if one.value is not None else "skipped"
                row.note = f"carried{'' if one.value is not None else f': {one.because}'}"
            self._line(row, "carried", one.because)

    def _go_on(self) -> None:
        """With other steps to come."""
        for id in self._tail.removed if self._tail else ():
            row = self.steps[id]
            if row.state == "waiting":
                row.state, row.note = "skipped", "not in the new plan"
        for id, tool in self._tail.tools.items() if self._tail else ():
            self.steps[id] = StepView(id, tool)

    def _asked(self, question: str, step: str) -> StepView:
        """The row of what a question is about: a step, or all of them together."""
        if is_about_plan(question):
            return self.steps.setdefault(ACTION, StepView("plan", "as a whole"))
        return self.steps[step]

    def _line(self, row: StepView, state: str, note: str) -> None:
        if self._live or self.quiet:
            return
        mock = ", mock" if row.mocked else ""
        took = f" ({row.took:.1f} s{mock})" if state in ("done", "failed") else ""
        tail = f": {plain(note)}" if note else ""
        self.console.print(
            f"{self.elapsed:7.1f} s  {row.id}  {row.tool}  {state}{took}{tail}", markup=False
        )

    @property
    def elapsed(self) -> float:
        """Seconds since this command began to watch."""
        return time.monotonic() - self._began

    def __rich__(self) -> RenderableType:
        table = self.table(datetime.now(UTC))
        table.add_row("", Text(self.footer, style="dim"), "", "")
        return table

    def table(self, now: datetime) -> Table:
        """The steps as they stand at a moment."""
        table = grid(4)
        for row in self.steps.values():
            table.add_row(*self._cells(row, now))
        return table

    @property
    def footer(self) -> str:
        money = f" · ${self.spent.microdollars / 1e6:.2f}" if self.spent.microdollars else ""
        tokens = f" · {self.spent.tokens:,} tokens" if self.spent.tokens else ""
        return f"{self.elapsed:.0f} s · {counted(self.spent.calls, 'call')}{tokens}{money}"

    def _cells(self, row: StepView, now: datetime) -> tuple[RenderableType, ...]:
        marks: dict[str, RenderableType] = {
            "waiting": Text("·", style="dim"),
            "running": Spinner("dots", style="cyan"),
            "done": Text("✓", style="green"),
            "blocked": Text("✗", style="red"),
            "failed": Text("✗", style="red"),
            "recovering": Text("↻", style="yellow"),
            "caught": Text("!", style="yellow"),
            "given up": Text("!", style="yellow"),
            "skipped": Text("–", style="yellow"),
            "asking": Text("?", style="yellow"),
            "answered": Text("·", style="cyan"),
        }
        took = row.took
        if row.state == "running" and row.since:
            took = (now - row.since).total_seconds()
        retries = f"  attempt {row.attempts}" if row.attempts > 1 else ""
        mock = " (mock)" if row.mocked else ""
        return (
            marks[row.state],
            Text(f"{row.id}  {row.tool}", style="dim" if row.state == "waiting" else ""),
            Text(f"{took:.1f} s{mock}{retries}" if row.since else ""),
            Text(plain(row.note), style="dim"),
        )


def _recovering(what: StepRecovering) -> str:
    """`[3] Throttled: again in 30s (1 of 3)`; the item of a loop first."""
    item = f"[{what.item}] " if what.item is not None else ""
    count = f" ({what.number} of {what.times})" if what.times > 1 else ""
    way = f"again in {write_duration(what.delay)}" if what.delay else "again at once"
    if what.action == "substitute":
        way = f"with {', '.join(map(str, what.changes))}"
    elif what.action == "escalate":
        way = "a human is asked"
    elif what.action == "replan":
        way = "the rest is planned anew"
    return f"{item}{what.error}: {way}{count}"
