"""What code is this? A name for the worker's build, recorded in every run.

A lock pins schemas, not code; so the run says which code gave it its results.
"""

import hashlib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_SUFFIXES = {".py", ".toml", ".cedar", ".j2"}


def build_id(agent_root: Path) -> str:
    """Lockstep's version, and a digest of the files of the agent package."""
    hashed = hashlib.sha256()
    for path in sorted(agent_root.rglob("*")):
        if path.suffix in _SUFFIXES and path.is_file() and "__pycache__" not in path.parts:
            hashed.update(path.relative_to(agent_root).as_posix().encode() + b"\0")
            hashed.update(path.read_bytes() + b"\0")
    return f"{lockstep_version()}+{hashed.hexdigest()[:12]}"


def lockstep_version() -> str:
    try:
        return version("lockstep-agents")
    except PackageNotFoundError:
        return "0.0.0"
