"""Twelve tools that look something up, each in the same time and with as much to say.

What they say is made of what they were asked, so that whoever writes a script for a stand-in model
knows it beforehand.
"""

import asyncio
from typing import Annotated

from pydantic import Field

from lockstep import Record, Tool, tool

SECONDS = 1.0
OUTPUT_BYTES = 2048


class Lookup(Record):
    """What is looked up."""

    subject: Annotated[str, Field(description="What to look up, by its full name.", max_length=200)]
    since: Annotated[str, Field(description="How far back to look, such as `2h`.")] = "1h"
    limit: Annotated[int, Field(description="How many entries to return.", ge=1, le=500)] = 50


class Found(Record):
    """What there is about it."""

    text: Annotated[str, Field(description="The entries found, one a line.")]
    lead: Annotated[str, Field(description="The full name of what to look up next.")]


def found(subject: str) -> Found:
    """What any of them says about a subject."""
    lead = f"{subject.partition('/')[0]}/{int(subject.rpartition('/')[2]) + 1}"
    line = f"{subject}: state ok, nothing unusual was seen\n"
    return Found(text=(line * OUTPUT_BYTES)[:OUTPUT_BYTES], lead=lead)


def _reader(name: str, what: str) -> Tool:
    async def look_up(request: Lookup) -> Found:
        await asyncio.sleep(SECONDS)
        return found(request.subject)

    look_up.__doc__ = (
        f"Looks up {what} of the subject and returns what was recorded about it, newest first, "
        "together with the full name of the subject that it leads to."
    )
    return tool(name, effect="read")(look_up)


list_pods = _reader("ListPods", "the pods")
list_events = _reader("ListEvents", "the events of the cluster")
list_deployments = _reader("ListDeployments", "the deployments and their replicas")
read_alerts = _reader("ReadAlerts", "the alerts that fired")
read_logs = _reader("ReadLogs", "the log lines")
query_metric = _reader("QueryMetric", "the samples of the main metrics")
describe_node = _reader("DescribeNode", "the nodes, with their conditions,")
read_trace = _reader("ReadTrace", "the slowest traces")
find_owner = _reader("FindOwner", "the owning team and its rota")
read_runbook = _reader("ReadRunbook", "the runbooks")
list_changes = _reader("ListChanges", "the changes that were rolled out")
read_ticket = _reader("ReadTicket", "the tickets")
