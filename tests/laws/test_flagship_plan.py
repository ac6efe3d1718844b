"""The flagship's committed plan and lock, tested as the articles test an agent: like code.

Four assertions are theirs, on the lock that a schedule would run: what comes first, what must not
be there, what its work finds in a recorded frame, and how long a step may take.
"""

import json
from datetime import timedelta
from functools import cache
from typing import Any

import pytest

from activities.package import AgentPackage, load_package
from lockstep.checked import Checked
from lockstep.decision import Outcome
from lockstep.environment import Limits
from lockstep.loading import load
from lockstep.lock import Lock
from lockstep.plan import Plan
from policies.check import check
from policies.locks.drift import drift
from policies.locks.freeze import freeze
from policies.world import World
from tests.laws.port import ROOT, Json

FLAGSHIP = ROOT / "examples" / "cluster_digest"
PLAN = FLAGSHIP / "plans" / "weekly.local.plan.json"
LOCK = FLAGSHIP / "plans" / "weekly.local.lock.json"
RECORDED = ROOT / "tests" / "recorded" / "frame.json"
"""Ten metrics of a real host, forty points each, as `FetchMetrics` returned them."""

REMOVAL: Json = {
    "id": "remove",
    "tool": "RemoveMetric",
    "args": {"frame": {"$from": "fetch"}, "metric": "node_memory_available_bytes"},
}


@cache
def agent() -> AgentPackage:
    return load_package(FLAGSHIP)


@cache
def world() -> World:
    return agent().world("local")


def committed() -> Lock:
    return load(Lock, LOCK)


def planned(*more: Json, **changed: Json) -> Plan:
    """The committed plan with steps added, and with other arguments for some of its own."""
    written: Any = json.loads(PLAN.read_text())
    for step in written["steps"]:
        step["args"] |= changed.get(step["id"], {})
    return Plan.model_validate({**written, "steps": [*written["steps"], *more]})


def checked(*more: Json, **changed: Json) -> Checked:
    return check(planned(*more, **changed), world(), "ana")


def locked(*more: Json) -> Lock:
    proposed = planned(*more)
    return Lock.freeze(freeze(proposed, check(proposed, world(), "ana"), world()))


def findings_of(frame: Any) -> Any:
    """What DetectAnomalies finds in a frame, called as a plain function."""
    tool = agent().tools["DetectAnomalies"]
    return tool(tool.input.model_validate({"frame": frame}))


def test_the_first_step_fetches_the_metrics() -> None:
    """The articles' first assertion: `plan.steps[0].name == "FetchMetrics"`."""
    assert "FetchMetrics" == committed().steps[0].name


def test_no_step_removes_a_metric() -> None:
    """The articles' second assertion: what must not happen does not stand in the lock."""
    assert "RemoveMetric" not in committed().steps


def test_a_removal_in_the_plan_would_be_seen() -> None:
    """The same assertion fails as soon as there is such a step: it does not pass by accident."""
    with pytest.raises(AssertionError):
        assert "RemoveMetric" not in locked(REMOVAL).steps


def test_the_summary_of_a_recorded_frame_is_within_bounds() -> None:
    """The articles' third assertion: `summary.cpu.avg < 95`, on what was really measured."""
    summary = findings_of(json.loads(RECORDED.read_text()))
    assert summary.cpu.avg < 95
    assert summary.cpu == summary.metrics["node_cpu_percent"]
    assert 40 == summary.cpu.points


def test_the_bound_on_the_summary_can_be_broken() -> None:
    """A frame of a host that is too busy breaks it."""
    frame = json.loads(RECORDED.read_text())
    for series in frame["series"]:
        if series["metric"] == "node_cpu_percent":
            for point in series["points"]:
                point["value"] = 99.0
    assert not findings_of(frame).cpu.avg < 95


def test_publishing_takes_less_than_half_a_minute() -> None:
    """The articles' fourth assertion: a step is held to its time."""
    assert committed().steps["publish"].timeout < timedelta(seconds=30)


def test_the_committed_lock_is_what_the_committed_plan_gives_today() -> None:
    """Frozen again, here and now: the same digest. If not, lock again and review the difference."""
    assert locked().digest == committed().digest
    assert () == drift(committed().body, world())


def test_the_committed_plan_passes() -> None:
    """Without a finding, with every step allowed, and within the limits of its environment."""
    found = checked()
    assert ((), {Outcome.ALLOW}) == (found.findings, {one.outcome for one in found.decisions})
    assert () == found.worst.over(world().environment.limits.amount)


def test_the_recorded_frame_is_what_the_plan_asks_for() -> None:
    """The metrics that the plan insists on, in the shape that the lock's next step takes."""
    (fetch, *_) = committed().steps
    frame = json.loads(RECORDED.read_text())
    recorded = {series["metric"] for series in frame["series"]}
    assert recorded >= set(fetch.args["metrics"])  # type: ignore[arg-type]


def test_removing_a_critical_metric_is_blocked() -> None:
    """The articles' sixth step, in the articles' words."""
    metric = "node_cpu_throttle_time_seconds"
    removal = {**REMOVAL, "args": {**REMOVAL["args"], "metric": metric}}
    (found,) = checked(removal).findings
    assert "LS-POLICY-002" == found.code
    assert (
        f"RemoveMetric(`{metric}`) is BLOCKED by metrics.critical-removal: "
        "Critical metric; removal prohibited"
    ) == found.problem


def test_a_development_tool_is_not_for_production() -> None:
    """It is reachable, and policy keeps it out."""
    (found,) = checked({"id": "dev", "tool": "DevMetricsAPI", "args": {"cluster": "a"}}).findings
    assert (
        "LS-POLICY-002 step `dev`: DisallowedToolError: DevMetricsAPI cannot be used in production "
        "(tools.development-only); use another tool or leave the step out"
    ) == str(found)


def test_a_guessed_metric_does_not_exist() -> None:
    """The articles' `node_iops_predicted_capacity` is in no catalogue."""
    (found,) = checked(fetch={"metrics": ["node_load1", "node_iops_predicted_capacity"]}).findings
    assert (
        "LS-ENV-003 step `fetch` /metrics/1: EnvironmentError: "
        'MetricNotFound("node_iops_predicted_capacity"): not in environment `local`; '
        "RecoveryPath: switch to baseline metrics"
    ) == str(found)


def test_a_summary_before_its_data_is_refused_with_the_missing_edge() -> None:
    """The articles' planning drift: the order comes from edges, and one is missing."""
    early: Json = {
        "id": "early",
        "tool": "RenderDigest",
        "args": {
            "findings": findings_of(json.loads(RECORDED.read_text())).model_dump(mode="json"),
            "frame": {"host": "h", "started_at": "2026-11-16T06:00:00Z",
                      "finished_at": "2026-11-16T06:00:00Z", "interval_seconds": 1, "series": []},
            "title": "Early",
            "scheduled_at": {"$run": "/scheduled_at"},
        },
    }  # fmt: skip
    (found,) = checked(early).findings
    assert ("LS-RULE-001", "step `early`") == (found.code, found.place)
    assert "summary cannot be generated before data availability" in found.problem
    assert "add the missing edge: `fetch` to `after` of `early`" == found.fix
    assert checked({**early, "after": ["fetch"]}).passed


def test_a_shorter_leash_would_be_noticed() -> None:
    """The limits of the environment are held against the worst case of the plan."""
    environment = world().environment.model_copy(update={"limits": Limits(calls=3)})
    tight = World(
        world().agent, environment, world().tools, world().texts, world().rules, world().decider
    )
    found = check(planned(), tight, "ana").findings
    assert ["LS-PLAN-012"] == [one.code for one in found]
