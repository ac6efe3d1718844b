"""What a lock pinned is kept beside it: whole, small, the same each time, and never trusted."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.package import load_package
from lockstep.canonical import canonical, digest
from lockstep.contents import MAX_PART_BYTES, Contents, in_lines, joined, nothing
from lockstep.finding import Severity
from lockstep.loading import load
from lockstep.lock import Lock
from tests.laws.port import ROOT, STEPS, frozen, world
from worker.cli.beside import pins_of, read_contents
from worker.cli.lockfile import keep_contents

FLAGSHIP = ROOT / "examples" / "cluster_digest"
LOCK = Lock.freeze(frozen(*STEPS))
EMPTY = Contents(policy={}, environment={}, tools={})
CONTENTS = Contents.found(LOCK, world().contents.look)


def test_every_pin_is_of_what_is_kept() -> None:
    """The digests that a lock has are those of the contents, part by part."""
    assert LOCK.body.pins == world().contents.pins == CONTENTS.pins


def test_what_is_kept_is_what_the_lock_pins_and_nothing_else() -> None:
    """A part that has changed since is not there, and neither is what was never pinned."""
    other = Contents(
        policy=CONTENTS.policy | {"authorize.cedar": ["// nothing\n"]},
        environment=CONTENTS.environment | {"secret": "x"},
        tools=CONTENTS.tools,
    )
    kept = Contents.found(LOCK, other.look)
    assert CONTENTS.policy.keys() - {"authorize.cedar"} == kept.policy.keys()
    assert (CONTENTS.environment, CONTENTS.tools) == (kept.environment, kept.tools)
    assert EMPTY == Contents.found(LOCK, nothing)


def test_an_edited_part_is_found_by_no_digest_and_said() -> None:
    """Whoever edits the file changes what nobody looks up; a warning names the part."""
    edited = CONTENTS.model_copy(update={"environment": CONTENTS.environment | {"limits.calls": 7}})
    assert edited.look(LOCK.body.pins.environment["limits.calls"]) is None
    (found,) = edited.misfits(LOCK)
    assert ("LS-LOCK-005", Severity.WARNING) == (found.code, found.severity)
    assert "`environment.limits.calls`" in found.problem
    assert [] == list(CONTENTS.misfits(LOCK))


def test_a_long_part_is_left_out() -> None:
    """A recording is nobody's to review twice."""
    long = "//" + "x" * MAX_PART_BYTES
    pins = LOCK.body.pins.model_copy(update={"environment": {"mocks.X": digest(long)}})
    lock = Lock.freeze(LOCK.body.model_copy(update={"pins": pins}))
    looked = EMPTY.model_copy(update={"environment": {"mocks.X": long}}).look
    assert looked(digest(long)) == canonical(long)
    assert {} == Contents.found(lock, looked).environment


texts = st.recursive(
    st.text(max_size=30),
    lambda inner: (
        st.lists(inner.filter(bool), min_size=1, max_size=3).filter(
            lambda found: not all(isinstance(one, list) and not one for one in found)
        )
        | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(texts)
def test_lines_are_put_together_again(value: object) -> None:
    """A prompt in lines is the prompt, whatever ends its lines have."""
    held = {"told": value}
    assert held == joined(in_lines(held))  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["", "a", "a\n", "a\r\nb", "\n\n", "a\u2028b\x0bc"])
def test_a_policy_file_is_kept_to_the_byte(text: str) -> None:
    """Its digest is of its bytes, and its lines keep their ends."""
    kept = EMPTY.model_copy(update={"policy": {"x.cedar": in_lines(text)}})
    assert kept.look(kept.pins.policy["x.cedar"]) == text.encode()


def test_the_file_is_the_same_each_time_and_in_ascii(tmp_path: Path) -> None:
    """Written twice it is not touched; nothing in it can look like something else."""
    path = tmp_path / "weekly.test.lock.json"
    look = world().contents.look
    keep_contents(LOCK, path, look)
    file = pins_of(path)
    assert file.name == "weekly.test.pins.json"
    made, text = file.stat(), file.read_text()
    keep_contents(LOCK, path, look)
    assert (made.st_mtime_ns, made.st_ino) == (file.stat().st_mtime_ns, file.stat().st_ino)
    assert text.isascii()
    assert (CONTENTS, []) == read_contents(path, LOCK)


def test_a_file_that_is_missing_or_damaged_costs_words_and_nothing_else(tmp_path: Path) -> None:
    """Missing is nothing to speak of; damaged is a warning, and read by nobody."""
    path = tmp_path / "weekly.test.lock.json"
    assert (None, []) == read_contents(path, LOCK)
    for damaged in ("{", "[]", '{"lockstep": "pins/2"}', json.dumps({"policy": 7})):
        pins_of(path).write_text(damaged)
        contents, (found, *_) = read_contents(path, LOCK)
        assert (None, "LS-LOCK-005", Severity.WARNING) == (contents, found.code, found.severity)


def test_placeholders_are_kept_unfilled() -> None:
    """What a worker fills in from its environment is in no file."""
    assert "${NOTICE_BOARD" in json.dumps(CONTENTS.environment["tools.PostNotice"])


@pytest.mark.parametrize("name", ["local", "prod", "sandbox"])
def test_beside_each_committed_lock_stands_what_it_pins(name: str, tmp_path: Path) -> None:
    """As it is today, to the byte: who locks again commits both."""
    committed = FLAGSHIP / "plans" / f"weekly.{name}.lock.json"
    lock, path = load(Lock, committed), tmp_path / "any.lock.json"
    keep_contents(lock, path, load_package(FLAGSHIP).world(name).contents.look)
    assert pins_of(committed).read_text() == pins_of(path).read_text()
