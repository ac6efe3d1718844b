"""What publishing promises: once for each key, whatever dies and whoever else publishes."""

import json
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
KEY = "digest-2026-11-23/publish"


def made(digest: Any, text: str = "one", at: datetime = NOON) -> Any:
    return digest.digest.Digest(
        title="Weekly", scheduled_at=at, markdown=f"# {text}", html=f"<p>{text}</p>"
    )


def ledger(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "published.jsonl").read_text().splitlines()]


def test_a_digest_is_published_as_two_files_and_a_line(digest: Any, tmp_path: Path) -> None:
    """Under the day it is for and the key's first characters, with the latest copies beside."""
    result = digest.publish.publish(made(digest), tmp_path, KEY)
    folder = tmp_path / f"2026-11-23-{sha256(KEY.encode()).hexdigest()[:8]}"
    assert result.first
    assert [str(folder / "digest.md"), str(folder / "digest.html")] == [
        result.markdown_path,
        result.html_path,
    ]
    assert "<p>one</p>" == (folder / "digest.html").read_text()
    assert "<p>one</p>" == (tmp_path / "latest.html").read_text()
    assert "# one" == (tmp_path / "latest.md").read_text()
    assert result.sha256 == sha256((folder / "digest.html").read_bytes()).hexdigest()
    assert [KEY] == [line["key"] for line in ledger(tmp_path)]


def test_the_same_key_publishes_once(digest: Any, tmp_path: Path) -> None:
    """A retry finds the first result, even if it brings another text."""
    first = digest.publish.publish(made(digest), tmp_path, KEY)
    again = digest.publish.publish(made(digest, "two"), tmp_path, KEY)
    assert first.model_copy(update={"first": False}) == again
    assert "<p>one</p>" == Path(again.html_path).read_text()
    assert 1 == len(ledger(tmp_path))


def test_the_day_is_the_one_in_utc(digest: Any, tmp_path: Path) -> None:
    """Equal moments give equal folders, whatever zone they are written in."""
    at = datetime(2026, 11, 24, 1, 0, tzinfo=timezone(timedelta(hours=5)))
    result = digest.publish.publish(made(digest, at=at), tmp_path, KEY)
    assert "2026-11-23" in result.html_path


def test_a_backfill_does_not_become_the_latest(digest: Any, tmp_path: Path) -> None:
    """Latest is the digest for the latest time, not the one written last."""
    digest.publish.publish(made(digest, "this week"), tmp_path, "a")
    digest.publish.publish(made(digest, "last", NOON - timedelta(days=7)), tmp_path, "b")
    assert "# this week" == (tmp_path / "latest.md").read_text()


def test_keys_that_share_their_first_characters_keep_their_own_folders(
    digest: Any, tmp_path: Path
) -> None:
    """Found by search: two keys whose SHA-256 begins alike."""
    keys = ("k153629", "k164064")
    assert 1 == len({sha256(key.encode()).hexdigest()[:8] for key in keys})
    paths = [digest.publish.publish(made(digest, key), tmp_path, key).html_path for key in keys]
    assert [f"<p>{key}</p>" for key in keys] == [Path(path).read_text() for path in paths]


def test_calls_at_once_publish_once(digest: Any, tmp_path: Path) -> None:
    """Eight threads, two keys: two firsts, two lines."""
    with ThreadPoolExecutor(8) as threads:
        results = list(
            threads.map(
                lambda number: digest.publish.publish(made(digest), tmp_path, f"k{number % 2}"),
                range(16),
            )
        )
    assert 2 == sum(result.first for result in results)
    assert Counter({"k0": 1, "k1": 1}) == Counter(line["key"] for line in ledger(tmp_path))


DIES_EVERYWHERE = """
import importlib, os, sys
from datetime import UTC, datetime
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec
from pathlib import Path

spec = ModuleSpec("dies", None, is_package=True)
spec.submodule_search_locations = [sys.argv[1]]
sys.modules["dies"] = module_from_spec(spec)
publish = importlib.import_module("dies.publish").publish
digest = importlib.import_module("dies.digest").Digest(
    title="", scheduled_at=datetime(2026, 11, 23, tzinfo=UTC), markdown="# one", html="<p>one</p>"
)
steps, live = 0, False

def die(event, arguments):
    global steps
    if live and event in ("open", "os.mkdir", "os.rename", "os.remove", "os.truncate"):
        steps -= 1
        if steps < 0:
            os._exit(9)

sys.addaudithook(die)
for steps_to_live in range(100):
    child = os.fork()
    if child == 0:
        steps, live = steps_to_live, True
        publish(digest, Path(sys.argv[2]) / str(steps_to_live), "key")
        os._exit(0)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0:
        print(steps_to_live)
        break
"""


def test_a_death_at_any_step_costs_nothing_and_doubles_nothing(digest: Any, tmp_path: Path) -> None:
    """Real processes that end at their n-th touch of the file system, for every n.

    Whatever they leave, the next call with the key finds or finishes one publication.
    """
    flagship = Path(digest.publish.__file__).parent
    done = subprocess.run(
        [sys.executable, "-c", DIES_EVERYWHERE, flagship, tmp_path],
        capture_output=True,
        check=True,
        text=True,
    )
    deaths = int(done.stdout)
    assert deaths >= 8
    firsts = []
    for number in range(deaths):
        folder = tmp_path / str(number)
        result = digest.publish.publish(made(digest), folder, "key")
        firsts.append(result.first)
        assert 1 == len(ledger(folder))
        assert "<p>one</p>" == Path(result.html_path).read_text()
        assert "<p>one</p>" == (folder / "latest.html").read_text()
        assert not list(folder.glob(".staging-*"))
    # Before the line stands the retry is the first; after it, never again.
    assert sorted(firsts, reverse=True) == firsts
    assert {True, False} == set(firsts)


def test_a_line_cut_off_by_a_death_never_counted(digest: Any, tmp_path: Path) -> None:
    """It is cut away, and the key is published then."""
    digest.publish.publish(made(digest), tmp_path, "a")
    whole = (tmp_path / "published.jsonl").read_bytes()
    (tmp_path / "published.jsonl").write_bytes(whole + whole.replace(b'"a"', b'"b"')[:-9])
    assert digest.publish.publish(made(digest), tmp_path, "b").first
    assert ["a", "b"] == [line["key"] for line in ledger(tmp_path)]


def test_a_ledger_that_cannot_be_read_publishes_nothing(digest: Any, tmp_path: Path) -> None:
    """To skip a damaged line could publish its key again."""
    (tmp_path / "published.jsonl").write_text("{}\n")
    with pytest.raises(ValueError, match="not a line of the ledger"):
        digest.publish.publish(made(digest), tmp_path, KEY)
    assert ["published.jsonl"] == [path.name for path in tmp_path.glob("[!.]*")]


def test_a_folder_that_cannot_be_written_says_so(digest: Any, tmp_path: Path) -> None:
    """The operating system's own error passes through."""
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        digest.publish.publish(made(digest), tmp_path / "file" / "digests", KEY)
