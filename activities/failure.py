"""What is told of an error: short, in whole characters, and never with a secret in it.

An error's words come from a tool, and travel in the history. Nothing here decides whether something
failed; it only finds words for it.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from pydantic import ValidationError
from temporalio.exceptions import ApplicationError

from activities.attempts import Attempts
from activities.placeholders import Filled
from lockstep.finding import Finding
from lockstep.outcome import AttemptEnd

MAX_MESSAGE = 1500
"""A failure's message travels in the history, where a large one is taken for a time-out."""

MAX_REASON = 300
"""What the account keeps of each attempt's failure; of a retry's the server shows 4 KB at most."""

MAX_TOLD = 20
"""Findings of one call that was held back; more of them nobody reads."""

_ROOM = 40
"""Characters that say how many there are beside."""


def failure(
    attempts: Attempts, finding: Finding, *, again: bool = True, after: timedelta | None = None
) -> ApplicationError:
    """What Temporal retries; it carries the account, since it may be the last attempt. Where it
    would fail `again` in vain it is not retried; `after` is when to, if somebody said.
    """
    attempts.end(AttemptEnd.FAILED, finding.problem[:MAX_REASON])
    attempts.beat()
    told = {part: said for part, said in attempts.details.items() if part != "progress"}
    details = {**told, "finding": finding.model_dump(mode="json")}
    return ApplicationError(
        finding.problem,
        details,
        type=finding.code,
        non_retryable=not again,
        next_retry_delay=after,
    )


def stops_us(error: BaseException) -> bool:
    """Whether this step is told to stop, and the error is not the tool's own."""
    if isinstance(error, asyncio.CancelledError):
        task = asyncio.current_task()
        return task is not None and task.cancelling() > 0
    return isinstance(error, (KeyboardInterrupt, GeneratorExit))


def said(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:
        return type(error).__name__


def first(error: Exception) -> str:
    """Of a model's many complaints the first; not shortened yet, since half a secret is not known
    for one.
    """
    if isinstance(error, ValidationError):
        detail = error.errors()[0]
        where = "/".join(map(str, detail["loc"]))
        return f"{where}: {detail['msg']}"
    return str(error)


def briefly(found: Sequence[Finding], scrub: Callable[[str, int], str]) -> tuple[Finding, ...]:
    """Findings as the history can hold them: what they name may be somebody else's words, and they
    may be many. All that people are asked about stands in the arguments beside them.
    """
    told = [
        one.model_copy(
            update={
                "place": in_short(one.place, scrub),
                "problem": in_short(one.problem, scrub),
                "fix": in_short(one.fix, scrub),
            }
        )
        for one in found[:MAX_TOLD]
    ]
    rest = len(found) - len(told)
    if rest:
        problem = f"{told[-1].problem[: MAX_MESSAGE - _ROOM]}; and {rest:,} findings more"
        told[-1] = told[-1].model_copy(update={"problem": problem})
    return tuple(told)


def in_short(text: str, scrub: Callable[[str, int], str]) -> str:
    """The words as they may be told; `scrub` looks no further than that, whatever their length."""
    return writable(scrub(text, MAX_MESSAGE))


def writable(text: str) -> str:
    """As the history can hold it: short, and in whole characters."""
    return text[:MAX_MESSAGE].encode(errors="backslashreplace").decode()[:MAX_MESSAGE]


def scrubbed(value: Any, filled: Filled) -> Any:
    """A signal's data, or how far a tool says it is, with every filled-in value put back to its
    placeholder.
    """
    match value:
        case str():
            return filled.scrub(value)
        case list():
            return [scrubbed(child, filled) for child in value]
        case dict():
            # A key that is no text is nobody's secret, and is refused where it is written down.
            return {scrubbed(key, filled): scrubbed(child, filled) for key, child in value.items()}
        case _:
            return value
