"""One conversation with an MCP server: hello, its tools, at most one call, goodbye.

A conversation for each attempt, and none that is kept: the server that is called is the very one
whose tools were looked at, what one run does to it no other run meets, and no process outlives the
attempt that wanted it. What that costs is the server's start.

The server is offered nothing: no model to sample from, no person to ask, no folder. Its answers are
read as plain JSON and judged by us; the SDK's own check of an output would run the patterns of a
stranger and fetch what it refers to.

This file loads the SDK, which takes a second. Only what talks to a server imports it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar

import mcp_types as mcp
from mcp import ClientSession
from mcp.client._transport import TransportStreams
from mcp.shared.exceptions import MCPError
from pydantic import JsonValue, RootModel, ValidationError

from activities.mcp.http import address
from activities.mcp.process import program
from activities.mcp.wire import Broken, Reach, Wire
from lockstep.pinned_tools import MAX_TOOLS

Result = TypeVar("Result")
Json = dict[str, Any]
Progress = Callable[[float, float | None], None]

MAX_PAGES = 100
_OLD = (mcp.METHOD_NOT_FOUND, mcp.UNSUPPORTED_PROTOCOL_VERSION)
"""How a server that knows only the newest protocol answers an old greeting."""


class _Raw(RootModel[dict[str, Any]]):
    """A result as it came."""


class Answered(Exception):
    """The server answered with an error of the protocol; `final` where it would do so again."""

    def __init__(self, problem: str, *, final: bool) -> None:
        super().__init__(problem)
        self.problem = problem
        self.final = final


class Conversation:
    """What may be asked of a server that is there."""

    def __init__(self, session: ClientSession, reach: Reach, news: "_News") -> None:
        self._session, self._reach, self._news = session, reach, news

    async def tools(self) -> list[Json]:
        """What it says of its tools, in full and unread; Broken for more than can be meant."""
        try:
            async with asyncio.timeout(self._reach.start):
                return await self._pages()
        except TimeoutError:
            raise Broken(f"it has not listed its tools in {self._reach.start:g} s") from None

    async def _pages(self) -> list[Json]:
        found: list[Json] = []
        cursor: str | None = None
        for _ in range(MAX_PAGES):
            params = mcp.PaginatedRequestParams(cursor=cursor)
            page = await self._ask(mcp.ListToolsRequest(params=params))
            tools = page.get("tools")
            if not isinstance(tools, list) or not all(isinstance(one, dict) for one in tools):
                raise Broken("its list of tools is none")
            found += tools
            cursor = page.get("nextCursor")
            if len(found) > MAX_TOOLS:
                break
            if cursor is None:
                return found
        raise Broken(f"it has more than {MAX_TOOLS:,} tools, or a list of them without an end")

    def has_news(self) -> bool:
        """Whether it has said that its tools have changed since this was last asked."""
        told, self._news.told = self._news.told, False
        return told

    async def call(self, tool: str, args: dict[str, JsonValue], progress: Progress) -> Json:
        """What it answers to a call, unread."""

        async def on_progress(done: float, total: float | None, message: str | None) -> None:
            progress(done, total)

        params = mcp.CallToolRequestParams(name=tool, arguments=args)
        return await self._ask(mcp.CallToolRequest(params=params), on_progress)

    async def _ask(self, request: "mcp.ClientRequest", progress: Any = None) -> Json:
        try:
            said = await self._session.send_request(request, _Raw, progress_callback=progress)
            return said.root
        except MCPError as error:
            words = self._reach.quoted(error.message)
            final = error.code in (mcp.INVALID_PARAMS, mcp.INVALID_REQUEST, mcp.METHOD_NOT_FOUND)
            raise Answered(f"it answers with error {error.code}: {words}", final=final) from None
        except ValidationError:
            raise Broken(f"what it answers to `{request.method}` is not MCP") from None


class _News:
    """Whether the server has said that its tools are others now."""

    told = False

    async def hear(self, message: Any) -> None:
        if isinstance(message, mcp.ToolListChangedNotification):
            self.told = True


async def talk(reach: Reach, work: Callable[[Conversation], Awaitable[Result]]) -> Result:
    """Whatever `work` finds out; Broken where the server is not there, or not what it should be."""
    wire = Wire(reach.most)
    ends: list[Result | Exception] = []
    talking = asyncio.create_task(_talk(reach, wire, work, ends))
    try:
        first: list[asyncio.Future[Any]] = [talking, wire.broken]
        await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
    finally:
        talking.cancel()
        (gone,) = await asyncio.gather(talking, return_exceptions=True)
    if not ends:
        # What broke the wire is the reason for all else.
        ends.append(wire.broken.result() if wire.broken.done() else _first(gone))
    (end,) = ends
    if isinstance(end, Exception):
        raise end
    return end


async def _talk(
    reach: Reach,
    wire: Wire,
    work: Callable[[Conversation], Awaitable[Result]],
    ends: list[Result | Exception],
) -> None:
    """Adds to `ends` what the work came to: how a conversation ends matters no more then, and what
    is raised in these blocks would leave them in groups.
    """
    news = _News()
    transport: AbstractAsyncContextManager[TransportStreams]
    transport = address(reach, wire) if reach.url else program(reach, wire)
    async with (
        transport as (heard, said),
        ClientSession(heard, said, message_handler=news.hear) as session,
    ):
        try:
            await _greeted(session, reach)
            ends.append(await work(Conversation(session, reach, news)))
        except Exception as error:
            ends.append(error)
        wire.over()


async def _greeted(session: ClientSession, reach: Reach) -> None:
    try:
        async with asyncio.timeout(reach.start):
            await session.initialize()
    except TimeoutError:
        raise Broken(f"it has not said hello in {reach.start:g} s") from None
    except MCPError as error:
        if error.code not in _OLD:
            words = reach.quoted(error.message)
            raise Broken(f"it answers hello with error {error.code}: {words}") from None
        try:
            async with asyncio.timeout(reach.start):
                await session.discover()
        except (MCPError, ValidationError, RuntimeError, TimeoutError):
            raise Broken("it speaks no version of MCP that is spoken here") from None
    except (ValidationError, RuntimeError):
        raise Broken("it answers hello with what is not MCP") from None


def _first(error: BaseException | None) -> Exception:
    """Of a group of errors the first that is one of ours, or a sentence for the first of all."""
    found = list(_each(error))
    ours = [one for one in found if isinstance(one, Broken)]
    return ours[0] if ours else Broken(f"the conversation failed: {type(found[0]).__name__}")


def _each(error: BaseException | None) -> list[BaseException | None]:
    if isinstance(error, BaseExceptionGroup):
        return [inner for one in error.exceptions for inner in _each(one)]
    return [error]
