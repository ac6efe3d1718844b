"""`lockstep` as a process of its own, as it is for a user; its output is piped."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
        env={**os.environ, **environ, **({} if home is None else {VARIABLE: str(home)})},
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
    said = Said(process.returncode, (out or b"").decode(), err.decode())
    assert "\x1b" not in said.out + said.err
    assert "Traceback" not in said.out + said.err
    return said


async def lockstep(
    *arguments: str, home: Path | None = None, folder: Path | None = None, **environ: str
) -> Said:
    """A command and its end. `environ` are variables of its own."""
    async with running(*arguments, home=home, folder=folder, **environ) as process:
        return await finished(process)
