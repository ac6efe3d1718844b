"""`lockstep init`: a new agent package, small and whole, that can be locked and run at once.

What is copied is an agent that we test like any other. Nothing is asked and nothing is generated
from a description: whoever begins wants something that works, to change.
"""

import re
import shlex
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from activities.package import MANIFEST
from lockstep.errors import LockstepError
from worker.cli.terminal import Format, FormatOption, emit_json, is_json, out, safe, write_file

STARTER = Path(__file__).parent / "starter"
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_LEFT_OUT = shutil.ignore_patterns("__pycache__", ".*_cache")
_NEXT = (
    "lockstep policy test",
    "lockstep check plans/first.plan.json --env local",
    "lockstep lock plans/first.plan.json --env local",
    "lockstep run plans/first.local.lock.json",
)
_TEST = "python -m pytest tests"


def init(
    folder: Annotated[Path, typer.Argument(help="The new agent's folder; absent or empty.")],
    name: Annotated[
        str | None,
        typer.Option("--name", metavar="NAME", help="The agent's name; by default the folder's."),
    ] = None,
    format: FormatOption = Format.HUMAN,
) -> None:
    """Make a new agent package, with two tools, a policy, a plan and tests."""
    called = _called(folder, name)
    _refuse_what_is_there(folder)
    shutil.copytree(STARTER, folder, ignore=_LEFT_OUT, dirs_exist_ok=True)
    manifest = folder / MANIFEST
    write_file(manifest, manifest.read_text().replace('name = "starter"', f'name = "{called}"'))
    files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    # What the tests want is not installed by a set-up that is only to run.
    tested = (_TEST,) if find_spec("pytest") else ()
    commands = [f"cd {shlex.quote(str(folder))}", *_NEXT, *tested]
    if is_json():
        emit_json({"agent": called, "folder": str(folder), "files": files, "next": commands})
        return
    out.print(f"[green]made[/green] agent `{called}` in {safe(folder)}")
    for file in files:
        out.print(f"  {safe(file)}")
    out.print("next:")
    for command in commands:
        out.print(f"  {safe(command)}")


def _called(folder: Path, name: str | None) -> str:
    """The agent's name; a folder's name is taken in small letters."""
    given = name if name is not None else folder.absolute().name.lower()
    if _NAME.fullmatch(given):
        return given
    raise LockstepError.of(
        "LS-CLI-001",
        "",
        f"`{given[:80]}` is no agent's name: wanted a lower-case letter, then lower-case letters, "
        "digits, `_` or `-`, 63 in all",
        "name it with `--name`",
    )


def _refuse_what_is_there(folder: Path) -> None:
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        found = "is there already, and is not a folder"
    elif folder.is_dir() and any(folder.iterdir()):
        found = "is not empty"
    else:
        return
    raise LockstepError.of("LS-CLI-001", str(folder), found, "name a new folder, or an empty one")
