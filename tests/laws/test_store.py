"""Values are kept by their digest: written once, believed only if they still match it."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activities.store import FolderStore, load
from lockstep.canonical import Digest, digest_bytes
from lockstep.value import Value
from tests.laws.port import refusal

DATA = b'{"ships":[]}'
NAME = digest_bytes(DATA)


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "values")


def kept(store: FolderStore) -> list[Path]:
    return sorted(path for path in store.root.rglob("*") if path.is_file())


def test_what_was_put_comes_back(store: FolderStore) -> None:
    """Under the digest of its bytes, empty ones included; once more is the same as once."""
    for data in (DATA, b"", b"\x00\xff" * 1000):
        assert digest_bytes(data) == store.put(data) == store.put(data)
        assert data == store.get(digest_bytes(data))
    assert 3 == len(kept(store))


@pytest.mark.parametrize("value", [{"a": [1, 2.5]}, 1e16, 123456789012345680000.0, "ü", None, []])
def test_a_value_comes_back_through_its_reference(store: FolderStore, value: Any) -> None:
    """Numbers that canonical JSON writes without a point as well."""
    reference, data = Value.of(value)
    store.put(data)
    assert value == load(store, reference)


def test_whatever_may_be_put_away_can_be_read_again(store: FolderStore) -> None:
    """The deepest value that is accepted is not too deep for the reader."""
    deep: Any = 1
    for _ in range(128):
        deep = [deep]
    reference, data = Value.of(deep)
    store.put(data)
    assert deep == load(store, reference)


def test_a_value_that_is_given_again_is_as_young_as_today(store: FolderStore) -> None:
    """So what is old enough to go can be told by its file's time; a look at it is not a need."""
    store.put(DATA)
    (file,) = kept(store)
    os.utime(file, (0, 0))

    store.get(NAME)
    assert 0 == file.stat().st_mtime
    store.put(DATA)
    assert time.time() - file.stat().st_mtime < 60


def test_a_value_that_was_taken_away_is_written_again(store: FolderStore) -> None:
    """Whoever made room took nothing from a run that comes later."""
    store.put(DATA)
    kept(store)[0].unlink()

    assert NAME == store.put(DATA)
    assert DATA == store.get(NAME)


@pytest.mark.parametrize(
    "damage", [b"", DATA[:-1], DATA + b" ", DATA.replace(b"s", b"z"), b"x" * 100], ids=repr
)
def test_a_damaged_value_is_found(store: FolderStore, damage: bytes) -> None:
    """Cut, longer, changed or swapped: it is not believed, and the message says where to look."""
    store.put(DATA)
    (path,) = kept(store)
    path.write_bytes(damage)
    found = refusal(lambda: store.get(NAME))
    assert ("LS-STEP-007", "does not match its digest") == (found.code, found.problem)
    assert str(store.root) in found.fix


def test_a_missing_value_is_found(store: FolderStore) -> None:
    """Never put, or gone since, or a folder in its place."""
    assert "LS-STEP-007" == refusal(lambda: store.get(NAME)).code
    store.put(DATA)
    (path,) = kept(store)
    path.unlink()
    assert "cannot be read: no such file or directory" == refusal(lambda: store.get(NAME)).problem
    path.mkdir()
    assert "LS-STEP-007" == refusal(lambda: store.get(NAME)).code


@pytest.mark.parametrize(
    "name",
    [
        "", "sha256:", "sha256:../../../../etc/passwd", f"sha256:{'../' * 21}x", "x" * 64,
        "sha256:" + "A" * 64, "sha256:" + "\u0660" * 64, "sha256:" + "0" * 63, "sha256:" + "0" * 65,
        "sha256:" + "0" * 62 + "/x", "sha256:" + "0" * 63 + "\n", "sha256:" + "0" * 63 + "\0",
        "/etc/passwd", "sha256:/" + "0" * 63, "~root:" + "." * 64,
    ],
    ids=repr,
)  # fmt: skip
def test_an_odd_name_cannot_leave_the_folder(store: FolderStore, name: str) -> None:
    """A name is 64 hexadecimal digits or nothing: no path is made of anything else."""
    assert ("LS-STEP-007", "is not a digest") == (
        refusal(lambda: store.get(Digest(name))).code,
        refusal(lambda: store.get(Digest(name))).problem,
    )


@given(st.text(max_size=80))
@settings(max_examples=25)
def test_no_name_is_an_exception_of_pythons(name: str) -> None:
    """Whatever the characters are, what is not there is not there."""
    assert "LS-STEP-007" == refusal(lambda: FolderStore(Path("/nowhere")).get(Digest(name))).code


def test_many_who_put_at_once_do_not_meet(store: FolderStore) -> None:
    """Twenty values, each by eight threads: all are whole, and no half-written part is left."""
    values = [bytes([n]) * 10_000 for n in range(20)]
    with ThreadPoolExecutor(8) as threads:
        names = list(threads.map(store.put, values * 8))
    assert names == [digest_bytes(data) for data in values] * 8
    assert values == [store.get(digest_bytes(data)) for data in values]
    assert [digest_bytes(path.read_bytes()) for path in kept(store)] == [
        f"sha256:{path.name}" for path in kept(store)
    ]
    assert 20 == len(kept(store))


def test_a_folder_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    """A file in its place, or a name that no disk takes: one finding, and a fix."""
    (tmp_path / "file").write_text("")
    for root in (tmp_path / "file", tmp_path / "file" / "below", tmp_path / ("a" * 300)):
        found = refusal(partial(FolderStore(root).put, DATA))
        assert ("LS-SRV-007", str(root)) == (found.code, found.place)


def test_a_reference_that_lies_about_the_size_is_refused(store: FolderStore) -> None:
    """More bytes than were promised are not parsed."""
    reference, data = Value.of([1, 2, 3])
    store.put(data)
    small = reference.model_copy(update={"size": 3})
    assert "LS-LOAD-003" == refusal(lambda: load(store, small)).code
