"""The files that catalogues are pinned in: how they are read and how they are written down.

They lie beside the manifest that names them and go through review with it. A file that is missing,
or that is about something else, is an error and never an empty catalogue: with one of those, every
plan would be told that what it names does not exist.
"""

import json
from pathlib import Path

from lockstep.catalogue import Pinned
from lockstep.environment import Environment
from lockstep.errors import LockstepError
from lockstep.loading import MAX_BYTES, load
from lockstep.names import ResourceKind


def read_pinned(manifest: Environment, folder: Path) -> dict[ResourceKind, Pinned]:
    """The file of each catalogue that a manifest names; LS-ENV-006 where one is not there."""
    return {
        kind: _read(manifest, kind, folder / table.file)
        for kind, table in manifest.catalogues.items()
    }


def _read(manifest: Environment, kind: ResourceKind, path: Path) -> Pinned:
    wanted = f"`{kind}` from {manifest.catalogues[kind].source.value}"
    if not path.exists() and not path.is_symlink():
        raise _unpinned(manifest, path, f"there is no such file, and it should hold {wanted}")
    pinned = load(Pinned, path)
    if (pinned.kind, pinned.source) != (kind, manifest.catalogues[kind].source):
        found = f"`{pinned.kind}` from {pinned.source.value}"
        raise _unpinned(manifest, path, f"holds {found}, and it should hold {wanted}")
    return pinned


def _unpinned(manifest: Environment, path: Path, problem: str) -> LockstepError:
    return LockstepError.of(
        "LS-ENV-006", str(path), problem, f"run `lockstep pin --env {manifest.name}`"
    )


def written(pinned: Pinned, path: Path) -> str:
    """The text of the file: one member a line, sorted, so that a review sees what has changed.

    LS-LOAD-003 where it would be too large to be read again.
    """
    document = pinned.model_dump(mode="json")
    document["members"] = dict(sorted(document["members"].items()))
    text = json.dumps(document, indent=2) + "\n"
    size = len(text.encode())
    if size > MAX_BYTES:
        raise LockstepError.of(
            "LS-LOAD-003",
            str(path),
            f"{len(pinned.members):,} members are {size:,} bytes, more than {MAX_BYTES:,}",
            "fetch from a server that has fewer names",
        )
    return text
