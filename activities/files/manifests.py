"""Reads a manifest with all that it extends, and says in which file each value stands.

A chain that cannot be followed to its end is refused with all its names: half a manifest would be
another environment.
"""

from contextlib import suppress
from pathlib import Path
from typing import Any

from lockstep.environment import Stage
from lockstep.errors import LockstepError
from lockstep.extension import BASE, MAX_FILES, Extended, Head, alone, over, strangers
from lockstep.loading import parse_toml, read, shaped
from lockstep.pointer import pointer
from policies.checks.misfit import did_you_mean

_CODE = "LS-ENV-008"


def is_base(path: Path) -> bool:
    """Whether a file is there to be extended only; one that cannot be read is told by its reader
    and not here.
    """
    try:
        return _document(path).get("lockstep") == BASE
    except LockstepError:
        return False


_WITHOUT_CODE = {"declared", "declared_file", "mcp"}


def declared_names(folder: Path) -> set[str]:
    """The tools that the manifests of a folder have without code of ours, MCP servers' included; of
    a file that cannot be read nothing is known.
    """
    found: set[str] = set()
    for path in folder.glob("*.toml"):
        with suppress(LockstepError):
            tables = _document(path).get("tools")
            for name, table in tables.items() if isinstance(tables, dict) else ():
                if isinstance(table, dict) and _WITHOUT_CODE & table.keys():
                    found.add(name)
    return found


def read_manifest(path: Path) -> Extended:
    """One manifest and all that it inherits; LS-ENV-008 for a chain that does not hold."""
    chain = _chain(path)
    found: Extended | None = None
    for file, document in reversed(chain):
        if found is None:
            found = alone(document, str(file))
            continue
        lost = next(strangers(found, document), None)
        if lost is not None:
            at, beside = lost
            raise LockstepError.of(
                _CODE,
                f"{file}/without",
                f"takes out `{pointer(at)}`, and nothing is inherited there",
                did_you_mean(pointer(at), beside) or "name what `lockstep environment show` shows",
            )
        found = over(found, document, str(file))
    assert found is not None
    return found


def _chain(path: Path) -> list[tuple[Path, dict[str, Any]]]:
    """The files from a manifest to the last that is extended, each as it stands."""
    chain: list[tuple[Path, dict[str, Any]]] = []
    while True:
        document = _document(path)
        head = shaped(
            Head,
            {name: document[name] for name in Head.model_fields if name in document},
            str(path),
        )
        chain.append((path, document))
        _fits(chain)
        if head.extends is None:
            if head.without:
                raise LockstepError.of(
                    _CODE,
                    f"{path}/without",
                    "takes something out, and extends nothing",
                    "name what it extends with `extends`, or remove `without`",
                )
            return chain
        names = [file.stem for file, _ in chain]
        told = " -> ".join(f"`{name}`" for name in (*names, head.extends))
        if head.extends in names:
            raise LockstepError.of(
                _CODE,
                f"{path}/extends",
                f"the manifests extend one another in a circle: {told}",
                "take one `extends` out",
            )
        if len(chain) == MAX_FILES:
            raise LockstepError.of(
                _CODE,
                f"{path}/extends",
                f"more than {MAX_FILES} manifests extend one another: {told}",
                "put what they share into fewer files",
            )
        path = path.with_name(f"{head.extends}.toml")
        if not path.exists():
            known = sorted({one.stem for one in path.parent.glob("*.toml")} - set(names))
            raise LockstepError.of(
                _CODE,
                f"{chain[-1][0]}/extends",
                f"there is no `{path.name}` beside it: {told}",
                did_you_mean(head.extends, known) or "name a manifest or a base of this agent",
            )


def _fits(chain: list[tuple[Path, dict[str, Any]]]) -> None:
    """Whether the last file may be extended by those before it."""
    path, document = chain[-1]
    if document.get("lockstep") == BASE:
        for name in ("name", "stage"):
            if name in document:
                raise LockstepError.of(
                    _CODE,
                    f"{path}/{name}",
                    f"a base is no environment and has no `{name}`",
                    f'remove it, or write `lockstep = "environment/1"` and {_LACKS[name]}',
                )
        return
    above = [one.get("stage") for _, one in chain[:-1] if one.get("lockstep") != BASE]
    if Stage.PROD.value in above and document.get("stage") != Stage.PROD.value:
        told = " -> ".join(f"`{file.stem}`" for file, _ in chain)
        raise LockstepError.of(
            _CODE,
            f"{chain[-2][0]}/extends",
            f"stage `prod` extends stage `{str(document.get('stage'))[:20]}`: {told}",
            "put what they share into a base and extend that, so that nothing reaches production "
            "that was written for less",
        )


_LACKS = {"name": "a `stage`", "stage": "a `name`"}


def _document(path: Path) -> dict[str, Any]:
    return parse_toml(read(path), str(path))
