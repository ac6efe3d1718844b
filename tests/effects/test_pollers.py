"""Whether a worker is there is told from its last poll, and from whether its process is."""

import os
import socket
import subprocess
import sys

from worker.session import is_gone


def test_a_process_of_this_machine_that_has_ended_polls_no_more() -> None:
    """Its last poll would look alive for a minute; what cannot be known is taken for alive."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    here = socket.gethostname()
    assert is_gone(f"{ended.pid}@{here}")
    assert not is_gone(f"{os.getpid()}@{here}")
    assert not is_gone(f"{ended.pid}@elsewhere")
    assert not is_gone("1@")
    assert not is_gone("somebody")
