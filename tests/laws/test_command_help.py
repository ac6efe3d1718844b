"""What `--help` says: whole sentences on a terminal of 80 columns, in the reference's words."""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lockstep.errors import LockstepError
from worker.cli.commands import PLACES, SECTIONS, commands

ROOT = Path(__file__).parents[2]
REFERENCE = (ROOT / "docs" / "reference" / "commands.md").read_text()
SHARED = REFERENCE.partition("## Exit codes")[0]
"""What it says once of the arguments and options of several commands."""
Helped = Callable[..., str]
GROUPS = [name for name, place in PLACES.items() if place.endswith(":app")]


@pytest.fixture
def helped(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Helped:
    """What a terminal of 80 columns shows of a command's help, below the line of its usage."""
    monkeypatch.setenv("COLUMNS", "80")

    def asked(*words: str) -> str:
        commands()([*words, "--help"], prog_name="lockstep", standalone_mode=False)
        return capsys.readouterr().out.partition("\n")[2]

    return asked


def leaves() -> Iterator[tuple[str, Any]]:
    """Every command that does something, by the words it is called with."""
    for name in PLACES:
        command = commands().get_command(None, name)
        for part in getattr(command, "commands", {"": None}):
            yield f"{name} {part}".strip(), command.commands[part] if part else command


def test_every_command_has_a_line_of_its_own(helped: Helped) -> None:
    """The help of all commands lists each once, on one line, in sections."""
    listed = re.findall(r"^  (\w+) {2,}(\S.*)$", helped(), re.MULTILINE)
    told = [(name, text) for one in SECTIONS.values() for name, (_, text) in one.items()]

    assert told == listed


@pytest.mark.parametrize("words", [[], *([group] for group in GROUPS)])
def test_no_line_of_a_list_is_cut_off(words: list[str], helped: Helped) -> None:
    """What a command is for fits beside its name."""
    assert [] == [line for line in helped(*words).splitlines() if line.endswith("...")]


def test_the_list_of_commands_loads_none_of_them() -> None:
    """Whoever asks what there is does not wait for Temporal's client or for Cedar."""
    looks = (
        "import sys; from worker.cli.main import main; import os;"
        "os._exit = lambda code: print(*(set(sys.modules) & {'temporalio', 'cedarpy'}), file=err);"
        "err = sys.stderr; sys.argv = ['lockstep', '--help']; main()"
    )
    said = subprocess.run(
        [sys.executable, "-P", "-c", looks],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert "\n" == said.stderr


def test_an_option_takes_what_the_reference_says() -> None:
    """`--out FILE` there is `--out FILE` here; no type of Python's is shown to anybody."""
    parts = re.split(r"^### lockstep (.+)$", REFERENCE, flags=re.MULTILINE)
    pages = dict(zip(parts[1::2], parts[2::2], strict=True))
    wrong = [
        (words, one.opts[0], one.metavar)
        for words, command in leaves()
        for one in command.params
        if one.param_type_name == "option" and not one.is_flag and not one.hidden
        if one.name != "format" and f"{one.opts[0]} {one.metavar}" not in pages[words] + SHARED
    ]

    assert [] == wrong


@pytest.mark.parametrize(
    ("typed", "fix"),
    [("rnu", "did you mean `lockstep run`?"), ("xyzzy", "see `lockstep --help`")],
)
def test_a_command_that_is_not_there_is_told_from_one_that_nearly_is(typed: str, fix: str) -> None:
    """All commands are candidates, also those that nobody has loaded yet."""
    with pytest.raises(LockstepError) as caught:
        commands()([typed], standalone_mode=False)

    assert [(f"no such command `{typed}`", fix)] == [
        (one.problem, one.fix) for one in caught.value.findings
    ]
