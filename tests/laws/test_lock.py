"""A lock is one body under one digest: whoever changes a word of it has another lock, or none."""

import copy
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from lockstep.canonical import canonical, digest
from lockstep.errors import LockstepError
from lockstep.loading import load, shaped
from lockstep.lock import Lock
from lockstep.statement import Proposed
from tests.laws.port import STEPS, WEIGH, frozen, refusal, with_

LOCK = Lock.freeze(frozen(*STEPS, {"id": "sink", "tool": "ScuttleShip", "args": {"ship": "skiff"}}))
WRITTEN: Any = LOCK.model_dump(mode="json")
NOW = datetime(2026, 11, 21, tzinfo=UTC)


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path to every value below, objects and lists included."""
    yield at
    if isinstance(value, dict | list):
        for key, child in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(child, (*at, key))


PLACES = [("body", *at) for at in places(WRITTEN["body"]) if at]
others = st.one_of(
    st.text(max_size=5), st.integers(0, 9), st.booleans(), st.none(), st.just([]), st.just({}),
    st.sampled_from(["7s", "read", "write", "ALLOW", "list", "ana", digest("other")]),
)  # fmt: skip


def changed(at: tuple[Any, ...], value: Any) -> Any:
    written = copy.deepcopy(WRITTEN)
    parent = written
    for key in at[:-1]:
        parent = parent[key]
    parent[at[-1]] = value
    return written


def outcome(written: Any) -> str:
    """The code of what is said, or that it is the same lock."""
    try:
        found = shaped(Lock, written, "lock")
    except LockstepError as error:
        return error.code
    return "same" if found == LOCK else "another"


@given(st.sampled_from(PLACES), others)
@settings(max_examples=40)
def test_whatever_is_edited_by_hand_is_refused(at: tuple[Any, ...], value: Any) -> None:
    """Any field of the body, set to anything else: another shape, or LS-LOCK-001.

    Another spelling of the same thing is not an edit.
    """
    edited = changed(at, value)
    unchanged = canonical(edited) == canonical(WRITTEN)
    expected = {"same"} if unchanged else {"same", "LS-LOCK-001", "LS-LOAD-007"}
    assert outcome(edited) in expected


def test_nothing_can_be_taken_out() -> None:
    """Every key and every item of the body counts; only a default may go without saying."""
    for at in PLACES:
        written = copy.deepcopy(WRITTEN)
        parent = written
        for key in at[:-1]:
            parent = parent[key]
        del parent[at[-1]]
        assert outcome(written) in {"same", "LS-LOCK-001", "LS-LOAD-007"}


def test_the_refusal_says_what_to_do() -> None:
    """Both digests in short, and the command that makes a new lock."""
    found = refusal(lambda: shaped(Lock, changed(("body", "goal"), "sink them all"), "lock"))
    assert "LS-LOCK-001" == found.code
    assert LOCK.digest[:19] in found.problem
    assert "`lockstep lock`" in found.fix


def test_a_body_under_a_strangers_digest_is_refused() -> None:
    """The digest is of this body, or the lock is none."""
    other = Lock.freeze(frozen(*STEPS))
    found = refusal(lambda: shaped(Lock, {**WRITTEN, "digest": other.digest}, "lock"))
    assert "LS-LOCK-001" == found.code


@given(st.lists(st.tuples(st.sampled_from(["ana", "ben", "cleo"]), st.integers(0, 10**6))))
@settings(max_examples=30)
def test_statements_do_not_change_the_digest(said: list[tuple[str, int]]) -> None:
    """Who proposed it, and when, stands beside the body: two proposals of one plan are one lock."""
    statements = [Proposed(by=by, at=NOW + timedelta(seconds=after)) for by, after in said]
    lock = Lock.freeze(LOCK.body, *statements)
    assert (LOCK.digest, tuple(statements)) == (lock.digest, lock.statements)
    assert lock == shaped(Lock, json.loads(lock.model_dump_json()), "lock")


def test_a_lock_survives_the_file_it_is_written_to(tmp_path: Path) -> None:
    """Pretty, reordered or canonical: the same lock comes back."""
    path = tmp_path / "weekly.test.lock.json"
    for text in (
        LOCK.model_dump_json(indent=2),
        json.dumps(WRITTEN, sort_keys=True),
        canonical(WRITTEN).decode(),
    ):
        path.write_text(text)
        assert LOCK == load(Lock, path)


def test_the_digest_is_the_bodys_and_anybody_can_compute_it() -> None:
    """SHA-256 of the canonical JSON of the body, as it stands in the file."""
    assert digest(WRITTEN["body"]) == LOCK.digest


def test_steps_are_found_as_in_a_plan() -> None:
    """By id for what they are held to, by name for whether they are there."""
    assert timedelta(seconds=20) == LOCK.steps["post"].timeout
    assert "ScuttleShip" in LOCK.steps
    assert "FireCannon" not in LOCK.steps
    assert "ListShips" == LOCK.steps[0].name


def test_the_worst_of_a_step_is_its_cost_times_its_attempts() -> None:
    """What is set aside for it before it starts."""
    assert (2, 20) == (
        LOCK.steps["list"].worst_cost.calls,
        LOCK.steps["list"].worst_cost.tokens,
    )


def test_another_plan_is_another_lock() -> None:
    """Down to one argument of one step."""
    other = [with_(step, args={"limit": {"tons": 6}}) if step is WEIGH else step for step in STEPS]
    assert Lock.freeze(frozen(*STEPS)).digest != Lock.freeze(frozen(*other)).digest
