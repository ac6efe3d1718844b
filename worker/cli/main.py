"""`lockstep`: where every command starts and every error ends.

An error is printed as its finding, one line, and the exit code follows from its code. Nothing a
command meets may end in a stack trace; what nobody foresaw is named, and its trace is kept in a
file.
"""

import asyncio
import logging
import os
import signal
import sys
import traceback
from contextlib import suppress
from pathlib import Path
from typing import NoReturn, TextIO

import typer
from typer.exceptions import TyperException

from lockstep.codes import Exit
from lockstep.errors import LockstepError
from lockstep.finding import Finding
from worker.cli.commands import PLACES, commands
from worker.cli.terminal import emit_json, is_json, show_findings
from worker.home import Home
from worker.logs import configure
from worker.plain import plain


def main() -> NoReturn:
    """The console script."""
    # A stream that was closed before we began is None.
    sys.stdout = sys.stdout or _nowhere()
    sys.stderr = sys.stderr or _nowhere()
    configure(level=logging.WARNING)
    for ending in (signal.SIGTERM, signal.SIGHUP):
        # Under `nohup` a terminal that closes is nothing to us.
        if signal.getsignal(ending) is not signal.SIG_IGN:
            signal.signal(ending, _end)
    code = _code()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):
            stream.flush()
    # Temporal's core can abort while the interpreter shuts down, long after all work is done
    # (temporalio/sdk-python#300); so we leave without asking it.
    os._exit(code)


def _end(*_: object) -> None:
    """Whoever ends us politely, or closes the terminal, gets what Ctrl-C gets: children stopped,
    nothing half-done left.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A shell's script starts what it leaves in the background like that. It keeps Ctrl-C from
        # us, and not the end.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    os.kill(os.getpid(), signal.SIGINT)


def _nowhere() -> TextIO:
    return Path(os.devnull).open("w")


def _code() -> int:
    try:
        code = commands()(prog_name="lockstep", standalone_mode=False)
    except LockstepError as error:
        return _report(error)
    except (KeyboardInterrupt, typer.Abort, asyncio.CancelledError):
        return 130
    except typer.Exit as end:
        return end.exit_code
    except TyperException as error:
        return _misused(error)
    except (SystemExit, BrokenPipeError):
        # rich and typer exit like that when whoever read our output has seen enough of it.
        return Exit.DONE
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        return _report(
            LockstepError.of(
                "LS-SRV-007",
                str(error.filename or "output"),
                f"cannot be read or written: {reason}",
                "free some space, or mend the file",
            )
        )
    except Exception as error:  # the last door: nothing may leave as a stack trace
        told = _told_by_server(error)
        return _report(_unforeseen(error) if told is None else _unanswered(told))
    return code if isinstance(code, int) else Exit.DONE


def _report(error: LockstepError) -> int:
    try:
        _tell(error)
    except OSError:
        sys.stderr.write(f"{error}\n")
    return error.exit


def _tell(error: LockstepError) -> None:
    if is_json():
        emit_json({"error": error.code, "findings": [f.model_dump() for f in error.findings]})
    else:
        show_findings(error.findings)


def _misused(error: TyperException) -> int:
    text = error.format_message()
    if text.lstrip().startswith("Usage:"):
        # A command without its arguments shows its help.
        sys.stderr.write(text + "\n")
        return Exit.USAGE
    context = getattr(error, "ctx", None)
    # What stops the reading of options knows of no command.
    named = [word for word in sys.argv[1:2] if word in PLACES]
    command = context.command_path if context else " ".join(["lockstep", *named])
    said = " ".join(text.split()).rstrip(".")
    return _report(
        LockstepError.of(
            "LS-CLI-001", "", f"{said[:1].lower()}{said[1:]}", f"see `{command} --help`"
        )
    )


def _told_by_server(error: Exception) -> str | None:
    """What Temporal's server said, where the error is its own; only who has loaded its client can
    have met one, and loading it takes as long as the rest of us.
    """
    client = sys.modules.get("temporalio.service")
    return str(error) if client is not None and isinstance(error, client.RPCError) else None


def _unanswered(said: str) -> LockstepError:
    """The server took the connection and then did not do its part."""
    try:
        Home.find().check_space()
    except LockstepError as full:
        return full
    return LockstepError.of(
        "LS-SRV-001",
        "Temporal",
        f"does not answer as it should: {plain(_first_line(said))[:300]}",
        "see `lockstep doctor` and the server's log; nothing that was acknowledged is lost",
    )


def _unforeseen(error: Exception) -> LockstepError:
    home = Home.find()
    problem = f"{type(error).__name__}: {_first_line(str(error))}"[:500]
    try:
        home.ensure()
        home.logs.mkdir(exist_ok=True)
        trace = home.logs / "unforeseen.log"
        trace.write_text("".join(traceback.format_exception(error)))
        fix = f"this is a bug in Lockstep: report it with {trace}"
    except (OSError, LockstepError):
        fix = "this is a bug in Lockstep: report it with what you typed"
    return LockstepError(Finding(code="LS-CLI-002", place="", problem=problem, fix=fix))


def _first_line(said: str) -> str:
    return next(iter(said.splitlines()), "")


if __name__ == "__main__":
    main()
