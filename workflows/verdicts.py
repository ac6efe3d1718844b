"""How a workflow asks for a verdict: a local activity, so that the answer is recorded.

Recorded verdicts are why a new version of the policy engine never breaks the replay of an old run.
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


async def verdict(method: Callable[[Any, Asked], Awaitable[Given]], asked: Asked) -> Given:
    """What a method of the `Validator` contract says."""
    return await workflow.execute_local_activity_method(
        method,
        asked,
        start_to_close_timeout=timedelta(seconds=30),
        retry_policy=RetryPolicy(maximum_attempts=3),
    )


def failed(finding: Finding, *details: Any) -> BaseException:
    """A finding as the failure that ends a workflow or refuses an update: final, typed by its
    code.
    """
    return ApplicationError(str(finding), *details, type=finding.code, non_retryable=True)
