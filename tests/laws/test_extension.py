"""A manifest inherits what it can be seen to inherit, and each value is told with its file."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.package import load_package
from lockstep.difference import environment_changes
from lockstep.dotted import dotted
from lockstep.errors import LockstepError
from lockstep.extension import MAX_FILES, alone, over
from lockstep.finding import Finding
from lockstep.loading import parse_toml
from policies.locks.drift import drift
from policies.world import World
from tests.laws.port import STEPS, copied, frozen, refusal

TOOLS = "[tools.ListShips]\n[tools.WeighCargo]\n[tools.ScuttleShip]\n[tools.PostNotice]\n"

names = st.sampled_from(["a", "b"]) | st.text(max_size=3)  # so that tables meet
scalars = st.booleans() | st.integers(-9, 9) | st.floats(-9, 9) | st.text(max_size=4)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=6,
)
tables = st.dictionaries(names, values, max_size=3)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the harbour whose manifests may be written anew."""
    return copied(tmp_path)


def write(root: Path, name: str, text: str, stage: str = "sandbox") -> Path:
    """A manifest of that name, with what every environment has to say of itself."""
    path = root / "environments" / f"{name}.toml"
    path.write_text(f'lockstep = "environment/1"\nname = "{name}"\nstage = "{stage}"\n{text}')
    return path


def base(root: Path, text: str, name: str = "base") -> Path:
    path = root / "environments" / f"{name}.toml"
    path.write_text(f'lockstep = "base/1"\n{text}')
    return path


def world(root: Path, name: str) -> World:
    return load_package(root).world(name)


def refused(root: Path, name: str) -> Finding:
    return refusal(lambda: load_package(root).world(name))


@given(tables, tables)
def test_tables_merge_by_key_and_everything_else_is_replaced(low: Any, high: Any) -> None:
    """Whatever the nearer file says holds; of what it does not mention, what the other says."""
    found = over(alone({"a": low}, "low"), {"a": high}, "high").document["a"]

    def holds(low: Any, high: Any, found: Any) -> None:
        if not (isinstance(low, dict) and isinstance(high, dict)):
            assert high == found
            return
        assert low.keys() | high.keys() == found.keys()
        for name, one in found.items():
            if name in low and name in high:
                holds(low[name], high[name], one)
            else:
                assert one == (high if name in high else low)[name]

    holds(low, high, found)


@given(tables, tables)
def test_every_value_stands_in_one_of_the_files(low: Any, high: Any) -> None:
    """In the nearer one if that has it."""
    found = over(alone({"a": low}, "low"), {"a": high}, "high")
    own = {at for at, _ in dotted({"a": high})}
    for at, _ in dotted(found.document):
        assert ("high" if at in own else found.file_of(at)) == found.file_of(at)
        assert found.file_of(at) in ("low", "high")


@given(tables)
def test_a_document_reads_the_same_line_by_line(document: Any) -> None:
    """What `environment show` prints is TOML, and the manifest that it shows."""
    text = "\n".join(line for _, line in dotted({"a": document}))
    assert {"a": document} == parse_toml(text, "shown")


def test_what_is_inherited_counts_like_what_is_written(folder: Path) -> None:
    """The same world, and the same digests, whether it is written in one file or in three."""
    whole = world(folder, "test")
    text = (folder / "environments" / "test.toml").read_text()
    head, _, rest = text.partition("[limits]")
    limits, _, rest = rest.partition("[tools.ListShips]")
    tools, _, resources = rest.partition("[resources.ship]")
    base(folder, f'extends = "lower"\n[limits]{limits}')
    base(folder, f"[resources.ship]{resources}", "lower")
    extending = head.replace('name = "test"', 'name = "test"\nextends = "base"')
    (folder / "environments" / "test.toml").write_text(f"{extending}[tools.ListShips]{tools}")
    parts = world(folder, "test")
    assert whole.pins == parts.pins
    assert () == environment_changes(whole.environment, parts.environment)
    assert ("test",) == load_package(folder).environments


def test_a_change_in_what_is_extended_is_drift(folder: Path) -> None:
    """A lock pins what a manifest comes to, wherever it is written."""
    write(folder, "child", f'extends = "test"\n{TOOLS}')
    body = frozen(*STEPS, here=world(folder, "child"))
    assert () == drift(body, world(folder, "child"))
    path = folder / "environments" / "test.toml"
    path.write_text(path.read_text().replace("calls = 40", "calls = 41"))
    assert ["environment `child`: `limits.calls` has changed"] == [
        found.problem for found in drift(body, world(folder, "child"))
    ]


@pytest.mark.parametrize("left_out", ["name", "stage"])
def test_what_an_environment_is_is_never_inherited(folder: Path, left_out: str) -> None:
    """A manifest that does not say of itself that it is `prod` is not."""
    path = write(folder, "child", f'extends = "test"\n{TOOLS}')
    lines = [line for line in path.read_text().splitlines() if not line.startswith(left_out)]
    path.write_text("\n".join(lines))
    found = refused(folder, "child")
    assert ("LS-LOAD-007", f"{path}/{left_out}") == (found.code, found.place)
    assert "this field is required and missing" == found.problem


def test_reads_are_inherited_and_what_changes_the_world_is_named(folder: Path) -> None:
    """A tool that writes reaches no environment because somebody else's file has it."""
    path = write(folder, "child", 'extends = "test"')
    with pytest.raises(LockstepError) as caught:
        world(folder, "child")
    assert {f"{path}/tools/{name}" for name in ("ScuttleShip", "PostNotice")} == {
        found.place.replace("test.toml", "child.toml") for found in caught.value.findings
    }
    assert {"LS-ENV-008"} == {found.code for found in caught.value.findings}
    write(
        folder,
        "child",
        'extends = "test"\nwithout = ["/tools/ScuttleShip"]\n[tools.PostNotice]\n',
    )
    here = world(folder, "child").environment
    assert {"ListShips", "WeighCargo", "PostNotice"} == set(here.tools)
    assert "${NOTICE_BOARD:-board}" == here.tools["PostNotice"].endpoint
    assert "red" == here.tools["PostNotice"].settings["colour"]


def test_what_is_taken_out_is_gone_and_may_be_said_anew(folder: Path) -> None:
    """A resource, a setting, a whole binding; the file that is extended keeps it."""
    write(
        folder,
        "child",
        'extends = "test"\n'
        'without = ["/resources/ship/skiff", "/tools/PostNotice", "/limits/tokens"]\n'
        '[limits]\ntokens = 20\n[tools.PostNotice]\nendpoint = "pier"\n[tools.ScuttleShip]\n',
    )
    here = world(folder, "child").environment
    assert {"aurora", "tender"} == set(here.resources["ship"])
    assert ("pier", {}) == (here.tools["PostNotice"].endpoint, here.tools["PostNotice"].settings)
    assert 20 == here.limits.tokens
    assert "skiff" in world(folder, "test").environment.resources["ship"]


def test_what_is_taken_out_twice_is_gone_once(folder: Path) -> None:
    """With its table, and by its own place."""
    places = '"/tools/PostNotice", "/tools/PostNotice/settings/token", "/tools/PostNotice"'
    write(folder, "child", f'extends = "test"\nwithout = [{places}]\n[tools.ScuttleShip]\n')
    assert "PostNotice" not in world(folder, "child").environment.tools


@pytest.mark.parametrize("tools", ["tools = 3", "[tools]\nX = 3", "[tools.X]\ndeclared = 3"])
def test_another_manifest_may_be_broken(folder: Path, tools: str) -> None:
    """That is told where it is used, and keeps nobody else from working."""
    write(folder, "broken", tools)
    assert "test" == world(folder, "test").environment.name
    assert "LS-LOAD-007" == refused(folder, "broken").code


@pytest.mark.parametrize(
    ("text", "at", "says"),
    [
        ('without = ["/tools/X"]', "/without", "takes something out, and extends nothing"),
        ('extends = "tset"', "/extends", "there is no `tset.toml` beside it: `child` -> `tset`"),
        (
            'extends = "test"\nwithout = ["/tools/ScutleShip"]',
            "/without",
            "takes out `/tools/ScutleShip`, and nothing is inherited there",
        ),
        (
            'extends = "child"',
            "/extends",
            "the manifests extend one another in a circle: `child` -> `child`",
        ),
    ],
)
def test_a_chain_that_does_not_hold_is_refused(folder: Path, text: str, at: str, says: str) -> None:
    """With the file and the field, and what was probably meant."""
    path = write(folder, "child", text)
    found = refused(folder, "child")
    assert ("LS-ENV-008", f"{path}{at}", says) == (found.code, found.place, found.problem)


@pytest.mark.parametrize(
    "text",
    [
        'extends = "../test"',
        'extends = ["test"]',
        'extends = "test"\nwithout = "/tools/X"',
        'extends = "test"\nwithout = ["tools.X"]',
        'extends = "test"\nwithout = ["/limits"]',
    ],
)
def test_how_manifests_stand_to_one_another_is_read_strictly(folder: Path, text: str) -> None:
    """A name beside it, and places: nothing leads anywhere else."""
    write(folder, "child", text)
    assert "LS-LOAD-007" == refused(folder, "child").code


def test_a_circle_and_an_endless_chain_are_refused_by_all_their_names(folder: Path) -> None:
    """Whoever reads the refusal sees the whole way round."""
    write(folder, "child", 'extends = "one"')
    base(folder, 'extends = "two"', "one")
    base(folder, 'extends = "one"', "two")
    found = refused(folder, "child")
    assert f"{folder}/environments/two.toml/extends" == found.place
    assert found.problem.endswith("circle: `child` -> `one` -> `two` -> `one`")
    for number in range(MAX_FILES):
        base(folder, f'extends = "base-{number + 1}"', f"base-{number}")
    write(folder, "child", 'extends = "base-0"')
    found = refused(folder, "child")
    assert found.problem.startswith(f"more than {MAX_FILES} manifests extend one another: `child`")
    assert found.problem.endswith("`base-6` -> `base-7`")


def test_production_extends_nothing_that_was_written_for_less(folder: Path) -> None:
    """Bases and production alone; a sandbox may extend production."""
    write(folder, "prod", f'extends = "test"\n{TOOLS}', "prod")
    found = refused(folder, "prod")
    assert ("LS-ENV-008", f"{folder}/environments/prod.toml/extends") == (found.code, found.place)
    assert "stage `prod` extends stage `sandbox`: `prod` -> `test`" == found.problem
    base(folder, 'extends = "test"')
    write(folder, "prod", f'extends = "base"\n{TOOLS}', "prod")
    assert refused(folder, "prod").problem.endswith("`prod` -> `base` -> `test`")
    write(folder, "prod", f"{TOOLS}[resources.ship]\naurora = {{ listed = true }}\n", "prod")
    write(folder, "child", f'extends = "prod"\n{TOOLS}')
    assert "sandbox" == world(folder, "child").environment.stage


def test_a_base_is_no_environment(folder: Path) -> None:
    """It is in no list, cannot be asked for, and does not say what is at stake."""
    path = base(folder, TOOLS)
    assert ("test",) == load_package(folder).environments
    assert "LS-ENV-001" == refused(folder, "base").code
    base(folder, 'stage = "prod"')
    write(folder, "child", 'extends = "base"')
    found = refused(folder, "child")
    assert ("LS-ENV-008", f"{path}/stage") == (found.code, found.place)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("[limits]\nsteps = 0", "/limits/steps"),
        ("[limts]\nsteps = 1", "/limts"),
        ('[errors.Fog]\nrecovery = "wait"', "/errors/Fog"),
        ('[tools.ListShips]\nmock = "mocks/gone.toml"', "/tools/ListShips/mock"),
        ("[tools.ListBoats]", "/tools/ListBoats"),
    ],
)
def test_what_is_wrong_is_told_where_it_stands(folder: Path, text: str, at: str) -> None:
    """In the file that holds the value, and not in the one that inherits it."""
    path = base(folder, text)
    write(folder, "child", f'extends = "base"\n{TOOLS}')
    assert f"{path}{at}" == refused(folder, "child").place


def test_a_mock_that_production_inherits_is_told_in_its_file(folder: Path) -> None:
    """And refused like one of its own."""
    path = base(folder, '[tools.ListShips]\nmock = "mocks/ships.json"')
    write(folder, "prod", f'extends = "base"\n{TOOLS}', "prod")
    found = refused(folder, "prod")
    assert ("LS-ENV-005", f"{path}/tools/ListShips/mock") == (found.code, found.place)
