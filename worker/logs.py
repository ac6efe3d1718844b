"""Logs are events: a noun, a past participle, and keys; on standard error, never on standard
output.

Rendered for people on a terminal and as one JSON object a line everywhere else. The SDKs' own logs
come through the same door, without their debug level, which can hold prompts and headers.
"""

import json
import logging
import sys
import threading
from collections.abc import Callable, MutableMapping
from contextlib import suppress
from typing import Any, TextIO

import structlog

from worker.plain import plain


class _Redacting(structlog.stdlib.ProcessorFormatter):
    """Renders a line, and takes out of it what nobody is to read."""

    def __init__(self, redaction: Callable[[str], str], is_json: bool, **settings: Any) -> None:
        super().__init__(**settings)
        self._redaction = redaction
        self._is_json = is_json

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        told = self._redaction(line)
        if self._is_json and told != line:
            try:
                json.loads(told)
            except ValueError:
                # A value of digits stood where a number does; whoever reads the log wants objects.
                return json.dumps({"event": "log.redacted", "line": told})
        return told


def _visible(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A line for a terminal: what tools and plans say in it is shown, and obeyed by nobody."""
    return {plain(key): _shown(key, value) for key, value in event.items()}


_TRACES = ("exception", "stack")
"""All that has lines of its own; of anything else they would be taken for other events."""


def _shown(key: str, value: Any) -> Any:
    if not isinstance(value, str):
        # Python writes it down, and escapes it.
        return value
    return "\n".join(map(plain, value.split("\n"))) if key in _TRACES else plain(value)


class _Telling(logging.StreamHandler[TextIO]):
    """Writes lines; of one that cannot be written it says whose it was, and no more."""

    def handleError(self, record: logging.LogRecord) -> None:
        # The library would print what it was given, past everything that is taken out of lines.
        kind = type(sys.exc_info()[1]).__name__
        with suppress(OSError, ValueError):
            line = {"event": "log.unwritable", "logger": ascii(record.name)[1:-1], "error": kind}
            self.stream.write(f"{json.dumps(line)}\n")


def configure(
    stream: TextIO | None = None,
    level: int = logging.INFO,
    core: int = logging.ERROR,
    redaction: Callable[[str], str] = str,
) -> None:
    """Set up structlog and the standard library's logging, once, at the edge of the process.

    `core` is for Temporal's core and SDK: a worker's log wants their warnings, a person's terminal
    does not.
    """
    out = stream or sys.stderr
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    is_json = not out.isatty()
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(sort_keys=True)
        if is_json
        else structlog.dev.ConsoleRenderer()
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )
    handler = _Telling(out)
    # Loggers may be opened later: the model's SDK does so when it is imported with ANTHROPIC_LOG
    # set, and its debug level holds whole prompts. The door stays shut.
    handler.setLevel(level)
    handler.setFormatter(
        _Redacting(
            redaction,
            is_json,
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                *(() if is_json else (_visible,)),
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # What Python itself would print about a tool's code quotes what that was given.
    logging.captureWarnings(True)
    threading.excepthook = _broke
    for name in ("anthropic", "httpx2", "httpcore2"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # It logs whatever an MCP server says, at any length; what matters of that is told by us.
    for name in ("mcp", "client"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    logging.getLogger("temporal.core").setLevel(core)
    # Somebody else's malformed signal is replayed with a stack trace; it ends in no error of ours.
    logging.getLogger("temporalio").setLevel(core if core < logging.ERROR else logging.CRITICAL)
    # A failing tool is an event of ours with its reason; the SDK's stack trace would repeat it.
    logging.getLogger("temporalio.activity").setLevel(logging.ERROR)


def _broke(told: threading.ExceptHookArgs) -> None:
    """A thread that some library started ended with an exception, and nobody waits for it."""
    if told.exc_value is not None and not isinstance(told.exc_value, SystemExit):
        name = told.thread.name if told.thread is not None else "?"
        logging.getLogger("threading").error("thread.broke %s", name, exc_info=told.exc_value)
