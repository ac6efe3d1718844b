"""What the documentation promises, held against the code.

A page that was true when it was written and is not now misleads whoever trusts it. So what can be
compared is: codes, commands, options, events, fields, links, and every example that says of itself
that it is a whole document. An example says so in its fence: ```` ```json plan ````.
"""

import ast
import json
import re
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cedarpy
import jsonschema_rs
import pytest
from pydantic import BaseModel

from lockstep.agent import Agent, Asking, Input
from lockstep.case import Case, Cases
from lockstep.catalogue import Pinned
from lockstep.codes import CODES, Exit
from lockstep.contents import Contents
from lockstep.decision import StandingGrant
from lockstep.declaration import DeclarationFile
from lockstep.environment import Binding, CatalogueSource, Environment, Limits
from lockstep.event import Event, Happening
from lockstep.fallback import Fallback
from lockstep.faults import Faults, Latency
from lockstep.guard import Guard
from lockstep.help import HELP
from lockstep.loading import load, parse_json, parse_toml, shaped
from lockstep.lock import Body, Lock, LockedPreflight, LockedToolStep
from lockstep.loop import ForEach
from lockstep.mock import Mock, MockAnswer, MockSignal
from lockstep.plan import Plan, ToolStep
from lockstep.planner import PlannerSettings
from lockstep.preflight import Expectation, Preflight
from lockstep.recovery import Recovery
from lockstep.schemas import NOUNS, published
from lockstep.standing import StandingGrants
from lockstep.statement import Asked, Proposed, Refreshed
from policies.graph.rules import Before, Mandatory, Rules
from worker.cli import commands as command_line

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
REFERENCE = DOCS / "reference"
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]

LOCK = "examples/cluster_digest/plans/weekly.local.lock.json"
RUN = f"sh deploy/setup.sh && .venv/bin/lockstep run {LOCK}"
TEST = "sh deploy/setup.sh test && .venv/bin/pytest"

WRITTEN: list[type[BaseModel]] = [
    *(Agent, Input, Asking, PlannerSettings),
    *(Environment, Binding, CatalogueSource, Limits, Recovery, DeclarationFile),
    *(Preflight, Expectation, Faults, Latency),
    Pinned,
    *(Mock, MockAnswer, MockSignal),
    *(Rules, Before, Mandatory),
    *(Cases, Case),
    *(Plan, ToolStep, Guard, Fallback, ForEach),
    *(Lock, Body, LockedToolStep, LockedPreflight, Proposed, Refreshed, Asked),
    *(Contents, StandingGrants, StandingGrant),
]
"""The documents of an agent package, and their parts."""

FENCE = re.compile(r"^( *)```(\w*) ?(\w*)\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def fenced(page: Path) -> Iterator[tuple[str, str, str]]:
    """Each fenced block: its language, what it says it is, its text."""
    for _, language, noun, text in FENCE.findall(page.read_text()):
        yield language, noun, text


def prose(page: Path) -> str:
    return FENCE.sub("", page.read_text())


def rows(page: Path) -> list[list[str]]:
    """The cells of all table rows."""
    cells = re.compile(r"(?<!\\)\|")
    lines = [line for line in prose(page).splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in cells.split(line)[1:-1]] for line in lines]


def sections(page: Path, level: str) -> dict[str, str]:
    """The text under each heading of a level."""
    parts = re.split(rf"^{level} (.+)$", page.read_text(), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def anchors(page: Path) -> set[str]:
    """What a link may name in a page, as GitHub makes it of headings."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def commands() -> Iterator[tuple[str, Any]]:
    """Every command that does something, by the words it is called with."""

    def walk(words: str, command: Any) -> Iterator[tuple[str, Any]]:
        if not hasattr(command, "commands"):
            yield words, command
            return
        for name in command.list_commands(None):
            yield from walk(f"{words} {name}", command.get_command(None, name))

    yield from walk("lockstep", command_line.commands())


def options(command: Any) -> set[str]:
    """A command's long options, but for `--help` and those that are not for people."""
    shown = [one for one in command.params if not getattr(one, "hidden", False)]
    names = {name for one in shown for name in (*one.opts, *one.secondary_opts)}
    return {name for name in names if name.startswith("--")} - {"--help"}


def test_the_readme_begins_with_what_a_newcomer_types() -> None:
    """Its first two `sh` blocks run the example's lock and the tests."""
    blocks = [text for language, _, text in fenced(ROOT / "README.md") if language == "sh"]

    assert [f"{RUN}\n", f"{TEST}\n"] == blocks[:2]


def test_the_readme_fits_one_sitting() -> None:
    """It has fewer than 130 lines."""
    assert len((ROOT / "README.md").read_text().splitlines()) < 130


def test_the_readme_shows_the_steps_of_the_lock_it_runs() -> None:
    """The sample output has the flagship's steps, in the lock's order."""
    lock = load(Lock, ROOT / LOCK)
    sample = next(text for language, _, text in fenced(ROOT / "README.md") if language == "text")
    shown = re.findall(r"^✓  (\w+)\s+(\w+)\s", sample, re.MULTILINE)

    assert [(step.id, step.tool) for step in lock.steps] == shown


def test_every_code_is_in_the_reference() -> None:
    """The page has each code once, with its title, its exit and the advice that `explain` gives;
    only the page has links.
    """
    table = [row for row in rows(REFERENCE / "codes.md") if row[0].startswith("`LS-")]
    unlinked = [[re.sub(r"\[([^]]+)\]\([^)]+\)", r"\1", cell) for cell in row] for row in table]

    assert unlinked == [
        [f"`{name}`", code.title, str(int(code.exit)), HELP[name]] for name, code in CODES.items()
    ]


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_no_page_names_a_code_that_does_not_exist(page: Path) -> None:
    """Whoever searches for a code finds it."""
    assert set() == set(re.findall(r"LS-[A-Z]+-\d+", page.read_text())) - CODES.keys()


def test_every_command_and_option_is_in_the_reference() -> None:
    """The page has a section for each command, and in it each option and no other."""
    written = {
        title: set(re.findall(r"--[a-z][a-z-]*", "".join(re.findall(r"^\| .*$", text, re.M))))
        for title, text in sections(REFERENCE / "commands.md", "###").items()
    }

    assert {words: options(command) for words, command in commands()} == written


def test_every_schema_is_in_the_reference() -> None:
    """The section of `lockstep schema` names each document that it prints a schema of."""
    section = sections(REFERENCE / "commands.md", "###")["lockstep schema"]

    assert set() == {f"`{noun}`" for noun in NOUNS} - set(re.findall(r"`[^`]+`", section))


def test_every_option_says_what_it_is_for() -> None:
    """`--help` has a sentence for each option that is for people."""
    silent = {
        f"{words} {one.opts[0]}"
        for words, command in commands()
        for one in command.params
        if not getattr(one, "hidden", False) and not getattr(one, "help", None)
    }

    assert set() == silent


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_no_page_names_a_command_or_option_that_does_not_exist(page: Path) -> None:
    """What is shown as typed, in a block or between backticks, can be typed."""
    known = dict(commands())
    blocks = [text for language, _, text in fenced(page) if language in {"sh", "ini", "text"}]
    shown = "\n".join(blocks).replace("\\\n", " ")
    typed = re.findall(r"`(lockstep [^`\n]+)`", prose(page))
    typed += re.findall(r"(?:^ *|\$ |&& |bin/)(lockstep [^|\n]+)", shown, re.MULTILINE)
    for line in typed:
        words = line.split("#")[0].split()
        called = next((n for n in (3, 2) if " ".join(words[:n]) in known), None)
        if called is None:
            # A group of commands may be named as a whole.
            assert any(name.startswith(f"{words[0]} {words[1]} ") for name in known), line
            continue
        given = {word.partition("=")[0] for word in words[called:] if word.startswith("--")}
        assert given <= options(known[" ".join(words[:called])]) | {"--help"}, line


def test_every_exit_code_is_told() -> None:
    """A script's author finds each number, in the README and in the reference."""
    wanted = [*map(int, Exit), 130]
    told = re.search(r"Exit codes: (.*?)\.", (ROOT / "README.md").read_text(), re.DOTALL)
    table = [row[0] for row in rows(REFERENCE / "commands.md") if row[0].isdecimal()]

    assert told
    assert wanted == [int(number) for number in re.findall(r"\d+", told[1])]
    assert wanted == [int(number) for number in table]


def test_every_event_is_in_the_reference() -> None:
    """The page has each type of event once, and in its row each field."""
    union, _ = typing.get_args(Happening)
    types: dict[str, set[str]] = {}
    for happening in typing.get_args(union):
        fields = happening.model_fields
        types[f"`{fields['type'].default}`"] = set(fields) - {"type"}
    table = {row[0]: row[2] for row in rows(REFERENCE / "events.md") if "." in row[0]}

    assert types.keys() == table.keys()
    assert {name: set() for name in types} == {
        name: {field for field in fields if f"`{field}`" not in table[name]}
        for name, fields in types.items()
    }
    names = {row[0] for row in rows(REFERENCE / "events.md")}
    assert set() == {f"`{field}`" for field in Event.model_fields} - names


@pytest.mark.parametrize("noun", WRITTEN)
def test_every_field_of_the_package_is_in_the_reference(noun: type[BaseModel]) -> None:
    """The pages name each field of each document that people write or review."""
    package = REFERENCE / "agent-package.md"
    linked = re.findall(r"^\| \[[^]]+\]\(([a-z-]+\.md)\)", package.read_text(), re.MULTILINE)
    text = "\n".join((REFERENCE / page).read_text() for page in (package.name, *linked))
    quoted = set(re.findall(r"`([a-z_]+)[`.]", text)) | set(re.findall(r'"?(\w+)"?(?: =|:)', text))
    tables = set(re.findall(r"^\[+(\w+)", text, re.MULTILINE))

    written = {field.alias or name for name, field in noun.model_fields.items()}
    assert set() == written - quoted - tables


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_links_within_the_documentation_lead_somewhere(page: Path) -> None:
    """Every relative link names a file that is there, and an anchor that it has."""
    for target in re.findall(r"\]\(([^)]+)\)", prose(page)):
        if re.match(r"[a-z]+://", target):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), target
        assert not anchor or anchor in anchors(there), target


def test_every_page_can_be_reached_from_the_index() -> None:
    """No page is forgotten in `docs/README.md`."""
    index = DOCS / "README.md"
    targets = re.findall(r"\]\(([^)#]+)", index.read_text())
    linked = {(DOCS / target).resolve() for target in targets}

    assert set() == set(DOCS.rglob("*.md")) - linked - {index}


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_whole_documents_are_what_they_say(page: Path) -> None:
    """A plan is a plan, a manifest a manifest: by the strict reader, the noun and the published
    schema.
    """
    for language, noun, text in fenced(page):
        if not noun:
            continue
        value = parse_toml(text, noun) if language == "toml" else parse_json(text, noun)
        models: dict[str, type[BaseModel]] = {**NOUNS, "rules": Rules}
        shaped(models[noun], value, relative(page))
        if noun in NOUNS:
            assert jsonschema_rs.validator_for(published(noun)).is_valid(value), relative(page)


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_examples_can_be_parsed(page: Path) -> None:
    """Whatever is shown as Python, JSON, TOML or Cedar is that."""
    for language, _, text in fenced(page):
        match language:
            case "python":
                ast.parse(text)
            case "json":
                json.loads(text)
            case "toml":
                parse_toml(text, relative(page))
            case "cedar":
                cedarpy.policies_to_json_str(text)
            case _:
                pass


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_pages_hold_nothing_of_one_machine(page: Path) -> None:
    """No path of whoever wrote it, no address but examples and this machine's own."""
    text = page.read_text()
    hosts = set(re.findall(r"https?://([^/:\s)`]+)", text))

    assert [] == re.findall(r"/(?:tmp|work|root)/\S+", text)
    assert hosts <= {"127.0.0.1", "docs.cedarpolicy.com", "temporal.io"}
