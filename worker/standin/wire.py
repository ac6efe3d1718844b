"""Acts performed on a connection.

The only file that writes to a socket. It notices when the client has gone, also while it waits, and
when the stand-in is stopped; either ends the answer at once.
"""

import select
import socket
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from typing import assert_never

from worker.standin.acts import Act, Bill, Body, Break, Head, Wait
from worker.standin.ledger import Account

_LOOK_SECONDS = 0.05
"""How often somebody who waits looks whether the client is still there."""


class _Gone(Exception):
    """The client has left, or the stand-in was stopped."""


class Wire:
    """One request's way back."""

    def __init__(self, handler: BaseHTTPRequestHandler, stopping: threading.Event) -> None:
        self._handler = handler
        self._stopping = stopping
        self._chunked = False

    def perform(self, acts: Iterable[Act], request_id: str, account: Account | None = None) -> None:
        """Everything, until it is done, breaks, or there is nobody left to do it to."""
        try:
            for act in acts:
                self._act(act, request_id, account)
        except (OSError, _Gone):
            stopped = self._stopping.is_set()
            _note(account, ending="stopped" if stopped else "client left")
            self._hang_up()

    def _act(self, act: Act, request_id: str, account: Account | None) -> None:
        match act:
            case Head():
                _note(account, status=act.status)
                self._head(act, request_id)
            case Body():
                if act.last:
                    _note(account, ending="complete")
                self._body(act)
            case Bill():
                _note(account, usage=act.usage)
            case Wait():
                self._wait(act.seconds)
            case Break():
                _note(account, ending="broken")
                self._hang_up()
            case _:
                assert_never(act)

    def _head(self, head: Head, request_id: str) -> None:
        handler = self._handler
        # Who speaks HTTP/1.0 knows no chunks.
        old = handler.request_version == "HTTP/1.0"
        framing = "close" if head.framing == "chunked" and old else head.framing
        self._chunked = framing == "chunked"
        handler.send_response_only(head.status)
        handler.send_header("server", "lockstep-standin")
        handler.send_header("date", handler.date_time_string())
        handler.send_header("content-type", head.content_type)
        handler.send_header("request-id", request_id)
        if framing == "length":
            handler.send_header("content-length", str(head.length))
        elif framing == "chunked":
            handler.send_header("transfer-encoding", "chunked")
        else:
            handler.send_header("connection", "close")
        for name, value in head.headers.items():
            handler.send_header(name, value)
        handler.end_headers()

    def _body(self, body: Body) -> None:
        data = body.data
        if self._chunked:
            data = b"%x\r\n%b\r\n" % (len(data), data) if data else b""
            data += b"0\r\n\r\n" if body.last else b""
        self._handler.wfile.write(data)

    def _wait(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if self._stopping.wait(min(left, _LOOK_SECONDS)) or self._left():
                raise _Gone

    def _left(self) -> bool:
        """Whether the other side has closed; what it may have sent meanwhile stays unread."""
        connection = self._handler.connection
        look = select.poll()
        look.register(connection, select.POLLIN)
        return bool(look.poll(0)) and not connection.recv(1, socket.MSG_PEEK)

    def _hang_up(self) -> None:
        self._handler.close_connection = True
        with suppress(OSError):
            self._handler.connection.shutdown(socket.SHUT_RDWR)


def _note(account: Account | None, **changes: object) -> None:
    if account is not None:
        account.note(**changes)
