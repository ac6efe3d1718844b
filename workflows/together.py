"""Several tasks as one: all of them end before it does, also when it is cancelled."""

import asyncio
from collections.abc import Sequence
from typing import TypeVar

Given = TypeVar("Given")


async def together(tasks: "Sequence[asyncio.Task[Given]]") -> list[Given]:
    """What each gave. When one raises or this is cancelled, all are cancelled in their order, which
    is the same in a replay, and waited for.
    """
    try:
        return await asyncio.gather(*tasks)
    except (Exception, asyncio.CancelledError):
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise
