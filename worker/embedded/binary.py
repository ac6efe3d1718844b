"""The `temporal` program that serves as the embedded server."""

import os
import shutil
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from pathlib import Path

from lockstep.errors import LockstepError


def beside_python() -> tuple[Path, ...]:
    """Where the `embedded` extra puts it."""
    return Path(sysconfig.get_path("scripts")), Path(sys.executable).parent


def find_binary(
    environ: Mapping[str, str] | None = None, beside: Sequence[Path] | None = None
) -> Path:
    """The one installed with us, whose version we know, else the one on PATH, else LS-SRV-002."""
    places = [str(place) for place in (beside_python() if beside is None else beside)]
    path = (os.environ if environ is None else environ).get("PATH", "")
    found = shutil.which("temporal", path=os.pathsep.join([*places, path]))
    if found is None:
        raise LockstepError.of(
            "LS-SRV-002",
            "temporal",
            "the embedded server is neither beside this Python nor on PATH",
            "install it with `pip install 'lockstep-agents[embedded]'`,"
            " or name a running server in TEMPORAL_ADDRESS",
        )
    # Absolute, because the server does not run in our working directory.
    return Path(found).absolute()
