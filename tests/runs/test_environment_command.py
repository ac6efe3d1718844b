"""`lockstep environment show` at the shell: a manifest as it counts, and where it stands."""

from pathlib import Path

import pytest

from lockstep.environment import Environment
from lockstep.loading import parse_toml, shaped
from tests.runs.command import lockstep
from tests.runs.yard import ROOT, copied

pytestmark = pytest.mark.asyncio(loop_scope="session")

FLAGSHIP = ROOT / "examples" / "cluster_digest"

TRIAL = """lockstep = "environment/1"
name = "trial"
stage = "sandbox"
extends = "local"
without = ["/resources/metric/node_load1"]

[tools.FetchMetrics]
mock = "mocks/metrics.json"
settings = { note = "[red]\\u202eevil # 1" }

[tools.RemoveMetric]
"""


async def test_a_manifest_is_shown_as_it_counts(surroundings: Path, tmp_path: Path) -> None:
    """Each value with its file; what is shown is a manifest itself, and nothing in it is obeyed.

    A manifest that does not load is not shown.
    """
    root = copied(FLAGSHIP, tmp_path)
    manifest = root / "environments" / "trial.toml"
    manifest.write_text(TRIAL)
    said = await lockstep("environment", "show", "trial", folder=root)
    assert (3, "") == (said.code, said.out)
    assert f"LS-ENV-008 {root}/environments/local.toml/tools/PublishDigest" in said.err
    manifest.write_text(f"{TRIAL}[tools.PublishDigest]\n")
    said = await lockstep("environment", "show", "trial", folder=root)
    assert 0 == said.code, said.err
    assert "[red]\\u202eevil # 1" in said.out
    (wall,) = [line for line in said.out.splitlines() if line.startswith("limits.wall")]
    assert ['limits.wall = "3h"', "local.toml"] == [part.strip() for part in wall.split("  # ")]
    shown = shaped(Environment, parse_toml(said.out, "shown"), "shown")
    assert "node_load1" not in shown.resources["metric"]
    told = (await lockstep("environment", "show", "trial", "--format", "json", folder=root)).json
    assert str(manifest) == told["origins"]["/tools/FetchMetrics/mock"]
    assert str(manifest.with_name("local.toml")) == told["origins"]["/limits/wall"]
    assert ["PublishDigest", "RemoveMetric"] == sorted(
        name for name in told["manifest"]["tools"] if name[0] in "PR" and name != "RenderDigest"
    )
