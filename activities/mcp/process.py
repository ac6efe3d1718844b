"""An MCP server that is a program: started for one conversation, ended with it.

It speaks JSON, one message a line, on its standard output. Its standard error is its own to write
to and goes to our log, escaped and in bounds. It has the environment that the manifest gives it and
not ours.

Not the SDK's transport: that reads a line of any length, passes over what is no message, hands the
program six of our variables, and leaves the program alone if we are killed.
"""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process, SubprocessStreamProtocol
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import anyio
import structlog
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.shared.message import SessionMessage
from mcp_types import jsonrpc_message_adapter
from pydantic_core import from_json

from activities.mcp.wire import Broken, Reach, Wire

LEASH = Path(__file__).with_name("leash.py")
GRACE = 2.0
"""Seconds that a program has to end by itself when nobody talks to it any more."""
KILLED = 5.0
"""Seconds in which its leash, once let go, is gone with all it held."""
_LINE = 4096
"""Bytes of a line of its standard error that are waited for."""
MAX_LOGGED = 200
"""Lines of its standard error; of each so many characters as are ever quoted."""

log = structlog.get_logger(__name__)

Streams = tuple[
    MemoryObjectReceiveStream[SessionMessage | Exception], MemoryObjectSendStream[SessionMessage]
]


@asynccontextmanager
async def program(reach: Reach, wire: Wire) -> AsyncIterator[Streams]:
    """The two directions of a conversation with a program that is up while the block runs."""
    lifeline, held = os.pipe()
    try:
        process, transport = await _started(reach, lifeline, wire.most)
    except BaseException:
        os.close(held)
        raise
    finally:
        os.close(lifeline)
    heard, received = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    sent, waiting = anyio.create_memory_object_stream[SessionMessage](0)
    complaints = _Complaints(reach)
    tasks = [
        asyncio.create_task(complaints.read(process)),
        asyncio.create_task(_hear(process, wire, heard, reach, complaints)),
        asyncio.create_task(_say(process, wire, waiting)),
    ]
    patient = False
    try:
        yield received, sent
        patient = True
    finally:
        try:
            await _end(process, GRACE if patient else 0.0)
        finally:
            os.close(held)
            for task in tasks:
                task.cancel()
            try:
                await _gone(transport, KILLED)
            finally:
                transport.close()
                for stream in (heard, received, sent, waiting):
                    stream.close()
                await asyncio.gather(*tasks, return_exceptions=True)


async def _started(
    reach: Reach, lifeline: int, limit: int
) -> tuple[Process, asyncio.SubprocessTransport]:
    loop = asyncio.get_running_loop()
    try:
        # As `create_subprocess_exec` does it, but the transport is ours to close.
        transport, protocol = await loop.subprocess_exec(
            lambda: SubprocessStreamProtocol(limit=limit, loop=loop),
            *(sys.executable, "-I", "-S", str(LEASH), str(lifeline)),
            *reach.command,
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            env=dict(reach.env),
            cwd=reach.folder,
            pass_fds=(lifeline,),
            start_new_session=True,
        )
    except OSError as error:
        raise Broken(f"it cannot be started: {(error.strerror or str(error)).lower()}") from None
    return Process(transport, protocol, loop), transport


async def _hear(
    process: Process,
    wire: Wire,
    heard: MemoryObjectSendStream[SessionMessage | Exception],
    reach: Reach,
    complaints: "_Complaints",
) -> None:
    """One message a line, until there are no more; then the wire is broken."""
    assert process.stdout is not None
    with suppress(Broken, anyio.ClosedResourceError, anyio.BrokenResourceError):
        while line := await _line(process.stdout, wire):
            wire.count(len(line))
            if not line.strip():
                continue
            try:
                # Read first and looked at then: the adapter, given text, makes everything in it
                # several times over, and nothing else goes on for half a minute.
                message = jsonrpc_message_adapter.validate_python(from_json(line), by_name=False)
            except ValueError:
                words = reach.quoted(line.decode(errors="replace").strip())
                wire.fail(f"it says what is not MCP: {words}")
            await heard.send(SessionMessage(message))
        wire.snap(await complaints.last(process))


async def _line(stdout: asyncio.StreamReader, wire: Wire) -> bytes:
    try:
        return await stdout.readuntil(b"\n")
    except asyncio.IncompleteReadError as rest:
        # Half a message is none.
        return b"" if not rest.partial.strip() else rest.partial
    except asyncio.LimitOverrunError:
        wire.flood()


async def _say(
    process: Process,
    wire: Wire,
    waiting: MemoryObjectReceiveStream[SessionMessage],
) -> None:
    assert process.stdin is not None
    try:
        async for one in waiting:
            text = one.message.model_dump_json(by_alias=True, exclude_unset=True)
            process.stdin.write(text.encode() + b"\n")
            await process.stdin.drain()
    except (OSError, anyio.ClosedResourceError):
        # That it has gone is told by its output's end, and with its last words.
        return


class _Complaints:
    """What a program writes to its standard error."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        self._last = ""
        self._done = asyncio.Event()

    async def read(self, process: Process) -> None:
        assert process.stderr is not None
        logged, rest, is_told = 0, b"", False
        while part := await process.stderr.read(_LINE):
            *lines, rest = (rest + part).split(b"\n")
            if lines and is_told:
                lines, is_told = lines[1:], False
            if len(rest) > _LINE and not is_told:
                # A line without an end is told as far as it goes, and no further: what came next
                # might be the second half of a secret.
                lines, is_told = [*lines, rest], True
            rest = b"" if is_told else rest
            for line in lines:
                logged += self._tell(line, logged)
        self._tell(rest, logged)
        self._done.set()

    def _tell(self, line: bytes, logged: int) -> int:
        if not line.strip():
            return 0
        self._last = self._reach.quoted(line.decode(errors="replace").strip())
        if logged < MAX_LOGGED:
            log.info("mcp.complained", server=self._reach.server, said=self._last)
        return 1

    async def last(self, process: Process) -> str:
        """How a program ended that has closed its output, and its last words."""
        with suppress(TimeoutError):
            async with asyncio.timeout(GRACE):
                await self._done.wait()
                while process.returncode is None:  # noqa: ASYNC110 – see `_gone`
                    await asyncio.sleep(0.01)
        how = "it closed its output"
        if process.returncode is not None:
            how = f"it ended with exit status {process.returncode}"
        return f"{how}: {self._last}" if self._last else how


async def _end(process: Process, patience: float) -> None:
    """No more is said; a program that hears it ends by itself."""
    assert process.stdin is not None
    process.stdin.close()
    with suppress(TimeoutError):
        async with asyncio.timeout(patience):
            while process.returncode is None:  # noqa: ASYNC110 – see `_gone`
                await asyncio.sleep(0.01)


async def _gone(transport: asyncio.SubprocessTransport, patience: float) -> None:
    """Until its leash has ended, which has ended all else.

    Not `wait()`: that waits for the ends of its pipes as well, which somebody else may hold.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(patience):
            while transport.get_returncode() is None:  # noqa: ASYNC110 – see above
                await asyncio.sleep(0.01)
