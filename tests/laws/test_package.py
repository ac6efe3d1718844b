"""An agent's folder is read once, under a private name, and what is wrong with it is said."""

import shutil
import sys
from functools import partial
from pathlib import Path

import pytest

from activities.package import AgentPackage, find_root, load_package
from lockstep.finding import Finding
from lockstep.tool import Effect
from tests.laws.port import HARBOUR, ROOT, copied, package, refusal

FLAGSHIP = ROOT / "examples" / "cluster_digest"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the harbour that may be spoiled."""
    return copied(tmp_path)


def spoilt(folder: Path, file: str, text: str) -> Finding:
    """What is said of the agent when a file of it reads otherwise."""
    (folder / file).write_text(text)
    return refusal(lambda: load_package(folder).world("test"))


def test_the_flagship_loads() -> None:
    """Its tools, its environment and its policy are what its files say."""
    loaded = load_package(FLAGSHIP)
    assert "cluster_digest" == loaded.agent.name
    assert "local" in loaded.environments
    world = loaded.world("local")
    assert {"FetchMetrics", "DetectAnomalies", "RenderDigest", "PublishDigest"} <= set(world.tools)
    assert Effect.DESTRUCTIVE is world.tools["RemoveMetric"].effect
    assert world.environment.resources["metric"]["node_load1"] == {"critical": True}


def test_loading_twice_gives_the_same_world() -> None:
    """Same pins, same policy: a worker that is started again serves the same locks."""
    first, again = load_package(HARBOUR).world("test"), load_package(HARBOUR).world("test")
    assert first.pins == again.pins
    assert first.decider.policy == again.decider.policy


def test_an_agents_modules_have_private_names(folder: Path) -> None:
    """They shadow nothing and are shadowed by nothing, and the import path is left alone."""
    (folder / "json.py").write_text("NAME = 'harbour'")
    (folder / "lockstep.py").write_text("raise RuntimeError")
    tools = folder / "tools.py"
    tools.write_text(tools.read_text() + "\nfrom .json import NAME\nassert NAME == 'harbour'\n")
    path, before = list(sys.path), set(sys.modules)
    loaded = load_package(folder)
    assert "ListShips" in loaded.tools
    assert path == sys.path
    added = set(sys.modules) - before
    assert {"tools", "json"} == {name.rpartition(".")[2] for name in added if "." in name}
    assert all(name.startswith("_lockstep_agent_") for name in added)


def test_two_agents_do_not_share_a_module(folder: Path) -> None:
    """Each folder has its own `tools`, whatever it is called."""
    other = load_package(folder)
    assert other.tools["ListShips"] is not package().tools["ListShips"]
    assert other.tools["ListShips"].spec == package().tools["ListShips"].spec


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("import no_such_library", "ModuleNotFoundError: No module named 'no_such_library'"),
        ("def (", "SyntaxError: "),
        ("import sys\nsys.exit(0)", "SystemExit: 0"),
        ("raise RuntimeError('a\\nb')", "RuntimeError: a b"),
        ("\0", "SyntaxError"),
        (
            "from lockstep import Record, tool\nclass M(Record):\n    pass\n"
            "@tool('bad name', effect='read')\ndef f(request: M) -> M:\n    return request",
            "ValidationError: ",
        ),
    ],
    ids=["raise", "import", "syntax", "exit", "lines", "null", "tool"],
)
def test_tools_that_cannot_be_imported_say_why(folder: Path, code: str, says: str) -> None:
    """In one line, with the file; an exit in there ends nobody else, and success least of all."""
    found = spoilt(folder, "tools.py", code)
    assert ("LS-AGENT-002", str(folder / "tools.py")) == (found.code, found.place)
    assert says in found.problem
    assert "\n" not in found.problem
    assert 700 > len(found.problem)


def test_what_tools_print_is_not_among_the_results(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A program reads standard output; an import that greets writes to the other."""
    tools = folder / "tools.py"
    tools.write_text(f"{tools.read_text()}\nprint('hello')\n")
    assert "ListShips" in load_package(folder).tools
    assert ("", "hello\n") == capsys.readouterr()


def test_tools_that_were_mended_load(folder: Path) -> None:
    """Nothing is remembered of the failure."""
    good = (folder / "tools.py").read_text()
    spoilt(folder, "tools.py", "1 / 0")
    (folder / "tools.py").write_text(good)
    assert "ListShips" in load_package(folder).tools


def test_two_tools_of_one_name_are_refused(folder: Path) -> None:
    """Which of them a plan meant nobody could say."""
    text = (folder / "tools.py").read_text().replace('"FireCannon"', '"ListShips"')
    found = spoilt(folder, "tools.py", text)
    assert ("LS-AGENT-002", "two tools are called `ListShips`") == (found.code, found.problem)


def test_a_manifest_names_only_tools_that_there_are(folder: Path) -> None:
    """A tool without code is a contradiction, found before any plan is."""
    manifest = (folder / "environments" / "test.toml").read_text()
    found = spoilt(folder, "environments/test.toml", manifest + "\n[tools.ListShip]\n")
    assert "LS-AGENT-003" == found.code
    assert "names tool `ListShip`, which tools.py does not have" == found.problem


def test_a_manifest_is_called_what_its_file_is_called(folder: Path) -> None:
    """So that what `--env prod` means cannot be argued about."""
    manifest = (folder / "environments" / "test.toml").read_text()
    found = spoilt(folder, "environments/test.toml", manifest.replace('"test"', '"prod"'))
    assert ("LS-AGENT-003", "calls itself `prod`") == (found.code, found.problem)


def test_an_unknown_environment_lists_the_known(folder: Path) -> None:
    """And says which file would make it one; a path is no name."""
    shutil.copy(folder / "environments" / "test.toml", folder / "environments" / "dev.toml")
    loaded = load_package(folder)
    found = refusal(lambda: loaded.world("prod"))
    assert ("LS-ENV-001", "agent `harbour`") == (found.code, found.place)
    assert "environment `prod` does not exist" == found.problem
    assert "name one of `dev`, `test`, or write environments/prod.toml" == found.fix
    for odd in ("../environments/test", "test.toml", "", "."):
        assert "LS-ENV-001" == refusal(partial(loaded.world, odd)).code


@pytest.mark.parametrize(
    ("name", "fix"),
    [
        ("aprovals.cedar", "call it `approvals.cedar`"),
        ("authorise.cedar", "call it `authorize.cedar`"),
        ("rule.py", "call it `rules.py`"),
        ("Approvals.CEDAR", "call it `approvals.cedar`"),
        ("more/approvals.cedar", "call it `approvals.cedar`, in `policy` itself"),
        (
            "x.json",
            "use `authorize.cedar`, `approvals.cedar`, `shadow.cedar`, `rules.toml`, `rules.py`",
        ),
    ],
)
def test_a_policy_that_nobody_reads_is_refused(folder: Path, name: str, fix: str) -> None:
    """A slip in a file's name must not lift what is written in it, nor must a folder."""
    (folder / "policy" / "more").mkdir()
    (folder / "policy" / ".editor").mkdir()
    (folder / "policy" / ".editor" / "lock.json").write_text("")
    found = spoilt(folder, f"policy/{name}", "")
    assert ("LS-AGENT-003", fix) == (found.code, found.fix)
    (folder / "policy" / name).unlink()
    (folder / "policy" / "README.md").write_text("")
    assert "harbour" == load_package(folder).agent.name


def test_a_policy_that_cannot_be_read_is_not_passed_over(folder: Path) -> None:
    """A link that leads nowhere, a folder, and bytes that are no text."""
    approvals = folder / "policy" / "approvals.cedar"
    approvals.unlink()
    assert "" == load_package(folder).texts.approvals
    approvals.symlink_to("gone.cedar")
    assert "LS-LOAD-001" == refusal(lambda: load_package(folder)).code
    approvals.unlink()
    approvals.write_bytes(b"\xff")
    assert "LS-LOAD-002" == refusal(lambda: load_package(folder)).code
    shutil.rmtree(folder / "policy")
    assert "LS-LOAD-001" == refusal(lambda: load_package(folder)).code


def test_a_folder_without_an_agent_is_told(tmp_path: Path) -> None:
    """The nearest folder upwards that has one is taken, from a file as from a folder."""
    assert HARBOUR == find_root(HARBOUR / "policy" / "rules.toml") == find_root(HARBOUR)
    found = refusal(lambda: find_root(tmp_path))
    assert ("LS-AGENT-001", "name the agent's folder with --agent") == (found.code, found.fix)
    (tmp_path / "agent.toml").mkdir()
    assert "LS-AGENT-001" == refusal(lambda: find_root(tmp_path)).code


@pytest.mark.parametrize(
    "declared",
    [
        'type = "integer"\ndefault = "seven"',
        'type = "integer"\ndefault = true',
        'type = "string"\ndefault = 7',
        'type = "boolean"\ndefault = 1',
        'type = "string"\nenum = ["a", "b"]\ndefault = "c"',
        'type = "integer"\nenum = ["1", "2"]',
    ],
)
def test_an_input_is_declared_so_that_it_can_be_given(folder: Path, declared: str) -> None:
    """A default of another type would fail every run that relies on it."""
    agent = (folder / "agent.toml").read_text()
    found = spoilt(folder, "agent.toml", f"{agent}\n[inputs.odd]\n{declared}\n")
    assert "LS-LOAD-007" == found.code
    assert found.place.endswith("agent.toml/inputs/odd")


def test_a_package_is_a_value(folder: Path) -> None:
    """It was read once: what happens to the folder afterwards does not reach it."""
    loaded: AgentPackage = load_package(folder)
    (folder / "policy" / "authorize.cedar").write_text("")
    assert package().texts == loaded.texts
