"""`lockstep environment`: a manifest as it counts, with all that it inherits."""

from pathlib import Path
from typing import Annotated, Any

import typer

from lockstep.dotted import dotted
from lockstep.extension import Extended
from lockstep.pointer import pointer
from worker.cli.options import HereOption, agent_here, group
from worker.cli.terminal import Format, FormatOption, emit_json, is_json, out
from worker.plain import plain

app = group(__doc__)


@app.callback()
def environment() -> None:
    """A manifest as it counts, with all that it inherits."""


@app.command("show")
def show(
    env: Annotated[str, typer.Argument(help="The environment: a manifest of the agent.")],
    agent: HereOption = None,
    format: FormatOption = Format.HUMAN,
) -> None:
    """Print a manifest with all it inherits, and from which file."""
    package = agent_here(agent)
    manifest, extended = package.written(env)
    # What is shown is what would be used, or it is not shown.
    package.world(env)
    if is_json():
        told: dict[str, Any] = {
            "environment": env,
            "files": list(extended.files),
            "manifest": manifest.model_dump(mode="json"),
            "origins": {pointer(at): extended.file_of(at) for at, _ in _lines(extended)},
        }
        emit_json(told)
        return
    lines = _lines(extended)
    width = min(max((len(plain(line)) for _, line in lines), default=0), 72)
    for at, line in lines:
        file = Path(extended.file_of(at))
        inherited = f"  # {file.name}" if file != Path(extended.files[0]) else ""
        text = plain(line)
        out.print(f"{text:<{width}}{inherited}" if inherited else text, markup=False)


def _lines(extended: Extended) -> list[tuple[tuple[str, ...], str]]:
    """What `extends` and `without` said is in the rest by now."""
    done = ("extends", "without")
    return list(dotted({name: one for name, one in extended.document.items() if name not in done}))
