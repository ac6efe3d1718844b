"""Imports an agent's code, and finds its tools.

Its modules are imported under a private name, with the folder itself as the package, so that `from
.detect import …` works and nothing the agent calls its files can shadow a module of ours or
anybody's. The folder never goes on the import path.
"""

import contextlib
import hashlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from lockstep.compose import COMPOSE
from lockstep.errors import LockstepError
from lockstep.loading import read
from lockstep.tool import Tool


def tools_of(root: Path) -> dict[str, Tool]:
    """The tools in the agent's `tools.py`, by name; LS-AGENT-002 for code that has none to give."""
    module = _module(root, "tools")
    found: dict[str, Tool] = {}
    for value in vars(module).values():
        if not isinstance(value, Tool):
            continue
        if value.name == COMPOSE:
            raise LockstepError.of(
                "LS-AGENT-002",
                str(root / "tools.py"),
                f"a tool is called `{COMPOSE}`, which is the name of what composes",
                "rename it",
            )
        if found.setdefault(value.name, value) is not value:
            raise LockstepError.of(
                "LS-AGENT-002",
                str(root / "tools.py"),
                f"two tools are called `{value.name}`",
                "rename one",
            )
    return found


def _module(root: Path, name: str) -> ModuleType:
    private = f"_lockstep_agent_{hashlib.sha256(str(root).encode()).hexdigest()[:12]}"
    if private not in sys.modules:
        package = ModuleType(private)
        package.__path__ = [str(root)]
        sys.modules[private] = package
    full, path = f"{private}.{name}", root / f"{name}.py"
    if full in sys.modules:
        return sys.modules[full]
    read(path)
    spec = importlib.util.spec_from_file_location(full, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[full] = module
    try:
        # Standard output is for results, which a program may be reading.
        with contextlib.redirect_stdout(sys.stderr):
            spec.loader.exec_module(module)
    except BaseException as error:
        del sys.modules[full]
        # A module that exits would end whoever loads it, and a check with success.
        if not isinstance(error, Exception | SystemExit):
            raise
        said = " ".join(str(error).split())[:500]
        raise LockstepError.of(
            "LS-AGENT-002",
            str(path),
            f"cannot be imported: {type(error).__name__}: {said}",
            "correct the module, or install what it imports",
        ) from error
    return module
