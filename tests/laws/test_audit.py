"""What an audit asks of a history: a run that kept its lock has nothing against it, and each way of
not keeping it is found, also where every digest was made anew.
"""

import errno
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from lockstep.amount import Amount
from lockstep.asked import QuestionAnswered, QuestionAsked, QuestionExpired
from lockstep.bundle import ABOUT, EVENTS, HISTORY, read_sums, write_sums
from lockstep.canonical import Digest, digest
from lockstep.decision import AnyGrant, Decision, Grant, Outcome, Principal, StandingGrant
from lockstep.errors import LockstepError
from lockstep.escalation import Ground, Question, Verdict
from lockstep.event import Event, Happening, RunCompleted, RunStarted, RunVerified, genesis, link
from lockstep.lock import Lock
from lockstep.outcome import Attempt, AttemptEnd, Dispatch, RunFacts
from lockstep.provenance import Provenance
from lockstep.stepped import (
    StepAttempted,
    StepBlocked,
    StepCompleted,
    StepDecided,
    StepStarted,
)
from lockstep.value import Value
from policies.audits.audit import held
from policies.audits.trail import Trail
from policies.request import real
from tests.laws.port import LIST, frozen, world
from worker.audits.bundle import write_bundle
from worker.cli.audit_page import _escaped

RUN, START = "harbour.test.weekly", datetime(2026, 11, 16, 6, tzinfo=UTC)
ARGS: dict[str, JsonValue] = {"ship": "skiff", "crew": []}
SINK = {"id": "sink", "tool": "ScuttleShip", "args": {"ship": "skiff"}, "after": ["list"]}
WHO = Principal(agent="harbour", role="harbourmaster", started_by="ana", trigger="person")


@cache
def lock() -> Lock:
    body = frozen(LIST, SINK)
    asking = body.asking.model_copy(update={"standing": timedelta(days=7)})
    return Lock.freeze(body.model_copy(update={"asking": asking}))


def decided(*grants: AnyGrant) -> Decision:
    here = world()
    return here.decider.decide(
        real(
            WHO,
            here.tools["ScuttleShip"],
            environment=here.environment.name,
            stage=here.environment.stage,
            step="sink",
            provenance=Provenance(),
            args=ARGS,
            grants=grants,
        )
    )


def grant(**fields: Any) -> Grant:
    return Grant(
        run=RUN,
        step="sink",
        rule="harbour.second-pair-of-eyes",
        args_digest=digest(ARGS),
        policy=world().decider.policy,
        by="ben",
        expires_at=START + timedelta(hours=1),
    ).model_copy(update=fields)


def standing(**fields: Any) -> StandingGrant:
    own = grant().model_dump(exclude={"run", "expires_at"})
    return StandingGrant(
        **own,
        lock=lock().digest,
        given_at=START - timedelta(days=1),
        expires_at=START + timedelta(days=1),
        run="harbour.test.before",
        question="sink.1",
    ).model_copy(update=fields)


def question(**fields: Any) -> Question:
    missing = decided().missing
    return Question(
        id="sink.1",
        run=RUN,
        step="sink",
        tool="ScuttleShip",
        ground=Ground.APPROVAL,
        why=decided().why,
        step_reason="",
        args=Value.of(ARGS)[0],
        rules=missing,
        roles=("pilots",),
        approvers=("ana", "ben"),
        asked_at=START,
        deadline=START + timedelta(hours=24),
        silence=lock().body.asking.silence,
    ).model_copy(update=fields)


def answered(**fields: Any) -> QuestionAnswered:
    said = {"verdict": Verdict.APPROVE, "by": "ben", "note": "", "door": "update"}
    return QuestionAnswered.model_validate({"question": "sink.1", "step": "sink", **said, **fields})


def made(decision: Decision, dispatch: int = 2) -> list[Happening]:
    """A call under a decision, and its end."""
    value, _ = Value.of({"name": "skiff"})
    attempt = Attempt(
        number=1, decision=decision.digest, end=AttemptEnd.COMPLETED, spent=Amount(calls=1)
    )
    return [
        begun(dispatch),
        StepAttempted(step="sink", attempt=attempt),
        StepDecided(step="sink", decision=decision),
        StepCompleted(
            step="sink",
            value=value,
            spent=Amount(calls=1),
            decision=decision.digest,
            idempotency_key="k",
        ),
    ]


def begun(dispatch: int, **fields: Any) -> StepStarted:
    return StepStarted(
        step="sink", tool="ScuttleShip", dispatch=dispatch, reason="", reserved=Amount(calls=1)
    ).model_copy(update=fields)


def opening() -> list[Happening]:
    return [
        RunStarted(
            run=RUN, lock=lock().digest, agent="harbour", environment="test", started_by="ana",
            trigger="person", scheduled_at=START, inputs={},
        ),
        RunVerified(build="1", grounds=world().decider.grounds),
    ]  # fmt: skip


def withheld(asked: Question | None = None, said: Happening | None = None) -> list[Happening]:
    """The call is held back, somebody is asked, and answers."""
    back = Attempt(number=1, end=AttemptEnd.WITHHELD)
    return [
        begun(1),
        StepAttempted(step="sink", attempt=back),
        StepDecided(step="sink", decision=decided()),
        StepBlocked(
            step="sink", tool="ScuttleShip", args=Value.of(ARGS)[0], reason="", why=decided().why
        ),
        QuestionAsked(question=asked or question()),
        said or answered(),
    ]


CLOSING: list[Happening] = [RunCompleted(spent=Amount(calls=2), skipped=())]


def trail(*happenings: Happening, sent: tuple[Dispatch, ...] = ()) -> Trail:
    """Chained anew, as whoever changed something would."""
    events: list[Event] = []
    prev = genesis(RUN)
    for seq, what in enumerate(happenings, start=1):
        events.append(link(seq, START + timedelta(seconds=seq), prev, what))
        prev = events[-1].digest
    return Trail(tuple(events), (lock(),), sent)


def whole(*grants: AnyGrant) -> list[Happening]:
    return [*opening(), *withheld(), *made(decided(*grants or (grant(),))), *CLOSING]


def codes(found: Trail) -> set[str]:
    return {one.code for one in held(found).findings}


def call(**fields: Any) -> Dispatch:
    body = lock().body
    facts = RunFacts(
        id=RUN, scheduled_at=START, started_by="ana", trigger="person", inputs={},
        lock=lock().digest, agent="harbour", role=body.role, environment="test",
        stage=body.stage, policy=body.pins.policy, tool=body.pins.tools["ScuttleShip"],
        output_bytes=body.limits.output_bytes,
    )  # fmt: skip
    return Dispatch(run=facts.model_copy(update=fields), step=body.steps["sink"])


def test_nothing_speaks_against_a_run_that_kept_its_lock() -> None:
    """With a yes given in it, and with one that stands, which is told."""
    assert Outcome.ALLOW is decided(grant()).outcome
    assert () == held(trail(*whole(), sent=(call(),))).findings
    stands = held(trail(*opening(), *made(decided(standing()), 1), *CLOSING))
    assert () == stands.findings
    assert any("harbour.test.before" in note for note in stands.notes)


FORGED: dict[str, dict[str, Any]] = {
    "another run's": {"run": "harbour.test.other"},
    "another step's": {"step": "list"},
    "another rule's": {"rule": "harbour.other"},
    "for other arguments": {"args_digest": digest({"ship": "aurora"})},
    "under another policy": {"policy": digest("policy")},
    "of somebody who did not answer": {"by": "ana"},
    "of somebody nobody knows": {"by": "eve"},
    "over before it was used": {"expires_at": START},
    "for longer than it may hold": {"expires_at": START + timedelta(days=9)},
}


@pytest.mark.parametrize("how", FORGED)
def test_a_forged_grant_is_found(how: str) -> None:
    """In a decision that says ALLOW because of it, with all digests made anew."""
    made_up = decided(grant()).model_copy(update={"grants": (grant(**FORGED[how]),)})
    found = codes(trail(*opening(), *withheld(), *made(made_up), *CLOSING))
    assert {"LS-AUDIT-004"} == found


STANDING: dict[str, dict[str, Any]] = {
    "another lock's": {"lock": digest("lock")},
    "for longer than one may stand": {"expires_at": START + timedelta(days=30)},
    "given after it was used": {"given_at": START + timedelta(days=1, hours=-1)},
    "of somebody without a role": {"by": "eve"},
    "expired": {"expires_at": START},
}


@pytest.mark.parametrize("how", STANDING)
def test_a_forged_standing_grant_is_found(how: str) -> None:
    """As far as a lock can tell."""
    made_up = decided(standing()).model_copy(update={"grants": (standing(**STANDING[how]),)})
    assert {"LS-AUDIT-004"} == codes(trail(*opening(), *made(made_up, 1), *CLOSING))


def test_a_grant_needs_the_answer_that_gave_it() -> None:
    """Before the call, with a yes and not with a no."""
    late = [*opening(), *made(decided(grant())), *withheld(), *CLOSING]
    none = [*opening(), *made(decided(grant())), *CLOSING]
    no = [*opening(), *withheld(said=answered(verdict="deny")), *made(decided(grant())), *CLOSING]
    for events in (late, none, no):
        assert "LS-AUDIT-004" in codes(trail(*events))


@pytest.mark.parametrize("outcome", [one for one in Outcome if one is not Outcome.ALLOW])
def test_a_call_that_policy_did_not_allow_is_found(outcome: Outcome) -> None:
    """Whatever else it said."""
    refused = decided(grant()).model_copy(update={"outcome": outcome})
    found = codes(trail(*opening(), *withheld(), *made(refused), *CLOSING))
    assert {"LS-AUDIT-003"} == found


def test_a_call_without_a_decision_is_found() -> None:
    """Where it was left out, is of another step, is on grounds nobody knows, or is another than the
    call names.
    """
    events = whole()
    without = [one for one in events if one != StepDecided(step="sink", decision=decided(grant()))]
    assert len(events) - 1 == len(without)
    other = decided(grant()).model_copy(update={"step": "list"})
    ground = decided(grant()).model_copy(update={"grounds": digest("elsewhere")})
    swapped = [
        StepDecided(step="sink", decision=decided())
        if isinstance(one, StepDecided) and one.decision.grants
        else one
        for one in events
    ]
    for changed in (
        without,
        swapped,
        [*opening(), *withheld(), *made(other), *CLOSING],
        [*opening(), *withheld(), *made(ground), *CLOSING],
    ):
        assert "LS-AUDIT-003" in codes(trail(*changed))


ANSWERS: dict[str, Callable[[], list[Happening]]] = {
    "of somebody who was not asked": lambda: withheld(said=answered(by="eve")),
    "that was not offered": lambda: withheld(said=answered(verdict="retry")),
    "to another question": lambda: withheld(said=answered(question="list.1")),
    "after the deadline": lambda: withheld(question(deadline=START)),
    "twice": lambda: [*withheld(), answered()],
    "put to whom the lock does not name": lambda: withheld(question(approvers=("ben", "eve"))),
    "expired too soon": lambda: withheld(
        said=QuestionExpired(question="sink.1", step="sink", silence="skip")
    ),
}


@pytest.mark.parametrize("how", ANSWERS)
def test_an_answer_that_could_not_be_given_is_found(how: str) -> None:
    """By who gave it, when, to what."""
    assert "LS-AUDIT-005" in codes(trail(*opening(), *ANSWERS[how](), *CLOSING))


def test_what_no_lock_has_is_found() -> None:
    """A step, a tool, a dispatch with other arguments, another policy, tool or run."""
    step = lock().body.steps["sink"]
    others = (
        call().model_copy(update={"step": step.model_copy(update={"args": {"ship": "aurora"}})}),
        call(policy={"authorize.cedar": digest("other")}),
        call(tool=digest("other")),
        call(lock=digest("other")),
        call(id="harbour.test.other"),
    )
    for other in others:
        assert {"LS-AUDIT-006"} == codes(trail(*whole(), sent=(other,)))
    for started in (begun(1, step="more"), begun(1, tool="FireCannon")):
        assert {"LS-AUDIT-006"} == codes(trail(*opening(), started, *CLOSING))
    files = {**world().decider.grounds.files, "approvals.cedar": digest("")}
    ground = world().decider.grounds.model_copy(update={"files": files})
    first, _ = opening()
    verified = RunVerified(build="1", grounds=ground)
    assert {"LS-AUDIT-006"} == codes(trail(first, verified, *CLOSING))


def test_going_beyond_the_limits_is_found() -> None:
    """One call more than the lock lets a run have; as many as it lets are fine."""
    most = lock().body.limits.calls
    for calls, expected in ((most, set()), (most + 1, {"LS-AUDIT-007"})):
        end = RunCompleted(spent=Amount(calls=calls), skipped=())
        assert expected == codes(trail(*opening(), end))


def test_a_value_that_is_told_otherwise_is_found() -> None:
    """What people are shown has the digest that they say yes to."""
    shown = question().args.model_copy(update={"preview": {"ship": "tender", "crew": []}})
    assert "LS-AUDIT-002" in codes(trail(*opening(), *withheld(question(args=shown)), *CLOSING))


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_no_order_of_events_is_too_much(data: st.DataObject) -> None:
    """Whatever is left out, doubled or moved: there is an answer. And no call with its decision
    left out passes.
    """
    events = whole()
    chosen = data.draw(st.lists(st.sampled_from(range(len(events))), max_size=20))
    found = held(trail(*(events[at] for at in chosen)))
    assert all(one.code.startswith("LS-AUDIT-") for one in found.findings)
    at = data.draw(st.sampled_from(range(len(events) - 1)))
    fewer = codes(trail(*events[:at], *events[at + 1 :]))
    needed = (QuestionAsked, QuestionAnswered, StepAttempted, StepDecided)
    granted = at >= events.index(answered())
    if isinstance(events[at], needed) and (granted or isinstance(events[at], QuestionAsked)):
        assert fewer


hexes = st.binary(min_size=32, max_size=32).map(bytes.hex)
sums = st.dictionaries(hexes.map("values/{}".format), hexes.map("sha256:{}".format), max_size=5)


@given(sums)
def test_sums_are_read_as_they_are_written(found: dict[str, Digest]) -> None:
    """Sorted, each name once."""
    every = {**found, **{name: digest(name) for name in (ABOUT, HISTORY, EVENTS)}}
    assert every == read_sums(write_sums(every))


@given(st.text(max_size=40))
def test_no_other_name_is_read(name: str) -> None:
    """Nothing leads out of the folder."""
    every = {one: digest(one) for one in (ABOUT, HISTORY, EVENTS)}
    for odd in (name, f"values/../{name}", f"/{name}", f"values/{name}"):
        with pytest.raises(LockstepError) as refused:
            read_sums(write_sums({**every, odd: digest("")}))
        assert "LS-AUDIT-001" == refused.value.code


@pytest.mark.parametrize(
    "text",
    [
        "![x](http://e.example/y)", "<script>", "# heading", "- item", "1. item", "@team", "#12",
        "`code`", "**bold**", "a|b", "&lt;", "$x$", "www.evil.example", "https://evil.example",
        "two\nlines", "\x1b[31m",
    ],
)  # fmt: skip
def test_hostile_text_stays_text_in_markdown(text: str) -> None:
    """Nothing in it is left that Markdown reads, and it is one line."""
    shown = _escaped(text)
    assert "\n" not in shown
    assert "\x1b" not in shown
    bare = shown
    for mark in "\\`*_{}[]<>#|~&@!$-+.:/":
        bare = bare.replace(f"\\{mark}", "")
    assert not set("`*_{}[]<>#|~&@!$").intersection(bare), shown
    assert not bare.startswith(("-", "+", "1."))
    assert "://" not in bare
    assert "www." not in bare


def test_a_bundle_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    """Where the disk is full in the middle of it, nothing is left, and it is said what to do."""

    def files() -> Iterator[tuple[str, bytes]]:
        yield ABOUT, b"{}"
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(LockstepError) as refused:
        write_bundle(tmp_path / "bundle", files())
    assert ("LS-SRV-007", []) == (refused.value.code, list(tmp_path.iterdir()))
    assert "no space left" in str(refused.value)


def test_the_folders_above_a_bundle_are_made(tmp_path: Path) -> None:
    """Whoever keeps one for each day names a folder that is not there yet."""
    write_bundle(tmp_path / "audits" / "2026-11-21", [(ABOUT, b"{}")])
    assert {ABOUT, "SHA256SUMS"} == {
        path.name for path in (tmp_path / "audits" / "2026-11-21").iterdir()
    }


def test_evidence_is_not_written_over(tmp_path: Path) -> None:
    """Neither a folder nor a file, nor a link that leads nowhere."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name in ("folder", "file", "link"):
        with pytest.raises(LockstepError) as refused:
            write_bundle(tmp_path / name, [(ABOUT, b"{}")])
        assert "LS-AUDIT-008" == refused.value.code
    assert {"folder", "file", "link"} == {path.name for path in tmp_path.iterdir()}
