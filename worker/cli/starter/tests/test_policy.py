"""Policy says what it is to say."""

import pytest

from activities.files.cases import answered
from activities.package import AgentPackage
from lockstep import Outcome, Plan
from policies.check import check


def test_every_case_is_answered_as_expected(agent: AgentPackage) -> None:
    """What `lockstep policy test` asks."""
    assert [] == [str(found) for one in answered(agent) for found in one.findings]


@pytest.mark.parametrize("environment", ["local", "sandbox"])
def test_a_public_board_waits_for_a_human(agent: AgentPackage, environment: str) -> None:
    """Wherever the agent runs."""
    measure = {"id": "measure", "tool": "MeasureDisk", "args": {"disk": "data"}}
    note = {
        "id": "note",
        "tool": "LeaveNote",
        "args": {"title": "Disk space", "use": {"$from": "measure"}, "board": "everyone"},
    }
    plan = Plan.model_validate({"lockstep": "plan/1", "steps": [measure, note]})
    looked, left = check(plan, agent.world(environment), "ann").decisions
    assert [Outcome.ALLOW, Outcome.REQUIRE_APPROVAL] == [looked.outcome, left.outcome]
