"""`lockstep diff` at the shell: 0 for the same, 3 for a difference, one line an error."""

import asyncio
from pathlib import Path

import pytest

from activities.files.cases import answered
from activities.package import load_package
from tests.runs.command import lockstep
from tests.runs.yard import ROOT, copied, replace

pytestmark = pytest.mark.asyncio(loop_scope="session")

FLAGSHIP = ROOT / "examples" / "cluster_digest"
LOCAL = str(FLAGSHIP / "plans" / "weekly.local.lock.json")
PROD = str(FLAGSHIP / "plans" / "weekly.prod.lock.json")


async def test_two_locks_are_compared_by_what_they_mean(surroundings: Path) -> None:
    """By step and place for people, in full for programs; a lock is the same as itself."""
    human, machine, same = await asyncio.gather(
        lockstep("diff", LOCAL, PROD),
        lockstep("diff", LOCAL, PROD, "--format", "json"),
        lockstep("diff", LOCAL, LOCAL),
    )
    assert (3, 3, 0) == (human.code, machine.code, same.code)
    assert "\nsteps\n  ~ fetch  /args/interval_seconds  0.25 -> 3600\n" in human.out
    assert "\n  + environment  catalogues.metric\n" in human.out
    assert "\n  - metric node_memory_available_bytes  " in human.out
    assert human.out.endswith(f"{len(machine.json['changes'])} differences\n")
    assert not machine.json["same"]
    (change,) = [one for one in machine.json["changes"] if one["at"] == "/steps/fetch/args/points"]
    assert (60, 168, "changed") == (change["old"], change["new"], change["kind"])
    assert same.out.endswith("the same\n")


async def test_two_environments_are_compared(surroundings: Path) -> None:
    """Their tools, stages, resources and limits."""
    said = await lockstep("diff", "--env", "local", "--env", "sandbox", "--agent", str(FLAGSHIP))
    assert 3 == said.code
    assert '\n  ~ FetchMetrics  /mock  null -> "mocks/metrics.json"\n' in said.out
    assert said.out.endswith("4 differences\n")


async def test_what_is_shown_of_a_lock_is_not_obeyed(surroundings: Path, tmp_path: Path) -> None:
    """Escape sequences and markup in an environment are shown as what they are."""
    root = copied(FLAGSHIP, tmp_path)
    replace(
        root / "environments" / "sandbox.toml",
        'endpoint = "${DIGEST_FOLDER:-digests}"',
        'endpoint = "[red]\\u202eevil"',
    )
    said = await lockstep("diff", "--env", "local", "--env", "sandbox", folder=root)
    assert "[red]\\u202eevil" in said.out


@pytest.mark.parametrize(
    ("arguments", "code", "exits"),
    [
        ((LOCAL, "--env", "local"), "LS-CLI-001", 2),
        ((str(FLAGSHIP), str(FLAGSHIP / "plans")), "LS-CLI-001", 2),
        (("--env", "local"), "LS-CLI-001", 2),
        ((LOCAL, PROD, "--env", "local"), "LS-CLI-001", 2),
        ((), "LS-CLI-001", 2),
        ((LOCAL, "nowhere.json"), "LS-LOAD-001", 2),
        ((LOCAL, str(FLAGSHIP / "plans" / "weekly.local.plan.json")), "LS-LOAD-007", 3),
        (("--env", "local", "--env", "moon", "--agent", str(FLAGSHIP)), "LS-ENV-001", 2),
    ],
)
async def test_what_cannot_be_compared_is_said(
    surroundings: Path, arguments: tuple[str, ...], code: str, exits: int
) -> None:
    """In one line, and nothing is compared."""
    said = await lockstep("diff", *arguments)
    assert (exits, "", code) == (said.code, said.out, said.err.split()[0])
    assert 1 == said.err.count("\n")


async def test_a_lock_that_was_edited_is_not_compared(surroundings: Path, tmp_path: Path) -> None:
    """It is not what its digest says, so nobody knows what it is."""
    edited = tmp_path / "edited.lock.json"
    edited.write_text(Path(LOCAL).read_text().replace('"points": 60', '"points": 61'))
    said = await lockstep("diff", LOCAL, str(edited))
    assert (3, "LS-LOCK-001") == (said.code, said.err.split()[0])


async def test_two_policies_are_compared_by_rule_and_by_case(
    surroundings: Path, tmp_path: Path
) -> None:
    """An agent and another copy of its policy: what changed, and which cases are answered
    otherwise; a copy that is the same is said to be.
    """
    root = copied(FLAGSHIP, tmp_path)
    replace(root / "policy" / "authorize.cedar", 'stage == "prod"', 'stage == "staging"')
    human, machine, same = await asyncio.gather(
        lockstep("diff", str(FLAGSHIP), str(root)),
        lockstep("diff", str(FLAGSHIP), str(root), "--format", "json"),
        lockstep("diff", str(FLAGSHIP / "policy"), str(FLAGSHIP)),
    )
    assert (3, 3, 0) == (human.code, machine.code, same.code)
    assert "      - DENY by tools.development-only\n      + ALLOW by tools.dev" in human.out
    count = len(answered(load_package(FLAGSHIP)))
    assert count == machine.json["asked"]
    assert ["/rules/tools.development-only/text"] == [one["at"] for one in machine.json["changes"]]
    assert {"prod"} <= {one["environment"] for one in machine.json["verdicts"]}
    assert (
        f"{count} cases asked of both, 0 answered differently\nthe rules are the same" in same.out
    )
