"""The plan that is locked and run does what it should, and nothing else."""

import pytest

from activities.package import AgentPackage
from lockstep import Plan, load
from policies.check import check


@pytest.mark.parametrize("environment", ["local", "sandbox"])
def test_the_first_plan_passes(agent: AgentPackage, environment: str) -> None:
    """In every environment it is meant for."""
    plan = load(Plan, agent.root / "plans" / "first.plan.json")
    assert [] == [str(found) for found in check(plan, agent.world(environment), "ann").findings]


def test_it_measures_before_it_says_anything(agent: AgentPackage) -> None:
    """And leaves one note."""
    plan = load(Plan, agent.root / "plans" / "first.plan.json")
    assert "MeasureDisk" == plan.steps[0].name
    assert ("measure",) == plan.steps["note"].needs
    assert 1 == sum(step.name == "LeaveNote" for step in plan.steps)
