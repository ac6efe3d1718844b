"""What must hold of the files themselves.

Arrows between packages are import-linter's; here is what it cannot see: what stands at the top of a
file, how long it is, what the pins say, and that the README's promises are the ones CI keeps.
"""

import ast
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("lockstep", "policies", "activities", "workflows", "worker")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
PINS = sorted((ROOT / "requirements").glob("*.txt"))

MOST_LINES = 400
"""The median should stay under 150; a file that nears this has a second noun in it."""


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def blocks(markdown: str) -> list[str]:
    """The fenced `sh` blocks, in order."""
    fenced = re.findall(r"^```(\w*)\n(.*?)^```$", markdown, re.DOTALL | re.MULTILINE)
    return [body for language, body in fenced if language == "sh"]


def pinned(path: Path) -> dict[str, str]:
    """Each package's whole entry, marker and hashes included."""
    entries = path.read_text().replace("\\\n", " ").splitlines()
    return {entry.split("==")[0]: " ".join(entry.split()) for entry in entries}


@pytest.mark.parametrize("package", [name for name in PACKAGES if name != "lockstep"])
def test_package_files_hold_a_docstring_and_nothing_else(package: str) -> None:
    """A re-export would drag an SDK into the workflow sandbox."""
    body = ast.parse((ROOT / package / "__init__.py").read_text()).body

    assert 1 == len(body)
    assert isinstance(body[0], ast.Expr)
    assert isinstance(body[0].value, ast.Constant)
    assert isinstance(body[0].value.value, str)


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_every_module_says_what_it_is_for(path: Path) -> None:
    """A file opens with a docstring."""
    assert ast.get_docstring(ast.parse(path.read_text()))


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_no_module_is_longer_than_one_noun_needs(path: Path) -> None:
    """No module passes the limit."""
    assert len(path.read_text().splitlines()) <= MOST_LINES


@pytest.mark.parametrize("path", PINS, ids=relative)
def test_every_pin_is_a_version_with_hashes(path: Path) -> None:
    """Each entry is one exact version and what its files must hash to; no comment, no option."""
    entry = r"[a-z0-9-]+==\S+( ; [^\\]+?)?( --hash=sha256:[0-9a-f]{64})+"

    assert [] == [pin for pin in pinned(path).values() if not re.fullmatch(entry, pin)]


@pytest.mark.parametrize("path", PINS, ids=relative)
def test_pins_do_not_say_where_packages_come_from(path: Path) -> None:
    """That is the machine's own setting: no index, no link, no URL."""
    assert not re.search(r"://|@|index|find-links|trusted-host", path.read_text())


@pytest.mark.parametrize(
    ("smaller", "larger"), [("build", "run"), ("worker", "run"), ("run", "test")]
)
def test_what_was_tested_is_what_runs(smaller: str, larger: str) -> None:
    """Every pin of the smaller set stands unchanged in the larger."""
    small, large = (pinned(ROOT / "requirements" / f"{name}.txt") for name in (smaller, larger))

    assert small == {name: large.get(name) for name in small}


def test_every_requirement_is_pinned() -> None:
    """A dependency added to pyproject.toml was compiled into the pins as well."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extras = project["project"]["optional-dependencies"]
    wanted = {
        "build": project["build-system"]["requires"],
        "worker": project["project"]["dependencies"],
        "run": [*extras["embedded"], *extras["examples"]],
        "test": extras["test"],
    }
    names = {
        pins: {re.split(r"[^\w-]", requirement)[0] for requirement in requirements}
        for pins, requirements in wanted.items()
    }

    assert {pins: set() for pins in names} == {
        pins: asked - pinned(ROOT / "requirements" / f"{pins}.txt").keys()
        for pins, asked in names.items()
    }


def test_the_readme_opens_with_what_ci_runs() -> None:
    """First block: set up and run the flagship's lock. Second: set up and test. CI runs both."""
    first, second, *_ = blocks((ROOT / "README.md").read_text())
    ci = (ROOT / ".ci" / "run").read_text()

    assert first.startswith("sh deploy/setup.sh && .venv/bin/lockstep run ")
    assert second == "sh deploy/setup.sh test && .venv/bin/pytest\n"
    assert '"$(block 1)"' in ci
    assert '"$(block 2)"' in ci


def test_the_readme_runs_a_lock_that_is_there() -> None:
    """The first command a newcomer types names a committed file."""
    first = blocks((ROOT / "README.md").read_text())[0]
    locks = re.findall(r"\S+\.lock\.json", first)

    assert 1 == len(locks)
    assert (ROOT / locks[0]).is_file()
