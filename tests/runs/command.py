"""`lockstep` as a process of its own, as it is for a user; its output is piped.

Where a test is about what a command says and does, the process is a fork of one that has loaded the
libraries (`lockstep`). Where it is about the process itself (what it starts, what it is told by
signals, that it loads whatever it needs), it starts from nothing (`running`, `launched`).
"""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.runs.forking import forks
from tests.runs.yard import DEPLOYED, PATIENCE
from worker.home import VARIABLE


@dataclass(frozen=True)
class Said:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@asynccontextmanager
async def running(
    *arguments: str,
    home: Path | None = None,
    folder: Path | None = None,
    deaf_to: str = "",
    **environ: str,
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A command that is on its way; whatever happens, it does not outlive the block. Whoever starts
    it may have made it `deaf_to` signals, as shells and `nohup` do.
    """
    deaf = ("sh", "-c", f'trap "" {deaf_to}; exec "$@"', "sh") if deaf_to else ()
    process = await asyncio.create_subprocess_exec(
        *deaf,
        *DEPLOYED,
        *arguments,
        env=_environ(home, environ),
        cwd=folder,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def finished(process: asyncio.subprocess.Process, patience: float = PATIENCE) -> Said:
    """The end of a command; whatever it is, there are no escape codes and no stack traces."""
    async with asyncio.timeout(patience):
        out, err = await process.communicate()
    assert process.returncode is not None
    return _plainly(process.returncode, out or b"", err)


async def launched(
    *arguments: str, home: Path | None = None, folder: Path | None = None, **environ: str
) -> Said:
    """A command that starts from nothing, and its end."""
    async with running(*arguments, home=home, folder=folder, **environ) as process:
        return await finished(process)


async def lockstep(
    *arguments: str, home: Path | None = None, folder: Path | None = None, **environ: str
) -> Said:
    """A command and its end. `environ` are variables of its own, but none that Python itself reads
    as it starts.
    """
    pipes = [os.pipe() for _ in range(3)]
    theirs = [writes for _, writes in pipes]
    try:
        forks().start(arguments, _environ(home, environ), folder or Path.cwd(), theirs)
    finally:
        for stream in theirs:
            os.close(stream)
    async with _reading([reads for reads, _ in pipes]) as (out, err, news):
        async with asyncio.timeout(PATIENCE):
            process = int(await news.readline())
            try:
                said = await asyncio.gather(news.readline(), out.read(), err.read())
            except BaseException:
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
                raise
    code, *streams = said
    return _plainly(int(code), *streams)


@asynccontextmanager
async def _reading(streams: list[int]) -> AsyncIterator[list[asyncio.StreamReader]]:
    opened = [await _opened(stream) for stream in streams]
    try:
        yield [reader for reader, _ in opened]
    finally:
        for _, transport in opened:
            transport.close()


async def _opened(stream: int) -> tuple[asyncio.StreamReader, asyncio.ReadTransport]:
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(stream, "rb", 0)
    )
    return reader, transport


def _environ(home: Path | None, more: Mapping[str, str]) -> dict[str, str]:
    return {**os.environ, **more, **({} if home is None else {VARIABLE: str(home)})}


def _plainly(code: int, out: bytes, err: bytes) -> Said:
    said = Said(code, out.decode(), err.decode())
    assert "\x1b" not in said.out + said.err
    assert "Traceback" not in said.out + said.err
    return said
