"""Files of an agent package that its manifests and mocks name: read only where they lie within."""

from pathlib import Path

from lockstep.errors import LockstepError


def inside(root: Path, file: str) -> Path:
    """The file's path; what a link leads to has to lie in the package as well. `root` is
    resolved.
    """
    path = root / file
    try:
        within = path.resolve().is_relative_to(root)
    except (OSError, RuntimeError):  # links in a circle
        within = False
    if not within:
        raise LockstepError.of(
            "LS-AGENT-003",
            str(path),
            "leads out of the agent package",
            "keep the file inside the package",
        )
    return path
