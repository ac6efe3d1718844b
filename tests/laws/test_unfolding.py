"""What a model says that is no draft is said with its place, and whatever it says is survived."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockstep.canonical import MAX_DEPTH
from lockstep.draft import SCHEMA
from lockstep.errors import LockstepError
from lockstep.fallback import MAX_FALLBACKS
from lockstep.guard import MAX_GUARDS
from lockstep.loading import MAX_FINDINGS
from lockstep.plan import Plan
from lockstep.unfolding import MAX_GAPS, unfold
from policies.check import check
from tests.laws.drafts import ANSWER, ROWS, SAID, STEP, Json, draft, findings, read, refused
from tests.laws.office import world
from tests.laws.pace import within


@pytest.mark.parametrize(
    "text", ["", "  \n", "Sure! Here is the plan.", "{", "[]", "null", '{"steps": 3, "gaps": []}']
)
def test_what_is_no_draft_is_refused(text: str) -> None:
    """Prose, half a document, nothing at all."""
    assert refused(text)


@pytest.mark.parametrize(
    "args", ["", "{", "prose", '{"a": 1, "a": 2}', '{"a": NaN}', '{"a": 12345678901234567890}']
)
def test_arguments_are_read_strictly(args: str) -> None:
    """The same reader as for every document, and the step's place in what it says."""
    (place,) = refused(draft(STEP, {**STEP, "id": "b", "args_json": args}))
    assert place.startswith("/steps/1/args_json")


def test_arguments_that_are_no_object_are_left_to_the_check() -> None:
    """They are JSON, and so part of the document that the check refuses by name."""
    document, _ = unfold(draft({**STEP, "args_json": "[1]"}), "goal")
    assert isinstance(document, dict)
    with pytest.raises(ValueError, match="args"):
        Plan.model_validate(document)


def test_a_draft_has_no_room_for_more_than_was_asked() -> None:
    """A field of its own, such as a longer timeout, is refused and not dropped."""
    assert ["answer/steps/0/timeout"] == refused(draft({**STEP, "timeout": "9h"}))


WRONG: dict[str, tuple[str, Json, str]] = {
    "a step that is not there": (
        "guards",
        {"step": "b"},
        "/guards/0/step: there is no step `b`; name a step by its `id`",
    ),
    "a step by a name like it": (
        "loops",
        {"step": "Fetch"},
        "/loops/0/step: there is no step `Fetch`; did you mean `fetch`?",
    ),
    "a comparison in another case": (
        "guards",
        {"is": "IN"},
        "/guards/0/is: wanted '==', '!=', '<', '<=', '>', '>=', 'in' or 'not in', found `IN`; "
        "correct the value",
    ),
    "a text without its quotes": (
        "guards",
        {"right_json": "high"},
        "/guards/0/right_json:1:1: not JSON: expecting value; write it as JSON: a reference, or a "
        "literal, a text in quotes of its own",
    ),
    "a loop that never goes round": (
        "loops",
        {"max": 0},
        "/loops/0/max: wanted at least 1, found 0; correct the value",
    ),
    "a loop without a bound": (
        "loops",
        {"max": 10**6},
        "/loops/0/max: wanted at most 100, found 1000000; correct the value",
    ),
    "a fallback that is two": (
        "fallbacks",
        {"instead_json": '{"skip": true, "step": "c"}'},
        "/fallbacks/0/instead_json: a fallback is one of `step`, `output` and `skip`; "
        "correct the value",
    ),
    "a fallback that is a word": (
        "fallbacks",
        {"instead_json": '"skip"'},
        "/fallbacks/0/instead_json: wanted an object, found a string; correct the value",
    ),
    "what a tool's step composes": (
        "compose",
        {"step": "a"},
        "/compose/0/step: step `a` calls `Echo`, and only `Compose` composes; "
        "name `Compose` as its tool, or take the row out",
    ),
    "an open schema": (
        "compose",
        {"output_json": '{"type": "object"}'},
        "/compose/0/output_json: at `/`: an object names its fields in `properties`, each with a "
        "schema; correct the value",
    ),
    "long in another case": (
        "compose",
        {"long": "CUT"},
        "/compose/0/long: wanted 'refuse' or 'cut', found `CUT`; correct the value",
    ),
    "an answer of no room": (
        "compose",
        {"max_tokens": -1},
        "/compose/0/max_tokens: wanted at least 64, found -1; correct the value",
    ),
    "a time that is none": (
        "bounds",
        {"timeout": "soon"},
        "/bounds/0/timeout: a length of time is written `500ms`, `30s`, `5m`, `24h` or `90d`; "
        "correct the value",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_every_row_is_held_to_what_a_plan_may_say(what: str) -> None:
    """With its place in the answer, which is what the model has seen, and what would mend it."""
    name, change, said = WRONG[what]
    rows = {"compose": [ROWS["compose"]], name: [{**ROWS[name], **change}]}
    found = findings(draft(STEP, {**STEP, "id": "fetch"}, SAID, **rows))
    assert said == found[0]
    # That nothing is said of the composed step any more is all that follows from it.
    assert {name == "compose"} >= {"/steps/2" in one for one in found[1:]}


@pytest.mark.parametrize("name", ["loops", "fallbacks", "compose", "bounds"])
def test_nothing_is_said_twice(name: str) -> None:
    """The last of two rows is not taken, and neither is the first: nobody knows which was meant."""
    (found,) = findings(
        draft(STEP, SAID, **{"compose": [ROWS["compose"]], name: [ROWS[name], ROWS[name]]})
    )
    assert found.startswith(f"/{name}/1: ")
    assert "keep one" in found


def test_what_composes_says_what_it_gives() -> None:
    """An instruction, inputs, and a row with a schema; anything else is told by its place."""
    assert [
        "/steps/1: composes, and no row of `compose` says what step `c` gives; "
        "add one, with its `output_json`"
    ] == findings(draft(STEP, SAID))
    for args in ("[]", "{}", '{"inputs": {}}', '{"instruction": "x", "letters": []}'):
        (found,) = findings(draft({**SAID, "args_json": args}, compose=[ROWS["compose"]]))
        assert found.startswith("/steps/0/args_json: what `Compose` is given is an `instruction`")


def test_a_tool_in_another_case_is_told_by_its_name() -> None:
    """Where a model writes `compose`, the row that speaks of it says what the tool is called."""
    (found,) = findings(draft({**SAID, "tool": "compose"}, compose=[ROWS["compose"]]))
    assert found.endswith("; name `Compose` as its tool, or take the row out")


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("loops", {"in_json": "[1, 2]"}, "LS-PLAN-017 step `read` /for_each/in: is no reference"),
        ("guards", {"left_json": "2"}, "LS-PLAN-015 step `read` /when/0: `2 == 1` compares two"),
        ("guards", {"left_json": '{"$form": "x"}'}, "LS-PLAN-011 step `read` /when/0/left"),
        ("fallbacks", {"error": "Fog"}, "LS-PLAN-016 step `read` /on_error/Fog: tool"),
        ("bounds", {"timeout": "9h"}, "LS-PLAN-012 step `read`: asks for timeout 9h"),
    ],
)  # fmt: skip
def test_what_is_well_formed_and_wrong_is_left_to_the_check(
    name: str, change: Json, said: str
) -> None:
    """A model's plan is held to the same as anybody's, in the same words."""
    step = {**STEP, "id": "read", "tool": "ReadLetters", "args_json": "{}"}
    text = draft(step, **{name: [{**ROWS[name], "step": "read", **change}]})
    found = check(read(text), world(), "ana").findings
    assert [said] == [str(one)[: len(said)] for one in found if str(one).startswith(said)]


# What is too much.


def test_arguments_nested_beyond_reading_are_refused() -> None:
    """What could not be frozen and read again is no proposal."""
    deep = "[" * (MAX_DEPTH - 2) + "]" * (MAX_DEPTH - 2)
    assert refused(draft({**STEP, "args_json": f'{{"a": {deep}}}'}))


def test_gaps_are_bounded() -> None:
    """They are shown to people."""
    _, gaps = unfold(draft(gaps=["x" * 1_000] * 100), "goal")
    assert MAX_GAPS == len(gaps)
    assert all(len(gap) <= 500 for gap in gaps)


def test_more_rows_than_a_step_may_have_are_refused_by_the_check() -> None:
    """As of a plan that was written by hand."""
    for name, many in (("guards", MAX_GUARDS), ("fallbacks", MAX_FALLBACKS)):
        rows = [{**ROWS[name], **({"error": f"Fog{n}"} if name == "fallbacks" else {})}
                for n in range(many + 1)]  # fmt: skip
        with pytest.raises(LockstepError, match="at most 16"):
            read(draft(STEP, **{name: rows}))


def test_a_flood_of_rows_is_read_quickly_and_told_briefly() -> None:
    """As many as fit into an answer, of steps that are all called the same, or not there at all."""
    steps = [{**STEP, "args_json": "{}", "reason": ""} for _ in range(2_000)]
    guard = {"step": "a", "left_json": "1", "is": "<", "right_json": "2"}
    with within(2):
        document, _ = unfold(draft(*steps, guards=[guard] * 2_000), "goal")
    assert isinstance(document, dict)
    listed: Any = document["steps"]
    assert 2_000 == sum(len(one.get("when", ())) for one in listed)

    lost = [{**guard, "step": "b" * 9_000}] * 10 + [{**guard, "step": f"s{n}"} for n in range(500)]
    steps = [{**step, "id": f"x{n}"} for n, step in enumerate(steps[:1_500])]
    with within(2):
        found = findings(draft(*steps, guards=lost))
    assert MAX_FINDINGS == len(found)
    assert all(len(one) < 300 for one in found)


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda raw: raw.decode("latin-1")))
def test_no_text_does_more_than_be_refused(text: str) -> None:
    """Whatever a model says."""
    with suppress(LockstepError):
        unfold(text, "goal")


WORDS = st.sampled_from(
    [
        *("read", "sum", "file", "", "Compose", "compose", "ReadLetters", "File", "==", "in", "IN"),
        *("{}", "[]", "null", '"x"', "3", "{", '{"$from": "read", "path": "/texts"}', "cut", "5s"),
        *('{"skip": true}', '{"step": "file"}', '{"output": {}}', '{"$item": ""}', "Fog"),
        *('{"instruction": "x", "inputs": {}}', ANSWER, '{"type": "object"}', "ComposeRefused"),
    ]
)
COUNTS = st.sampled_from([-1, 0, 1, 3, 64, 100, 101, 400, 2**53])


def _rows(name: str, schema: Any) -> st.SearchStrategy[list[Json]]:
    fields = schema["items"]["properties"]
    kinds = {"integer": COUNTS, "array": st.lists(WORDS, max_size=2)}
    row = st.fixed_dictionaries(
        {one: kinds.get(said["type"], WORDS) for one, said in fields.items()}
    )
    return st.lists(row, max_size=3 if name != "steps" else 4)  # fmt: skip


_LISTS: Any = {name: said for name, said in SCHEMA["properties"].items() if name != "gaps"}  # type: ignore[union-attr]  # it is an object


@given(st.fixed_dictionaries({name: _rows(name, said) for name, said in _LISTS.items()}))
@settings(max_examples=300, deadline=None)
def test_no_draft_does_more_than_be_refused(said: Json) -> None:
    """However its rows go together: refused as a draft, as a plan, or with what the check found."""
    with suppress(LockstepError):
        found = check(read(json.dumps(said)), world(), "ana")
        assert all(one.place and one.problem and one.fix for one in found.findings)
