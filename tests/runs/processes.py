"""Which processes there are: what a command started, and whether it is gone."""

import os
from pathlib import Path


def children(pid: int) -> list[int]:
    """The processes that a process started; none where the system does not tell."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            _, _, rest = path.read_text().rpartition(")")
        except OSError:
            continue
        if int(rest.split()[1]) == pid:
            found.append(int(path.parent.name))
    return found


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
