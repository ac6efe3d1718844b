"""Who may give which answer to which question; the same judgement stands behind both doors."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue, ValidationError

from lockstep.agent import ANYONE, Asking, Silence
from lockstep.canonical import digest
from lockstep.decision import Rule
from lockstep.escalation import OFFERS, Answer, Ground, Question, Verdict
from lockstep.value import Value
from policies.escalation import judge

ARGS: dict[str, JsonValue] = {"ship": "skiff"}
NOW = datetime(2026, 11, 21, tzinfo=UTC)


def question(ground: Ground = Ground.APPROVAL, **fields: Any) -> Question:
    value, _ = Value.of(ARGS)
    return Question.model_validate(
        {
            "id": "sink.1", "run": "run-1", "step": "sink", "tool": "ScuttleShip",
            "ground": ground, "why": "a sunk ship is hard to raise", "step_reason": "",
            "args": value,
            "rules": (Rule(id="r", effect="approval", reason="w", approvers=("pilots",)),),
            "roles": ("pilots",), "approvers": ("ana", "ben"), "asked_at": NOW,
            "deadline": NOW, "silence": Silence.ABORT,
        }
        | fields
    )  # fmt: skip


def answer(verdict: Verdict | str = "approve", **fields: Any) -> Answer:
    edit: dict[str, Any] = {"args": {"ship": "tender"}} if verdict == "edit" else {}
    edit |= {"output": {"name": "skiff"}} if verdict == "supply" else {}
    return Answer.model_validate(
        {"question": "sink.1", "verdict": verdict, "by": "ana", "args_digest": digest(ARGS)}
        | edit
        | fields
    )


def code(given_: Question, answered: Answer) -> str | None:
    found = judge(given_, answered)
    return None if found is None else found.code


@pytest.mark.parametrize("ground", Ground)
@pytest.mark.parametrize("verdict", Verdict)
def test_exactly_what_is_offered_is_taken(ground: Ground, verdict: Verdict) -> None:
    """From somebody who may, about these arguments."""
    expected = None if verdict in OFFERS[ground] else "LS-ASK-002"
    assert expected == code(question(ground), answer(verdict))


def test_a_denial_cannot_be_approved() -> None:
    """By nobody, and the refusal says so instead of listing offers alone."""
    found = judge(question(Ground.DENIED, approvers=(ANYONE,)), answer("approve"))
    assert found is not None
    assert ("LS-ASK-002", "policy denies this step, and a denial cannot be approved") == (
        found.code,
        found.problem,
    )
    assert "answer one of `deny`, `skip`, `edit`" == found.fix


def test_what_is_offered_follows_from_why_is_asked() -> None:
    """Approval where approval is missing; a second call only where nobody knows of the first, where
    the tool named its trouble, or where nothing was called but a model; an output only for a tool
    that named its trouble; another plan only for one that was not carried out.
    """
    assert Verdict.APPROVE in OFFERS[Ground.APPROVAL]
    approvable = [ground for ground in Ground if Verdict.APPROVE in OFFERS[ground]]
    assert [Ground.APPROVAL, Ground.PLAN, Ground.REPLAN] == approvable
    again = [ground for ground in Ground if Verdict.RETRY in OFFERS[ground]]
    assert [Ground.UNKNOWN, Ground.SIGNALLED, Ground.PLANNING] == again
    assert [Ground.SIGNALLED] == [one for one in Ground if Verdict.SUPPLY in OFFERS[one]]
    assert all(Verdict.DENY in offers for offers in OFFERS.values())
    assert set(Ground) == set(OFFERS)


@pytest.mark.parametrize("by", ["mallory", "Ana", "ana ", "ana\u200b", "pilots", ANYONE])
def test_the_wrong_person_may_not_answer(by: str) -> None:
    """Names are compared as they are; a role is nobody, and `*` is no name."""
    found = judge(question(), answer(by=by))
    assert found is not None
    assert ("LS-ASK-003", "ask somebody who holds `pilots`") == (found.code, found.fix)


def test_anyone_may_answer_where_the_agent_says_so() -> None:
    """On one's own machine; and where nobody is named, nobody may."""
    assert code(question(approvers=(ANYONE,)), answer(by="mallory")) is None
    assert "LS-ASK-003" == code(question(approvers=(), roles=()), answer())


def test_an_answer_is_about_the_arguments_that_were_seen() -> None:
    """Whoever looked at an older question answered that one."""
    other = digest({"ship": "aurora"})
    for verdict in question().offers:
        assert "LS-ASK-004" == code(question(), answer(verdict, args_digest=other))


def test_arguments_go_with_an_edit_and_only_with_it() -> None:
    """An approval of other arguments is none, and an edit without arguments is none."""
    assert "LS-ASK-005" == code(question(), answer("approve", args={"ship": "aurora"}))
    assert "LS-ASK-005" == code(question(), answer("approve", args={}))
    assert "LS-ASK-005" == code(question(), answer("edit", args=None))
    signalled = question(Ground.SIGNALLED)
    assert "LS-ASK-005" == code(signalled, answer("supply", output=None))
    assert "LS-ASK-005" == code(signalled, answer("supply", args={}))
    assert "LS-ASK-005" == code(signalled, answer("retry", output={}))
    assert "LS-ASK-005" == code(signalled, answer("supply", output={"x": "y" * 100_000}))
    assert code(question(), answer("edit", args={})) is None


def test_an_edit_is_bounded() -> None:
    """Data is named, not written out."""
    assert "LS-ASK-005" == code(question(), answer("edit", args={"x": "y" * 100_000}))


@pytest.mark.parametrize(
    "args", [{"x": 2**60}, {"x": float("nan")}, {"\ud800": 1}, {"x": "\udfff"}, [1], "x"], ids=repr
)
def test_an_edit_without_a_digest_is_malformed(args: Any) -> None:
    """Refused when it comes in, so that it is never an exception later."""
    with pytest.raises(ValidationError):
        answer("edit", args=args)


@given(
    st.sampled_from(Ground),
    st.sampled_from(Verdict),
    st.sampled_from(["ana", "mallory"]),
    st.sampled_from([ARGS, {"ship": "aurora"}]),
    st.none() | st.just({"ship": "tender"}),
)
@settings(max_examples=30)
def test_an_answer_is_taken_only_if_everything_about_it_is_right(
    ground: Ground, verdict: Verdict, by: str, seen: Any, args: Any
) -> None:
    """Offered, from the right person, about these arguments, and with the right parts."""
    right = (
        verdict in OFFERS[ground]
        and by == "ana"
        and seen == ARGS
        and (args is not None) == (verdict is Verdict.EDIT)
    )
    given_ = answer(verdict, by=by, args_digest=digest(seen), args=args)
    assert right == (judge(question(ground), given_) is None)


MONTH, DAY = timedelta(days=30), timedelta(days=1)


@pytest.mark.parametrize(
    ("verdict", "most", "asked", "expected"),
    [
        ("approve", MONTH, None, None),
        ("approve", MONTH, DAY, None),
        ("approve", MONTH, MONTH, None),
        ("approve", MONTH, MONTH + DAY, "LS-ASK-007"),
        ("approve", None, DAY, "LS-ASK-007"),
        ("approve", None, None, None),
        ("deny", MONTH, DAY, "LS-ASK-005"),
        ("skip", MONTH, DAY, "LS-ASK-005"),
        ("edit", MONTH, DAY, "LS-ASK-005"),
    ],
)
def test_a_yes_stands_only_as_long_as_it_may(
    verdict: str, most: timedelta | None, asked: timedelta | None, expected: str | None
) -> None:
    """A yes alone, and no longer than the question says; where it says nothing, for this run."""
    assert expected == code(question(standing=most), answer(verdict, standing=asked))


def test_what_does_not_stand_is_written_as_before() -> None:
    """Questions and answers of runs that do without have the digests they always had."""
    assert "standing" not in question().model_dump(mode="json")
    assert "standing" not in answer().model_dump(mode="json")
    assert "standing" not in Asking().model_dump(mode="json")
