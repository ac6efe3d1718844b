"""What the tests share: this agent, read from its folder."""

from pathlib import Path

import pytest

from activities.package import AgentPackage, load_package


@pytest.fixture(scope="session")
def agent() -> AgentPackage:
    return load_package(Path(__file__).parents[1])
