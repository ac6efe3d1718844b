"""Ports for the embedded server: fixed for its life, so that it comes back where it was.

Below 32768, because above that Linux gives numbers to outgoing connections, and one of those could
take the server's place while it restarts.
"""

import random
import socket

from lockstep.errors import LockstepError

LOOPBACK = "127.0.0.1"
FRONTEND, UI = 7233, 8233
"""Where Temporal's own tools look first."""


def choose(preferred: int | None = None) -> int:
    """The preferred port if it is free, else some free one."""
    if preferred is not None and free(preferred):
        return preferred
    # By chance, because servers that start together would all take the first free one.
    others = random.SystemRandom().sample(range(20_000, 32_000), 200)
    for port in others:
        if free(port):
            return port
    raise _none_free(f"{len(others)} ports between 20000 and 32000 were tried and none is free")


def demand(port: int) -> int:
    """This port and no other, or LS-SRV-009."""
    if not free(port):
        raise _none_free(f"port {port} of {LOOPBACK} is taken by another process")
    return port


def free(port: int) -> bool:
    with socket.socket() as probe:
        # As the server itself does, so that connections of a server just gone do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except (OSError, OverflowError):
            return False
    return True


def _none_free(problem: str) -> LockstepError:
    return LockstepError.of(
        "LS-SRV-009", "embedded server", problem, "free it or name another port"
    )
