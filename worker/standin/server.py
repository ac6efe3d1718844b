"""The stand-in model itself: a server that speaks the Messages API to clients on this machine.

A thread a connection, from the standard library: faults need the bare socket, and a test's own
event loop may be the very thing that hangs. It binds the loopback address and no other, keeps no
key, and writes nothing to standard output.
"""

import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingTCPServer
from typing import Any, Literal
from urllib.parse import urlsplit

from lockstep.errors import LockstepError
from worker.embedded.ports import LOOPBACK
from worker.standin.acts import Act
from worker.standin.billed import Billed
from worker.standin.cache import Cache
from worker.standin.ledger import Account, Entry, Ledger, Totals
from worker.standin.refused import Refused
from worker.standin.reply import Reply, acts, begins, documented, refusing
from worker.standin.request import MOST_BYTES, read_request
from worker.standin.stage import Playing, Source, Stage
from worker.standin.wire import Wire

Heard = Callable[[Entry], None]
_ENDPOINTS: dict[str, Literal["messages", "count_tokens"]] = {
    "/v1/messages": "messages",
    "/v1/messages/count_tokens": "count_tokens",
}
_IDLE_SECONDS = 300
"""After which a client that sends nothing, or takes nothing, is let go."""
_JOIN_SECONDS = 2
_SHOWN = 80
"""Characters of a message that nobody expected."""
_MOST_DRAINED = 256 * 1024 * 1024


class _Server(ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 512

    def __init__(self, stage: Playing, port: int, heard: Heard | None) -> None:
        self.stage = stage
        self.cache = Cache()
        self.ledger = Ledger()
        self.heard = heard
        self.stopping = threading.Event()
        self._lock = threading.Lock()
        self._live: dict[socket.socket, threading.Thread] = {}
        super().__init__((LOOPBACK, port), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        thread = threading.Thread(
            target=self.process_request_thread, args=(request, client_address), daemon=True
        )
        with self._lock:
            self._live[request] = thread
        thread.start()

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._live.pop(request, None)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that breaks off is nothing to report; a bug of ours goes to standard error."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)

    def hang_up(self) -> None:
        """End every answer that is being given."""
        with self._lock:
            live = dict(self._live)
        for connection in live:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in live.values():
            thread.join(_JOIN_SECONDS)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = _IDLE_SECONDS
    server: _Server

    def do_GET(self) -> None:
        if self._path == "/ledger":
            self._perform(documented(self.server.ledger.written()))
        else:
            self._perform(refusing(self._nowhere(), "req_standin"))

    def do_POST(self) -> None:
        body = self._read()
        endpoint = _ENDPOINTS.get(self._path)
        if endpoint is None:
            self._perform(refusing(self._nowhere(), "req_standin"))
            return
        account = self.server.ledger.open(endpoint, self._has_key)
        self._perform(self._answer(body, account), account)
        if self.server.heard is not None:
            self.server.heard(account.entry)

    def log_message(self, *_: Any) -> None:
        """The ledger says it all."""

    @property
    def _path(self) -> str:
        return urlsplit(self.path).path

    @property
    def _has_key(self) -> bool:
        bearer = self.headers.get("authorization", "").partition(" ")[2]
        return bool(bearer.strip() or self.headers.get("x-api-key", "").strip())

    def _nowhere(self) -> Refused:
        return Refused(404, f"the stand-in has no {self.command} {self._path}")

    def _perform(self, acts: Iterator[Act], account: Account | None = None) -> None:
        wire = Wire(self, self.server.stopping)
        wire.perform(acts, account.entry.request_id if account else "req_standin", account)

    def _answer(self, body: bytes | Refused, account: Account) -> Iterator[Act]:
        """What becomes of a request, decided in the order in which the API does."""
        entry = account.entry
        if not entry.key_present:
            return _rejected(Refused(401, "authorization: no API key was sent"), account)
        if isinstance(body, Refused):
            return _rejected(body, account)
        counted = entry.endpoint == "count_tokens"
        request = read_request(body, counted=counted)
        if isinstance(request, Refused):
            return _rejected(request, account)
        account.note(model=request.model, last_message=request.last, stream=request.stream)
        if counted:
            return documented({"input_tokens": request.tokens})
        cue = self.server.stage.next(request)
        if cue is None:
            said = request.first[:_SHOWN]
            return _rejected(Refused(404, f"no scene of the script fits `{said}`"), account)
        answer = cue.line.answer
        failure = answer.error or answer.sse_error
        account.note(
            scene=cue.scene,
            answer=cue.number,
            kind=answer.kind,
            error=failure.message if failure else "",
        )
        return acts(
            Reply(
                line=cue.line,
                request=request,
                request_id=entry.request_id,
                model=answer.model or self.server.stage.model or request.model,
                input=self.server.cache.bill(request) if begins(answer) else Billed(),
            )
        )

    def _read(self) -> bytes | Refused:
        """The body; ConnectionAbortedError if the client leaves before its end."""
        given = self.headers.get("content-length", "0")
        if "transfer-encoding" in self.headers or not given.isdecimal():
            # Where this request ends is not known, so no other can follow it.
            self.close_connection = True
            return Refused(411, "content-length: a length is needed", "invalid_request_error")
        left = int(given)
        if left <= MOST_BYTES:
            data = self.rfile.read(left)
            if len(data) < left:
                raise ConnectionAbortedError
            return data
        # Read, because whoever is still sending does not listen.
        self.close_connection = True
        left = min(left, _MOST_DRAINED)
        while left > 0 and (data := self.rfile.read(min(left, 1024 * 1024))):
            left -= len(data)
        return Refused(413, f"{given} bytes, more than {MOST_BYTES:,}")


def _rejected(refused: Refused, account: Account) -> Iterator[Act]:
    account.note(kind="rejected", error=refused.message)
    return refusing(refused, account.entry.request_id)


class StandIn:
    """A stand-in that answers, until it is stopped."""

    def __init__(self, server: _Server) -> None:
        self._server = server
        self._thread = threading.Thread(
            target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True
        )
        self._thread.start()

    @property
    def base_url(self) -> str:
        """What a client is given as its `base_url`."""
        return f"http://{LOOPBACK}:{self._server.server_address[1]}"

    @property
    def ledger(self) -> tuple[Entry, ...]:
        """Every request so far, in the order of arrival."""
        return self._server.ledger.entries

    @property
    def totals(self) -> Totals:
        return self._server.ledger.totals

    def stop(self) -> None:
        """End at once: what is being answered breaks off. The ledger can still be read."""
        self._server.stopping.set()
        # Wakes the thread that waits for connections, where the system allows it.
        with suppress(OSError):
            self._server.socket.shutdown(socket.SHUT_RDWR)
        self._server.shutdown()
        self._thread.join()
        self._server.hang_up()
        self._server.server_close()


@contextmanager
def standin(
    source: Source, port: int = 0, *, folder: Path | None = None, heard: Heard | None = None
) -> Iterator[StandIn]:
    """A stand-in for as long as the block lasts, in sync and async code alike.

    `source` is a script, the path of one, or one as plain data; files that it names lie in `folder`
    or beside it. `port` 0 is any free one. `heard` is called, from a thread, with each entry when
    its answer has ended. LockstepError for a script that cannot be played, LS-SRV-009 for a port.
    """
    with playing(Stage(source, folder), port, heard=heard) as running:
        yield running


@contextmanager
def playing(who: Playing, port: int = 0, *, heard: Heard | None = None) -> Iterator[StandIn]:
    """The same of somebody who makes up each answer when it is asked for."""
    try:
        server = _Server(who, port, heard)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise LockstepError.of(
            "LS-SRV-009",
            "stand-in",
            f"port {port} of {LOOPBACK} cannot be had: {reason.lower()}",
            "name another port, or none for any that is free",
        ) from None
    running = StandIn(server)
    try:
        yield running
    finally:
        running.stop()
