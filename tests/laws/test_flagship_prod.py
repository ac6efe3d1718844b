"""The flagship's other environments: the cluster in production, whose catalogue is pinned, and
development.
"""

import json
from functools import cache
from typing import Any

import pytest

from activities.files.pinned import written
from activities.package import AgentPackage, load_package
from lockstep.catalogue import Pinned
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
PLAN = FLAGSHIP / "plans" / "weekly.prod.plan.json"
LOCK = FLAGSHIP / "plans" / "weekly.prod.lock.json"
PINNED = FLAGSHIP / "environments" / "prod.metric.json"

PLACEHOLDERS = ("node_iops_predicted_capacity", "node_network_saturation_score")
"""What the articles' model guessed from the names of development."""


@cache
def agent() -> AgentPackage:
    return load_package(FLAGSHIP)


@cache
def world(environment: str = "prod") -> World:
    return agent().world(environment)


def planned(*more: Json, **fetch: Any) -> Plan:
    """The weekly plan with steps added, and with other arguments for its first."""
    plan = json.loads(PLAN.read_text())
    plan["steps"][0]["args"] |= fetch
    return Plan.model_validate({**plan, "steps": [*plan["steps"], *more]})


def checked(plan: Plan, environment: str = "prod") -> Checked:
    return check(plan, world(environment), "ana")


def test_the_committed_lock_is_what_the_committed_plan_gives_today() -> None:
    """Frozen again, here and now: the same digest. If not, lock again and review the difference."""
    lock, plan = load(Lock, LOCK), planned()
    assert lock.digest == Lock.freeze(freeze(plan, checked(plan), world())).digest
    assert () == drift(lock.body, world())


def test_the_committed_lock_has_one_pin_for_the_whole_catalogue() -> None:
    """And the metrics that the plan names in full, for whoever reviews it."""
    body = load(Lock, LOCK).body
    (fetch, *_) = body.steps
    asked: Any = [*fetch.args["metrics"], *fetch.args["optional"]]  # type: ignore[misc]
    assert set(asked) == body.resources["metric"].keys()
    assert {"critical": False} == body.resources["metric"]["node_procs_running"]
    parts = [part for part in body.pins.environment if part.startswith(("catalogues", "resources"))]
    assert "catalogues.metric" in parts
    assert len(parts) < 10 < len(load(Pinned, PINNED).members)


def test_the_committed_catalogue_is_as_it_was_fetched() -> None:
    """Nobody has edited it by hand: names in order, and no word about any of them."""
    pinned = load(Pinned, PINNED)
    assert PINNED.read_text() == written(pinned, PINNED)
    assert {()} == {tuple(attributes) for attributes in pinned.members.values()}


def test_the_committed_plan_passes() -> None:
    """168 hours, every step allowed, for the time that the run is about."""
    found = checked(planned())
    assert ((), {Outcome.ALLOW}) == (found.findings, {one.outcome for one in found.decisions})
    (fetch, *_) = load(Lock, LOCK).steps
    assert (168, 3600) == (fetch.args["points"], fetch.args["interval_seconds"])
    assert {"$run": "/scheduled_at"} == load(Lock, LOCK).steps["render"].args["scheduled_at"]


@pytest.mark.parametrize("name", sorted(path.stem for path in FLAGSHIP.glob("environments/*.toml")))
def test_every_environment_loads_without_a_variable_set(name: str) -> None:
    """`lockstep dev` serves all of them; a placeholder without a default would stop it."""
    assert name == world(name).environment.name


@pytest.mark.parametrize("metric", PLACEHOLDERS)
def test_a_placeholder_of_development_does_not_exist_in_production(metric: str) -> None:
    """It passes where it was made up, and is an error with a name and a way out elsewhere."""
    plan = planned(metrics=[metric], optional=[])
    assert checked(plan, "dev").passed
    (found,) = checked(plan).findings
    assert "LS-ENV-003" == found.code
    assert f'EnvironmentError: MetricNotFound("{metric}"): not in environment `prod`' in str(found)
    assert "RecoveryPath: switch to baseline metrics" in str(found)


def test_a_development_tool_is_for_development() -> None:
    """Both environments can reach it; only one may call it."""
    plan = planned({"id": "dev", "tool": "DevMetricsAPI", "args": {"cluster": "a"}}, optional=[])
    assert ["LS-POLICY-002"] == [found.code for found in checked(plan).findings]
    assert checked(plan, "dev").passed


@pytest.mark.parametrize(
    ("metric", "outcome"),
    [
        ("node_cpu_throttle_time_seconds", Outcome.DENY),
        ("node_procs_running", Outcome.REQUIRE_APPROVAL),
    ],
)
def test_policy_reads_the_manifests_word_about_a_fetched_metric(
    metric: str, outcome: Outcome
) -> None:
    """Critical is what the manifest calls critical; of the rest it says what holds of each."""
    assert metric in load(Pinned, PINNED).members
    args: Json = {"frame": {"$from": "fetch"}, "metric": metric}
    plan = planned({"id": "remove", "tool": "RemoveMetric", "args": args})
    decisions = {one.step: one.outcome for one in checked(plan).decisions}
    assert outcome is decisions["remove"]
