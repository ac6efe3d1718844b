"""The desk where a run's questions lie until somebody answers, time runs out, or the run ends.

It holds the state that both doors act on. State is made in `@workflow.init`: an answer may come in
before the run's first line.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from temporalio import workflow
from temporalio.common import SearchAttributeKey

from lockstep.asked import AnswerRefused, QuestionAnswered, QuestionAsked, QuestionExpired
from lockstep.escalation import Answer, Question
from lockstep.finding import Finding
from policies.escalation import judge
from workflows.journal import Journal

MAX_REFUSED = 100
"""Refused signals that are still written down; a flood of them must not fill the journal."""

MAX_CHANGES = 50
"""Edits and skips that are looked at for one question; each look is an activity."""

STATE = SearchAttributeKey.for_keyword("LockstepState")
"""`running` or `waiting`; what `inbox list` looks for."""


@dataclass(frozen=True)
class Silent:
    """Nobody answered in time."""


@dataclass(frozen=True)
class Withdrawn:
    """The run ends for another reason; the answer no longer matters."""


class Desk:
    """Open questions, given answers, and how long humans have been waited for."""

    def __init__(self, journal: Journal) -> None:
        self.closed = False
        self._journal = journal
        self._open: dict[str, Question] = {}
        self._used: set[str] = set()
        self._answers: dict[str, Answer] = {}
        self._changes: dict[str, int] = {}
        self._refused = 0
        self._waited = timedelta()
        self._waiting_since: datetime | None = None

    @property
    def questions(self) -> list[Question]:
        return list(self._open.values())

    @property
    def waited(self) -> timedelta:
        """Time during which at least one question lay open."""
        since = self._waiting_since
        return self._waited + (workflow.now() - since if since else timedelta())

    async def ask(
        self, question: Question, is_moot: Callable[[], bool] = lambda: False
    ) -> Answer | Silent | Withdrawn:
        """Lay the question open until it is answered, its deadline passes, the desk closes, or its
        answer does not matter any more.
        """
        if not self._open:
            self._waiting_since = workflow.now()
            workflow.upsert_search_attributes([STATE.value_set("waiting")])
        self._used.add(question.id)
        self._open[question.id] = question
        self._journal.write(QuestionAsked(question=question))
        silent = False
        try:
            await workflow.wait_condition(
                lambda: self.closed or question.id in self._answers or is_moot(),
                timeout=question.deadline - workflow.now(),
                timeout_summary=f"answer to {question.id}",
            )
        except TimeoutError:
            silent = True
        finally:
            # Nothing is asked of the workflow here: a run that is dropped from memory, for another
            # to take its place on this thread, comes by as well.
            del self._open[question.id]
        if not self._open and self._waiting_since:
            self._waited = self.waited
            self._waiting_since = None
            workflow.upsert_search_attributes([STATE.value_set("running")])
        # An answer that came in the same moment as the end of time has been taken, and counts.
        if silent and question.id not in self._answers:
            self._journal.write(
                QuestionExpired(question=question.id, step=question.step, silence=question.silence)
            )
            return Silent()
        return self._answers.get(question.id) or Withdrawn()

    def problem(self, answer: Answer) -> Finding | None:
        """Why this answer cannot be taken now, if it cannot."""
        question = self._open.get(answer.question)
        if question is None or answer.question in self._answers:
            waiting = ", ".join(f"`{name}`" for name in self._open) or "nothing"
            return Finding(
                code="LS-ASK-001",
                place=f"question `{answer.question}`",
                problem="does not wait for an answer",
                fix=f"see `lockstep inbox list`; this run waits for {waiting}",
            )
        if workflow.now() >= question.deadline:
            return Finding(
                code="LS-ASK-001",
                place=f"question `{answer.question}`",
                problem="its deadline has passed",
                fix="see what silence meant with `lockstep runs show`",
            )
        return judge(question, answer)

    def tried(self, answer: Answer) -> Finding | None:
        """Counts a change that is to be looked at; a finding when there were too many."""
        count = self._changes.get(answer.question, 0)
        if count >= MAX_CHANGES:
            return Finding(
                code="LS-ASK-006",
                place=f"question `{answer.question}`",
                problem=f"{count} edits and skips were looked at and none could be taken",
                fix="give another answer than these",
            )
        self._changes[answer.question] = count + 1
        return None

    def question(self, name: str) -> Question:
        return self._open[name]

    def unused(self, prefix: str, number: int) -> str:
        """An id for a question that none had, from this number on: an answer belongs to what was
        shown, and is found by the id of its question.
        """
        while f"{prefix}.{number}" in self._used:
            number += 1
        return f"{prefix}.{number}"

    def take(self, answer: Answer, door: Literal["update", "signal"]) -> None:
        """The answer counts from here on."""
        question = self._open[answer.question]
        self._answers[answer.question] = answer
        self._journal.write(
            QuestionAnswered(
                question=answer.question,
                step=question.step,
                verdict=answer.verdict,
                by=answer.by,
                note=answer.note,
                door=door,
            )
        )

    def refuse(self, finding: Finding) -> None:
        """A signal cannot be rejected, so its refusal is written down, up to a point."""
        self._refused += 1
        if self._refused <= MAX_REFUSED:
            short = {"place": finding.place[:200], "problem": finding.problem[:300]}
            self._journal.write(AnswerRefused(finding=finding.model_copy(update=short)))
