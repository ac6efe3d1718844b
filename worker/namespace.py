"""The namespace our runs live in, and what it must have: 90 days of memory, our search attributes.

Not by the server's own flags: they count only when the database is made, so a database from an
earlier version would go without, and retention has no flag at all.
"""

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from google.protobuf.duration_pb2 import Duration
from temporalio.api.namespace.v1 import NamespaceConfig
from temporalio.api.workflowservice.v1 import (
    DescribeNamespaceRequest,
    DescribeNamespaceResponse,
    UpdateNamespaceRequest,
)
from temporalio.client import Client

from worker.attributes import ensure_attributes, missing_attributes

NAMESPACE = "default"
RETENTION = timedelta(days=90)


async def describe(client: Client) -> DescribeNamespaceResponse:
    return await client.workflow_service.describe_namespace(
        DescribeNamespaceRequest(namespace=NAMESPACE)
    )


async def is_in(database: Path, client: Client) -> bool:
    """Whether the server behind `client` is the one that has this database open.

    A server gives its namespace a random id when it makes the database, so an equal id cannot come
    from another server that took the port before ours could.
    """
    answered = UUID((await describe(client)).namespace_info.id)
    try:
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
            rows = connection.execute("SELECT id FROM namespaces WHERE name = ?", [NAMESPACE])
            return (answered.bytes,) in rows.fetchall()
    except sqlite3.OperationalError:  # not made yet, or busy
        return False


async def furnish(client: Client) -> bool:
    """Adds what is missing of retention and search attributes; whether anything was."""
    ttl = (await describe(client)).config.workflow_execution_retention_ttl
    forgetful = ttl.ToTimedelta() != RETENTION
    if forgetful:
        ttl = Duration()
        ttl.FromTimedelta(RETENTION)
        await client.workflow_service.update_namespace(
            UpdateNamespaceRequest(
                namespace=NAMESPACE, config=NamespaceConfig(workflow_execution_retention_ttl=ttl)
            )
        )
    bare = bool(await missing_attributes(client))
    if bare:
        await ensure_attributes(client)
    return forgetful or bare
