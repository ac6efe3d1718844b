"""A lock that has drifted is told what drifted, and is made anew from its own plan."""

import json
from asyncio import gather
from dataclasses import replace as replaced
from pathlib import Path

import pytest

from activities.package import load_package
from lockstep.lock import Lock
from tests.runs.command import lockstep
from tests.runs.yard import Yard, copied, plan, renamed, replace, say, with_

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_drifted_lock_is_told_and_refreshed(yard: Yard, tmp_path: Path) -> None:
    """Locked, drifted, refused in words by every command that looks, refreshed; then unchanged."""
    root = copied(yard.package.root, tmp_path)
    renamed(root)
    plans, manifest = root / "plans", root / "environments" / "test.toml"
    plans.mkdir(exist_ok=True)
    names = ("one", "two")
    for name in names:
        steps = plan(say(), with_(say(f"{name}-more"), timeout="2s"))
        (plans / f"{name}.plan.json").write_text(json.dumps(steps))
    making = (lockstep("lock", str(plans / f"{name}.plan.json"), "--env", "test") for name in names)
    assert [0, 0] == [made.code for made in await gather(*making)]
    locks = [plans / f"{name}.test.lock.json" for name in names]
    before = [Lock.model_validate_json(path.read_text()) for path in locks]
    pins = [path.with_name(path.name.replace("lock", "pins")) for path in locks]
    assert all(path.is_file() for path in pins)
    limit = str(before[0].body.limits.parallel)
    replace(manifest, f"parallel = {limit}", "parallel = 3")
    words = f"environment `test`: `limits.parallel`: {limit} -> 3"

    # Without the file beside it the values folder still has what was pinned.
    pins[1].unlink()
    for verb, path in (("check", locks[1]), ("diff", locks[0]), ("run", locks[0])):
        said = await lockstep(verb, str(path))
        assert (3, True) == (said.code, words in said.out + said.err), said

    done = await lockstep("lock", "--refresh", *map(str, locks), "--as", "ben", "--format", "json")
    assert 0 == done.code, done
    after = [Lock.model_validate_json(path.read_text()) for path in locks]
    for old, new, told in zip(before, after, done.json["locks"], strict=True):
        assert ("refreshed", old.digest, new.digest) == (told["status"], told["old"], told["new"])
        assert [words] == [one["problem"] for one in told["drifted"]]
        assert 3 == new.body.limits.parallel
        assert old.steps == new.steps
        first, last = new.statements
        assert (old.statements[0], "refreshed", "ben") == (first, last.kind, last.by)
        assert last.model_dump()["of"] == old.digest
    assert all(path.is_file() for path in pins)

    made_ = [path.stat().st_mtime_ns for path in (*locks, *pins)]
    same = await lockstep("lock", "--refresh", *map(str, locks))
    assert (0, 2) == (same.code, same.out.count("unchanged"))
    assert made_ == [path.stat().st_mtime_ns for path in (*locks, *pins)]

    # Where the plan no longer passes, its lock stays what it was, and the findings say why.
    replace(manifest, "steps = 300", "steps = 1")
    no = await lockstep("lock", "--refresh", *map(str, locks), "--format", "json")
    assert 3 == no.code, no
    assert ["rejected"] * 2 == [one["status"] for one in no.json["locks"]]
    assert "LS-PLAN-012" in {one["code"] for one in no.json["locks"][0]["findings"]}
    assert made_ == [path.stat().st_mtime_ns for path in (*locks, *pins)]


async def test_a_run_that_is_given_nothing_but_a_lock_says_what_drifted(
    yard: Yard, tmp_path: Path
) -> None:
    """A worker that ran the lock has kept what it pinned, and a later one finds it."""
    async with yard.other(tmp_path, renamed) as then:
        lock = then.lock(say())
        async with then.worker():
            await then.ended(await then.start(lock))
        replace(then.package.root / "environments" / "test.toml", "calls = 2000", "calls = 1999")
        now = replaced(then, package=load_package(then.package.root))
        async with now.worker():
            refused = await now.ended(await now.start(lock))
    assert "refused" == refused.result.status
    assert ["environment `test`: `limits.calls`: 2000 -> 1999"] == [
        found.problem for found in refused.result.findings
    ]


async def test_what_is_no_lock_to_refresh_is_said(tmp_path: Path) -> None:
    """A plan, no file, an environment that a lock names itself."""
    path = tmp_path / "x.json"
    path.write_text(json.dumps(plan(say())))
    no, *unclear = await gather(
        lockstep("lock", "--refresh", str(path), "--format", "json"),
        lockstep("lock", "--refresh", str(path), "--env", "test"),
        lockstep("lock", str(path)),
    )
    assert (3, "LS-LOAD-007") == (no.code, no.json["locks"][0]["findings"][0]["code"])
    assert [(2, True)] * 2 == [(said.code, "LS-CLI-001" in said.err) for said in unclear]
