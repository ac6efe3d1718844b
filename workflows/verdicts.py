"""How a workflow asks for a verdict: as an activity, so that question and answer are recorded.

Recorded verdicts are why a new version of the policy engine never breaks the replay of an old run.
A local activity would be cheaper, but after one `workflow.now()` differs between the run and its
replay (seen with temporalio 1.35), and the events carry that time.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError

from lockstep.finding import Finding

Asked = TypeVar("Asked")
Given = TypeVar("Given")


async def verdict(
    id: str,
    method: Callable[[Any, Asked], Awaitable[Given]],
    asked: Asked,
    *,
    timeout: timedelta = timedelta(seconds=30),
    heartbeat: timedelta | None = None,
) -> Given:
    """What a method of the `Validator` contract says; `id` names the activity in the history."""
    return await workflow.execute_activity_method(
        method,
        asked,
        activity_id=id,
        start_to_close_timeout=timeout,
        heartbeat_timeout=heartbeat,
        retry_policy=RetryPolicy(maximum_attempts=5, maximum_interval=timedelta(seconds=10)),
    )


def failed(finding: Finding, *details: Any) -> BaseException:
    """A finding as the failure that ends a workflow or refuses an update: final, typed by code."""
    return ApplicationError(str(finding), *details, type=finding.code, non_retryable=True)


def cancelled(what: str) -> Finding:
    """How an account ends that was cut short from outside."""
    return Finding(
        code="LS-RUN-008",
        place=what,
        problem="was cancelled",
        fix="see the events for what was under way",
    )
