"""The search attributes that Lockstep's runs carry, made sure of before any run needs them.

A workflow that sets an attribute its server does not know cannot go on; so a worker that cannot
have them does not start.
"""

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import (
    AddSearchAttributesRequest,
    ListSearchAttributesRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from lockstep.errors import LockstepError

NAMES = ("LockstepAgent", "LockstepEnvironment", "LockstepLock", "LockstepState")


async def missing_attributes(client: Client) -> list[str]:
    """The names that the server does not have."""
    answer = await client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace=client.namespace)
    )
    return [name for name in NAMES if name not in answer.custom_attributes]


async def ensure_attributes(client: Client) -> None:
    """Add what is missing, or LS-SRV-001 with the names that somebody else must add."""
    try:
        names = await missing_attributes(client)
        if names:
            await client.operator_service.add_search_attributes(
                AddSearchAttributesRequest(
                    namespace=client.namespace,
                    search_attributes=dict.fromkeys(
                        names, IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD
                    ),
                )
            )
    except RPCError as error:
        if error.status is RPCStatusCode.ALREADY_EXISTS:
            return
        raise LockstepError.of(
            "LS-SRV-001",
            client.service_client.config.target_host,
            f"search attributes {', '.join(NAMES)} cannot be made sure of: "
            f"{error.message.splitlines()[0].lower()}",
            "have an administrator add them to the namespace, each of type Keyword",
        ) from None
