"""What an agent did on a server since some time: its runs and its plannings, by id alone."""

from dataclasses import dataclass
from datetime import UTC, datetime

from temporalio.client import Client

from worker.records.history import PLANNING


@dataclass(frozen=True, order=True)
class Past:
    """A run or a planning that has a history."""

    started_at: datetime
    id: str
    planning: bool


async def past(client: Client, agent: str, environment: str | None, since: datetime) -> list[Past]:
    """Newest first, whatever has become of them."""
    at = since.astimezone(UTC).isoformat().replace("+00:00", "Z")
    # Names of agents and environments have no quotation marks.
    query = (
        f'WorkflowType IN ("Run", "{PLANNING}") AND LockstepAgent="{agent}" AND StartTime>"{at}"'
    )
    if environment is not None:
        query += f' AND LockstepEnvironment="{environment}"'
    found = [
        Past(row.start_time, row.id, row.workflow_type == PLANNING)
        async for row in client.list_workflows(query)
    ]
    return sorted(found, reverse=True)
