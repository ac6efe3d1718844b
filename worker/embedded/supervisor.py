"""Keeps a child process up for as long as a block runs, and ends it with all it started.

A child that dies comes back, a little later each time. One that cannot be kept up is given up: the
block is cancelled and LS-SRV-006 leaves it with the child's last words, so that nobody waits for a
process that is not there.

Not asyncio's own subprocesses: they reap in another thread or callback, and a process group may be
killed safely only at the moment its leader is reaped, before the number can be anybody else's.
"""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Self

import structlog

from lockstep.errors import LockstepError
from worker.embedded.logfile import last_words, rotate

QUICK = 10.0
"""Seconds. A child that dies younger than this has died at its start."""
PATIENCE = 5
"""Deaths at the start, in a row, after which a child that ends by itself is broken."""
PATIENCE_IF_KILLED = 20
"""The same for SIGKILL: somebody's hand, or the kernel's when memory is short, may hit again."""
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0
"""Seconds between a death and the next start; doubled each time."""
GRACE = 15.0
"""Seconds between SIGTERM and SIGKILL: more than the ten that a worker gives its running steps."""
POLL = 0.03
"""Seconds. How late a death may be noticed."""
TETHER = Path(__file__).with_name("tether.py")

log = structlog.get_logger(__name__)


class Supervised:
    """One child, up while the block runs.

    Its standard input is a pipe that nobody writes to and that ends with this process; its output
    goes to the log file, since a pipe that nobody reads stops its writer in the end.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        env: Mapping[str, str],
        log_file: Path,
        folder: Path | None = None,
        keep_fds: Sequence[int] = (),
        grace: float = GRACE,
        on_return: Callable[[int], None] | None = None,
    ) -> None:
        """`keep_fds` stay open in the child; `grace` is in seconds; `on_return` is told the new
        process id when the child has come back."""
        self.name = name
        self.log_file = log_file
        self.starts = self._said_before = 0
        self.failure: BaseException | None = None
        self._command = [sys.executable, "-I", "-S", str(TETHER), str(os.getpid()), *command]
        self._env, self._folder, self._keep_fds = dict(env), folder, tuple(keep_fds)
        self._grace, self._on_return = grace, on_return
        self._asked_to_restart = self._leaving = self._cancelled_the_block = False

    @property
    def pid(self) -> int:
        """The process id of the latest start; it leads a process group of its own."""
        return self._process.pid

    async def __aenter__(self) -> Self:
        self._stdin, self._lifeline = os.pipe()
        self._block = asyncio.current_task()
        try:
            self._start()
        except BaseException:
            self._drop_lifeline()
            raise
        self._keeper = asyncio.create_task(self._keep(), name=f"keep {self.name}")
        self._keeper.add_done_callback(self._give_up)
        return self

    async def __aexit__(
        self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None
    ) -> None:
        self._leaving = True
        self._keeper.cancel()
        try:
            await _end(self._process, self._grace)
            await asyncio.gather(self._keeper, return_exceptions=True)
        finally:
            self._drop_lifeline()
            if self._cancelled_the_block and self._block is not None:
                self._block.uncancel()
        # Whatever else went wrong in the block went wrong because of this.
        if self.failure is not None and (
            error is None or isinstance(error, (Exception, asyncio.CancelledError))
        ):
            raise self.failure

    async def restart(self) -> None:
        """Kills the child and brings it back at once; this counts as no death."""
        before = self.starts
        if self._process.returncode is None:
            self._asked_to_restart = True
            _kill_group(self._process)
        while self.starts == before:  # noqa: ASYNC110 – bounded by the keeper, which starts or gives up
            await asyncio.sleep(POLL)

    async def _keep(self) -> None:
        deaths = 0
        while True:
            status = await _death(self._process)
            if self._asked_to_restart:
                self._asked_to_restart = False
            else:
                deaths = deaths + 1 if monotonic() - self._started < QUICK else 0
                if deaths >= (PATIENCE_IF_KILLED if status == -signal.SIGKILL else PATIENCE):
                    raise self._broken(
                        f"ended {deaths} times within {QUICK:.0f} s of its start,"
                        f" last with {_cause(status)}: {self.last_words()}"
                    )
                pause = min(FIRST_PAUSE * 2 ** max(deaths - 1, 0), LONGEST_PAUSE)
                log.warning("child.ended", child=self.name, cause=_cause(status), pause=pause)
                await asyncio.sleep(pause)
            self._start()
            if self._on_return is not None:
                self._on_return(self.pid)

    def _start(self) -> None:
        try:
            rotate(self.log_file)
            self._said_before = self.log_file.stat().st_size if self.log_file.exists() else 0
            with self.log_file.open("ab") as output:
                self._process = subprocess.Popen(
                    self._command,
                    stdin=self._stdin,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env=self._env,
                    cwd=self._folder,
                    pass_fds=self._keep_fds,
                    # The terminal's Ctrl-C is for us; we tell the child when its time has come.
                    start_new_session=True,
                )
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise self._broken(f"cannot be started: {reason}") from None
        self._started = monotonic()
        self.starts += 1

    def _give_up(self, keeper: "asyncio.Task[None]") -> None:
        """Ends the block when the keeper could not go on; `__aexit__` then raises why."""
        if keeper.cancelled() or self._leaving:
            return
        self.failure = keeper.exception()
        if self._block is not None:
            self._cancelled_the_block = True
            self._block.cancel()

    def _broken(self, problem: str) -> LockstepError:
        return LockstepError.of(
            "LS-SRV-006",
            str(self.log_file),
            f"`{self.name}` {problem}",
            "correct what this log says and start again",
        )

    def last_words(self) -> str:
        """The last lines the child wrote since its latest start, as one line."""
        return last_words(self.log_file, self._said_before)

    def _drop_lifeline(self) -> None:
        os.close(self._stdin)
        os.close(self._lifeline)


async def _death(process: "subprocess.Popen[bytes]") -> int:
    """Waits for the end of a child, then ends what it left behind; its exit status."""
    while (status := process.poll()) is None:  # noqa: ASYNC110 – see above: we reap, nobody else
        await asyncio.sleep(POLL)
    _kill_group(process)
    return status


async def _end(process: "subprocess.Popen[bytes]", grace: float) -> None:
    """SIGTERM, a bounded wait, SIGKILL; whoever cancels the wait gets the SIGKILL at once."""
    if process.returncode is not None:
        return
    try:
        with suppress(TimeoutError):
            async with asyncio.timeout(grace):
                process.terminate()
                await _death(process)
    finally:
        if process.returncode is None:
            _kill_group(process)
        with suppress(subprocess.TimeoutExpired):
            # A killed process is gone at once unless its disk hangs, which is not ours to wait for.
            process.wait(timeout=5)


def _kill_group(process: "subprocess.Popen[bytes]") -> None:
    # macOS answers "not permitted" for a group in which only the dead are left.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _cause(status: int) -> str:
    return signal.Signals(-status).name if status < 0 else f"exit status {status}"
