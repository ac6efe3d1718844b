"""A mock answers in a tool's place with what the tool could have said, and with nothing else."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from activities.package import load_package
from lockstep.canonical import digest
from lockstep.environment import Binding
from lockstep.errors import LockstepError
from lockstep.finding import Finding
from lockstep.mock import Mock
from policies.check import check
from policies.locks.drift import drift
from policies.locks.freeze import freeze
from policies.world import World
from tests.laws.port import BY, HARBOUR, LIST, STEPS, Json, copied, plan, refusal

FLEET: Json = {"ships": [{"name": "skiff", "tons": 3}], "names": ["skiff"], "count": 1}
FOG: Json = {"name": "FogTooThick", "detail": "nothing to be seen"}

scalars = st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=12,
)
objects = st.dictionaries(st.text(max_size=2), values, max_size=4)


def mock(*answers: Json) -> Mock:
    return Mock.model_validate({"lockstep": "mock/1", "answers": list(answers)})


def fits(when: Json, args: Json) -> bool:
    return mock({"when": when, "output": {}}).answer(args) is not None


@given(objects)
def test_arguments_fit_themselves_and_nothing_asked_fits_all(args: Json) -> None:
    """A `when` that says everything fits, and so does one that says nothing."""
    assert fits(args, args)
    assert fits({}, args)


@given(objects, st.text(max_size=2), values)
def test_more_arguments_never_unfit(args: Json, name: str, more: Any) -> None:
    """Only what `when` names is compared, so a tool may take arguments that a mock never heard
    of.
    """
    assert fits(args, {name: more, **args})


@pytest.mark.parametrize(
    ("when", "args", "held"),
    [
        ({"a": {"b": 1}}, {"a": {"b": 1, "c": 2}}, True),
        ({"a": {"b": 1}}, {"a": {"c": 2}}, False),
        ({"a": {}}, {"a": {"c": 2}}, True),
        ({"a": {}}, {"a": []}, False),
        ({"a": None}, {}, False),
        ({"a": None}, {"a": None}, True),
        ({"a": [1]}, {"a": [1, 2]}, False),
        ({"a": [{"b": 1}]}, {"a": [{"b": 1, "c": 2}]}, False),
        ({"a": [{"c": 2, "b": 1}]}, {"a": [{"b": 1, "c": 2}]}, True),
        ({"a": 1}, {"a": 1.0}, True),
        ({"a": 1}, {"a": True}, False),
        ({"a": 0}, {"a": False}, False),
        ({"a": "1"}, {"a": 1}, False),
    ],
)
def test_every_key_given_must_be_equal(when: Json, args: Json, held: bool) -> None:
    """Objects are compared key by key, lists as a whole, numbers as JSON has them."""
    assert held == fits(when, args)


def test_of_the_answers_that_fit_the_first_counts() -> None:
    """And none where none fits: nothing is made up."""
    found = mock(
        {"when": {"a": 1, "b": 1}, "output": {"is": "both"}},
        {"when": {"a": 1}, "output": {"is": "one"}},
    )
    both, one = found.answer({"a": 1, "b": 1}), found.answer({"a": 1, "b": 2})
    assert both is not None
    assert one is not None
    assert ({"is": "both"}, {"is": "one"}) == (both.output, one.output)
    assert found.answer({"a": 2}) is None


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        ([], "at least 1"),
        ([{}], "wanted one of `output`, `output_file` and `signal`"),
        ([{"output": {}, "signal": FOG}], "wanted one of"),
        ([{"output": {}, "output_file": "a.json"}], "wanted one of"),
        ([{"output": {}}, {"when": {"a": 1}, "output": {}}], "none after it can count"),
        ([{"output": {}, "latency": "1s"}], "Extra inputs are not permitted"),
        ([{"signal": {"name": "fog"}}], "should match pattern"),
    ],
)
def test_a_mock_that_says_nothing_certain_is_refused(answers: list[Json], says: str) -> None:
    """One answer each, each one reachable, and no field that nobody reads."""
    with pytest.raises(ValidationError, match=says):
        mock(*answers)


@pytest.mark.parametrize(
    "file",
    [
        "/etc/mock.json",
        "../mock.json",
        "mocks/../../mock.json",
        "mocks/./mock.json",
        "mocks//mock.json",
        "./mock.json",
        "mocks\\mock.json",
        "~/mock.json",
        "C:/mock.json",
        ".hidden.json",
        "mocks/metrics.toml",
        "mocks/",
        "mock.json\n",
        "",
        "m" * 200 + ".json",
    ],
)
def test_a_mock_lies_within_the_package(file: str) -> None:
    """Relative, downwards, in plain letters."""
    with pytest.raises(ValidationError, match="inside the agent package"):
        Binding(mock=file)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the harbour whose ListShips is answered for by a mock."""
    root = copied(tmp_path)
    manifest = root / "environments" / "test.toml"
    bound = manifest.read_text().replace(
        "[tools.ListShips]", '[tools.ListShips]\nmock = "mocks/ships.json"'
    )
    manifest.write_text(bound)
    (root / "mocks").mkdir()
    write(root, {"output": FLEET})
    return root


def write(root: Path, *answers: Json, file: str = "mocks/ships.json") -> None:
    (root / file).write_text(json.dumps({"lockstep": "mock/1", "answers": answers}))


def world(root: Path) -> World:
    return load_package(root).world("test")


def refused(root: Path, *answers: Json) -> Finding:
    """What is said of a mock when its world is loaded; always with its place in the file."""
    write(root, *answers)
    found = refusal(lambda: world(root))
    assert found.place.startswith(f"{root}/")
    return found


def test_a_mock_is_loaded_with_its_world(folder: Path) -> None:
    """For the tools whose binding names one, and no other."""
    mocks = world(folder).mocks
    assert ["ListShips"] == list(mocks)
    answer = mocks["ListShips"].answer({"cargo": ["coal"]})
    assert answer is not None
    assert FLEET == answer.output


def test_an_output_may_have_a_file_of_its_own(folder: Path) -> None:
    """Which is read with the mock, and is no different from an output that stands in it."""
    (folder / "mocks" / "fleet.json").write_text(json.dumps(FLEET))
    inline = world(folder).mocks["ListShips"]
    write(folder, {"output_file": "mocks/fleet.json"})
    assert inline == world(folder).mocks["ListShips"]


@pytest.mark.parametrize(
    ("output", "at"),
    [
        ({"ships": [], "names": []}, "count"),
        ({"ships": [], "names": [], "count": "many"}, "count"),
        ({"ships": [{"name": "skiff"}], "names": [], "count": 1}, "ships/0/tons"),
        ({**FLEET, "mast": 1}, "mast"),
    ],
)
def test_an_output_that_the_tool_could_not_give_is_refused(
    folder: Path, output: Json, at: str
) -> None:
    """At load, with the place in the file, before any plan is looked at."""
    found = refused(folder, {"when": {"berth": "north"}, "signal": FOG}, {"output": output})
    assert "LS-LOAD-007" == found.code
    assert found.place.endswith(f"mocks/ships.json/answers/1/output/{at}")


def test_a_signal_that_the_tool_does_not_declare_is_refused(folder: Path) -> None:
    """It would be taken for an accident, in a sandbox only."""
    found = refused(folder, {"signal": {"name": "FogToThick"}})
    assert ("LS-AGENT-003", "did you mean `FogTooThick`?") == (found.code, found.fix)
    assert "tool `ListShips` does not declare the signal `FogToThick`" == found.problem


def test_a_when_that_could_never_fit_is_refused(folder: Path) -> None:
    """An argument that the tool does not take is a slip of the pen."""
    found = refused(folder, {"when": {"bearth": "north"}, "output": FLEET})
    assert ("LS-AGENT-003", "did you mean `berth`?") == (found.code, found.fix)


def test_a_mock_is_read_by_the_strict_reader(folder: Path) -> None:
    """What is missing, malformed, or says a thing twice is told by its place."""
    file = folder / "mocks" / "ships.json"
    file.write_text('{"lockstep":"mock/1","lockstep":"mock/1","answers":[]}')
    assert "LS-LOAD-005" == refusal(lambda: world(folder)).code
    file.write_text('{"lockstep":"mock/1","answers":[{"outptu":{}}]}')
    assert "LS-LOAD-007" == refusal_codes(folder).pop()
    file.unlink()
    assert "LS-LOAD-001" == refusal(lambda: world(folder)).code
    write(folder, {"output_file": "mocks/gone.json"})
    assert "LS-LOAD-001" == refusal(lambda: world(folder)).code
    (folder / "mocks" / "list.json").write_text("[]")
    write(folder, {"output_file": "mocks/list.json"})
    assert "LS-LOAD-007" == refusal(lambda: world(folder)).code


def refusal_codes(root: Path) -> set[str]:
    with pytest.raises(LockstepError) as caught:
        world(root)
    return {found.code for found in caught.value.findings}


def test_a_link_out_of_the_package_is_refused(folder: Path, tmp_path: Path) -> None:
    """Of the mock and of an output; within the package a link is a file like any other."""
    outside = tmp_path / "outside.json"
    file = folder / "mocks" / "ships.json"
    file.rename(outside)
    file.symlink_to(outside)
    found = refusal(lambda: world(folder))
    assert ("LS-AGENT-003", "leads out of the agent package") == (found.code, found.problem)
    file.unlink()
    (folder / "mocks" / "fleet.json").symlink_to(outside)
    write(folder, {"output_file": "mocks/fleet.json"})
    assert "LS-AGENT-003" == refusal(lambda: world(folder)).code
    file.unlink()
    file.symlink_to(file)
    assert "LS-AGENT-003" == refusal(lambda: world(folder)).code
    file.unlink()
    shutil.move(outside, folder / "ships.json")
    file.symlink_to(folder / "ships.json")
    assert ["ListShips"] == list(world(folder).mocks)


def test_no_mock_answers_in_production(folder: Path) -> None:
    """Whatever the mock says: stage `prod` is whatever is real."""
    manifest = folder / "environments" / "test.toml"
    for stage in ("dev", "staging", "sandbox"):
        manifest.write_text(restaged(manifest, stage))
        assert ["ListShips"] == list(world(folder).mocks)
    manifest.write_text(restaged(manifest, "prod"))
    found = refusal(lambda: world(folder))
    assert ("LS-ENV-005", f"{manifest}/tools/ListShips/mock") == (found.code, found.place)


def restaged(manifest: Path, stage: str) -> str:
    lines = manifest.read_text().splitlines()
    return "\n".join(f'stage = "{stage}"' if line.startswith("stage") else line for line in lines)


def test_a_changed_mock_is_drift(folder: Path) -> None:
    """By its content, for a plan that uses the tool; white space is none."""
    before = world(folder)
    body = freeze(plan(*STEPS), check(plan(*STEPS), before, BY), before)
    locked = body.pins.environment["mocks.ListShips"]
    assert locked == digest(before.mocks["ListShips"].model_dump(mode="json"))
    file = folder / "mocks" / "ships.json"
    file.write_text(json.dumps(json.loads(file.read_text()), indent=4))
    assert () == drift(body, world(folder))
    write(folder, {"output": {**FLEET, "count": 2}})
    assert ["environment `test`: `mocks.ListShips` has changed"] == [
        found.problem for found in drift(body, world(folder))
    ]


def test_the_mock_of_a_tool_that_is_not_used_may_change(folder: Path) -> None:
    """As the rest of its binding may."""
    manifest = folder / "environments" / "test.toml"
    bound = manifest.read_text().replace(
        "[tools.WeighCargo]", '[tools.WeighCargo]\nmock = "mocks/weight.json"'
    )
    manifest.write_text(bound)
    write(folder, {"output": {"tons": 1, "heaviest": "skiff"}}, file="mocks/weight.json")
    before = world(folder)
    body = freeze(plan(LIST), check(plan(LIST), before, BY), before)
    write(folder, {"output": {"tons": 2, "heaviest": "tender"}}, file="mocks/weight.json")
    assert () == drift(body, world(folder))


def test_a_tool_that_is_mocked_no_more_is_drift(folder: Path) -> None:
    """A lock that was reviewed for a mock is not a lock for the real thing."""
    before = world(folder)
    body = freeze(plan(*STEPS), check(plan(*STEPS), before, BY), before)
    assert {"`tools.ListShips` has changed", "`mocks.ListShips` is gone"} == {
        found.problem.partition(": ")[2].partition(" (")[0]
        for found in drift(body, load_package(HARBOUR).world("test"))
    }
