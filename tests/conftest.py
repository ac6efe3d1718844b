"""What several tests share."""

import importlib
import os
import sys
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import settings

# A suite starts many processes of the same code. What one has compiled is there for the next, also
# where images are built that are to hold no compiled code.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# A busy machine breaks no law: what has to be quick says so itself, in processor time.
settings.register_profile("laws", deadline=None)
settings.load_profile("laws")

PROCESSES = 3
"""For the whole suite. More than most machines have cores to spare, because most of what takes long
waits for a server."""

SLOWEST = (
    "runs/test_tutorial.py",
    "runs/test_replay.py",
    "runs/test_run.py",
    "runs/test_escalation.py",
    "runs/test_kill.py",
    "runs/test_loops.py",
    "runs/test_replanning.py",
    "runs/test_demo.py",
    "runs/test_planning.py",
    "runs/test_cli.py",
    "runs/test_recovery.py",
    "runs/test_secrets.py",
    "runs/test_diff_command.py",
    "runs/test_plan_command.py",
    "runs/test_embedded_server.py",
    "runs/test_compose.py",
    "runs/test_init.py",
)
"""Files that take longest, that one first: begun last, they would be waited for at the end."""

FLAGSHIP = Path(__file__).parents[1] / "examples" / "cluster_digest"


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """One process for tests that were chosen: starting more takes longer than a file or two."""
    chosen = config.args_source is pytest.Config.ArgsSource.ARGS
    return 0 if chosen or config.option.keyword or config.option.collectonly else PROCESSES


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The slowest files first; the order within a file stays."""
    ranks = {name: rank for rank, name in enumerate(SLOWEST)}
    items.sort(key=lambda item: ranks.get("/".join(item.path.parts[-2:]), len(ranks)))


class Flagship:
    """The modules of `examples/cluster_digest` as attributes, each imported when it is first named.

    Typed as Any: the folder is an agent package, loaded under a private name as the worker does it,
    so no type checker can follow.
    """

    def __init__(self, package: str) -> None:
        self._package = package

    def __getattr__(self, module: str) -> Any:
        # Other libraries ask every object for attributes of their own.
        if not (FLAGSHIP / f"{module}.py").is_file():
            raise AttributeError(module)
        return importlib.import_module(f"{self._package}.{module}")


@pytest.fixture(scope="session")
def digest() -> Iterator[Flagship]:
    """The work behind the flagship agent, without its tools."""
    name = "_tested_cluster_digest"
    spec = ModuleSpec(name, None, is_package=True)
    spec.submodule_search_locations = [str(FLAGSHIP)]
    package: ModuleType = module_from_spec(spec)
    sys.modules[name] = package
    yield Flagship(name)
    for loaded in [module for module in sys.modules if module.split(".")[0] == name]:
        del sys.modules[loaded]
