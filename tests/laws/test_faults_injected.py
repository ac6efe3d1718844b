"""Faults are drawn from a seed and a call: often enough, never otherwise, and the same again."""

import json
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from activities.injection import spoilt
from activities.package import load_package
from lockstep.faults import Fault, Faults
from lockstep.finding import Finding
from policies.locks.drift import drift
from tests.laws.port import HARBOUR, STEPS, Json, copied, frozen, refusal, world

FLEET: Json = {"ships": [{"name": "skiff", "tons": 3}], "names": ["skiff"], "count": 1}

rates = st.floats(0, 1)


def faults(**fields: Any) -> Faults:
    return Faults.model_validate({"seed": 7, **fields})


def draws(given: Faults, many: int, run: str = "run") -> list[Fault]:
    return [given.drawn(run, "ListShips", f"list[{n}]", 1) for n in range(many)]


def what(fault: Fault) -> str:
    return "bad" if fault.bad else fault.signal or "none"


def test_each_fault_comes_about_as_often_as_it_should() -> None:
    """Over many calls; the rest goes well."""
    found = Counter(
        what(one)
        for one in draws(faults(signals={"Fog": 0.2, "Storm": 0.1}, bad_output=0.3), 10_000)
    )
    for name, rate in {"Fog": 0.2, "Storm": 0.1, "bad": 0.3, "none": 0.4}.items():
        assert abs(found[name] / 10_000 - rate) < 0.02, found


@given(st.integers(0, 99), rates, st.text(max_size=5), st.integers(1, 20))
def test_the_same_call_meets_the_same_fault(
    seed: int, rate: float, call: str, attempt: int
) -> None:
    """In any run, whatever the order in which the manifest names its signals."""
    one = faults(seed=seed, signals={"Fog": rate / 2, "Storm": rate / 2}, bad_output=1 - rate)
    other = faults(seed=seed, bad_output=1 - rate, signals={"Storm": rate / 2, "Fog": rate / 2})
    assert one.drawn("a", "Tool", call, attempt) == other.drawn("b", "Tool", call, attempt)


def test_calls_attempts_seeds_and_runs_differ() -> None:
    """A retry may go well; another seed is another week; with `each_run` so is another run."""
    given = faults(signals={"Fog": 0.5})
    often = [what(one) for one in draws(given, 50)]
    assert 1 < len(set(often))
    assert often != [what(given.drawn("run", "ListShips", f"list[{n}]", 2)) for n in range(50)]
    assert often != [what(one) for one in draws(faults(seed=8, signals={"Fog": 0.5}), 50)]
    assert often == [what(one) for one in draws(given, 50, "another")]
    anew = faults(signals={"Fog": 0.5}, each_run=True)
    assert draws(anew, 50, "one") == draws(anew, 50, "one")
    assert [what(one) for one in draws(anew, 50, "one")] != [
        what(one) for one in draws(anew, 50, "two")
    ]


@pytest.mark.parametrize("certain", [{"signals": {"Fog": 1}}, {"bad_output": 1}])
def test_what_is_certain_always_happens(certain: Json) -> None:
    """And what has no rate never does."""
    assert {"Fog" if "signals" in certain else "bad"} == {
        what(one) for one in draws(faults(**certain), 200)
    }
    assert {"none"} == {
        what(one) for one in draws(faults(latency={"least": "1ms", "most": "1s"}), 200)
    }


def test_a_delay_lies_in_its_span() -> None:
    """And is spread over it."""
    span = {"least": "100ms", "most": "300ms"}
    found = [one.delay / timedelta(milliseconds=1) for one in draws(faults(latency=span), 1000)]
    assert 100 <= min(found) < 110
    assert 290 < max(found) <= 300


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({}, "wanted `signals`, `bad_output` or `latency`"),
        ({"signals": {"Fog": 0}}, "wanted `signals`"),
        ({"signals": {"Fog": 0.6}, "bad_output": 0.5}, "the rates come to 1.1 of all calls"),
        ({"bad_output": 1.5}, "less than or equal to 1"),
        ({"bad_output": -1}, "greater than or equal to 0"),
        ({"latency": {"least": "2s", "most": "1s"}}, "longer than"),
        ({"seed": -1, "bad_output": 1}, "greater than or equal to 0"),
        ({"signals": {"fog": 1}}, "match pattern"),
    ],
)
def test_faults_that_mean_nothing_are_refused(fields: Json, says: str) -> None:
    """Rates are parts of a whole, and something has to go wrong."""
    with pytest.raises(ValidationError, match=says):
        faults(**fields)


@given(st.floats(0, 1, exclude_max=True))
def test_a_spoilt_output_never_fits(pick: float) -> None:
    """Whichever way it is spoilt."""
    tool = world().code["ListShips"]
    way = spoilt(tool, FLEET, pick).model_dump(mode="json")
    with pytest.raises(ValidationError):
        tool.output.model_validate(way)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = copied(tmp_path)
    (root / "ships.json").write_text(
        json.dumps({"lockstep": "mock/1", "answers": [{"output": FLEET}]})
    )
    return root


def bound(root: Path, tool: str, text: str) -> None:
    """The harbour's manifest with a binding of that tool; places are told in it."""
    manifest = root / "environments" / "test.toml"
    original = (HARBOUR / "environments" / "test.toml").read_text()
    manifest.write_text(original.replace(f"[tools.{tool}]", f"[tools.{tool}]\n{text}"))


def said(root: Path, tool: str, text: str) -> Finding:
    bound(root, tool, text)
    found = refusal(lambda: load_package(root).world("test"))
    assert found.place.startswith(f"{root}/environments/test.toml/tools/{tool}/faults")
    return found


MOCK = 'mock = "ships.json"\n'


def test_only_a_mock_has_faults_and_only_those_its_tool_could_have(folder: Path) -> None:
    """Declared errors, less time than an attempt may take; told by their places."""
    found = said(folder, "ListShips", "faults = { seed = 1, bad_output = 1 }")
    assert ("LS-AGENT-003", "`ListShips` is really called") == (found.code, found.problem)
    found = said(folder, "ListShips", MOCK + "faults = { seed = 1, signals = { FogToThick = 1 } }")
    assert "did you mean `FogTooThick`?" == found.fix
    slow = 'faults = { seed = 1, latency = { least = "1s", most = "30s" } }'
    assert (
        "no attempt at `ListShips` may take so long"
        == said(folder, "ListShips", MOCK + slow).problem
    )


def test_faults_are_pinned(folder: Path) -> None:
    """Another seed is another sandbox; a plan without the tool does not mind."""
    bound(folder, "ListShips", MOCK + "faults = { seed = 1, bad_output = 0.5 }")
    body = frozen(*STEPS, here=load_package(folder).world("test"))
    assert ("ListShips",) == body.mocked
    bound(folder, "ListShips", MOCK + "faults = { seed = 2, bad_output = 0.5 }")
    assert ["environment `test`: `tools.ListShips` has changed"] == [
        one.problem for one in drift(body, load_package(folder).world("test"))
    ]
