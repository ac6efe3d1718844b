"""The flagship in its sandbox: the same agent, answered for by mocks, and the same policy."""

import json
from functools import cache
from typing import Any

import pytest

from activities.package import load_package
from lockstep.checked import Checked
from lockstep.decision import Outcome
from lockstep.loading import load
from lockstep.lock import Lock
from lockstep.plan import Plan
from policies.check import check
from policies.locks.drift import drift
from policies.locks.freeze import freeze
from policies.world import World
from tests.laws.port import ROOT, Json

FLAGSHIP = ROOT / "examples" / "cluster_digest"
PLANS = FLAGSHIP / "plans"


@cache
def world(environment: str = "sandbox") -> World:
    return load_package(FLAGSHIP).world(environment)


def proposed(name: str) -> Plan:
    return load(Plan, PLANS / f"{name}.sandbox.plan.json")


def checked(step: Json) -> Checked:
    """The weekly plan with one step more."""
    written: Any = json.loads((PLANS / "weekly.sandbox.plan.json").read_text())
    written["steps"].append(step)
    return check(Plan.model_validate(written), world(), "ana")


def week() -> Any:
    """What FetchMetrics is answered with, as its own output."""
    fetch = proposed("weekly").steps["fetch"]
    answer = world().mocks["FetchMetrics"].answer(dict(fetch.args))
    assert answer is not None
    return world().code["FetchMetrics"].output.model_validate(answer.output)


def test_the_committed_sandbox_lock_is_what_its_plan_gives_today() -> None:
    """The same digest, with the mocks in it; if not, lock again and review the difference."""
    lock, plan = load(Lock, PLANS / "weekly.sandbox.lock.json"), proposed("weekly")
    assert lock.digest == Lock.freeze(freeze(plan, check(plan, world(), "ana"), world())).digest
    assert () == drift(lock.body, world())
    assert "mocks.FetchMetrics" in lock.body.pins.environment


def test_the_mocked_week_is_a_week() -> None:
    """168 hours of every metric that the plan asks for, one of them flat from end to end."""
    frame, fetch = week(), proposed("weekly").steps["fetch"]
    assert fetch.args["metrics"] == [series.metric for series in frame.series]
    assert {168} == {len(series.points) for series in frame.series}
    flat = [one.metric for one in frame.series if len({point.value for point in one.points}) == 1]
    assert ["node_cpu_throttle_time_seconds"] == flat


def test_the_mocked_week_has_one_thing_to_tell() -> None:
    """A night of busy processors, found by the detection that production has."""
    tool = world().code["DetectAnomalies"]
    findings = tool(tool.input.model_validate({"frame": week()}))
    assert {"node_cpu_percent"} == {anomaly.metric for anomaly in findings.anomalies}
    assert 3 == findings.anomaly_count


def test_the_quiet_metric_is_the_throttling() -> None:
    """The one that an agent once took for deprecated."""
    tool = world().code["FindQuietMetric"]
    found = tool(tool.input.model_validate({"frame": week()}))
    assert ("node_cpu_throttle_time_seconds", 0.0) == (found.metric, found.spread)


def test_which_metric_is_dropped_is_not_known_beforehand() -> None:
    """So the plan passes, and nothing is promised of that step."""
    found = check(proposed("outdated"), world(), "ana")
    verdicts = {one.step: one.outcome for one in found.decisions}
    assert () == found.findings
    assert {"drop": Outcome.UNDECIDED} == {
        step: outcome for step, outcome in verdicts.items() if outcome is not Outcome.ALLOW
    }


def test_a_development_tool_may_be_called_in_the_sandbox() -> None:
    """It is production that it is kept out of."""
    assert checked({"id": "dev", "tool": "DevMetricsAPI", "args": {"cluster": "a"}}).passed


def test_a_critical_metric_is_critical_in_the_sandbox_too() -> None:
    """A sandbox with another policy would try another agent."""
    removal = {"frame": {"$from": "fetch"}, "metric": "node_load1"}
    (found,) = checked({"id": "drop", "tool": "RemoveMetric", "args": removal}).findings
    assert "metrics.critical-removal" in found.problem
    assert world().environment.resources == world("local").environment.resources


@pytest.mark.parametrize("environment", ["local", "sandbox"])
def test_a_metric_that_is_not_there_has_a_way_out(environment: str) -> None:
    """The same in every environment."""
    assert "switch to baseline metrics" == (
        world(environment).environment.errors["MetricNotFound"].recovery
    )
