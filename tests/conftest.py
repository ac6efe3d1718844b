"""What several tests share."""

import importlib
import sys
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import settings

# A busy machine breaks no law: what has to be quick says so itself, in processor time.
settings.register_profile("laws", deadline=None)
settings.load_profile("laws")

FLAGSHIP = Path(__file__).parents[1] / "examples" / "cluster_digest"


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
