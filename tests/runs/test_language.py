"""What a plan can say beyond one call after another: when a step runs, what takes its place, and
for what it is done.

Each run here is replayed and compared as every run of the yard is; so what a guard saw, and which
way the run went, can be computed again from the history and the stored values.
"""

from pathlib import Path
from typing import Any

import pytest

from lockstep.errors import LockstepError
from lockstep.escalation import Ground, Verdict
from lockstep.event import Event
from lockstep.stepped import StepCompleted
from tests.runs.yard import Book, Ended, Handle, Json, Yard, output, say, step, until, with_
from workflows.run import Run

pytestmark = pytest.mark.asyncio(loop_scope="session")


def guard(left: Any, how: str, right: Any) -> Json:
    return {"left": left, "is": how, "right": right}


def write(id: str, book: Book, *after: str, **fields: Any) -> Json:
    """A step that leaves its id in the ledger."""
    return with_(step(id, "Write", ledger=book.name, text=id), after=list(after), **fields)


def muster(*names: str, **args: Any) -> Json:
    return step("muster", "Muster", names=list(names), **args)


def ways(ended: Ended) -> dict[str, str]:
    """Why each step that was left out was."""
    return {what.step: what.because for what in ended.of("step.skipped")}


COUNT = {"$from": "muster", "path": "/count"}


async def test_a_step_runs_only_when_its_guards_hold(yard: Yard, book: Book) -> None:
    """All of them; what they saw is in the events, and one that does not hold is no failure."""
    ended = await yard.run(
        muster("ana", "ben"),
        write("two", book, when=[guard(COUNT, ">", 1), guard({"$input": "/floor"}, "==", 1)]),
        write("three", book, when=[guard(COUNT, ">", 2), guard({"$input": "/floor"}, "==", 1)]),
    )
    assert ("completed", ["two"]) == (ended.result.status, book.lines)
    assert ("three",) == ended.result.skipped
    assert {"three": "`muster/count > 2` does not hold (2 and 2)"} == ways(ended)
    (told,) = ended.of("step.guarded", "three")
    assert [(False, 2, 2), (True, 1, 1)] == [
        (one.holds, one.left, one.right) for one in told.comparisons
    ]
    assert [True] == [what.holds for what in ended.of("step.guarded", "two")]
    assert [] == ended.of("step.started", "three")


@pytest.mark.parametrize(
    ("left", "problem"),
    [
        ({"$from": "muster", "path": "/hands/3/name"}, "`muster/hands/3/name`: `3` is not there"),
        ({"$from": "muster", "path": "/master"}, "`!=` compares"),
    ],
)
async def test_what_cannot_be_read_does_not_hold(
    yard: Yard, book: Book, left: Json, problem: str
) -> None:
    """A place that a list does not have, a field that is null: the step is left out and says why,
    even where the guard asked for a difference.
    """
    ended = await yard.run(muster("ana"), write("w", book, when=[guard(left, "!=", "ben")]))
    assert ("completed", []) == (ended.result.status, book.lines)
    assert problem in ways(ended)["w"]


async def test_what_draws_from_a_skipped_step_is_skipped_and_what_follows_it_is_not(
    yard: Yard, book: Book
) -> None:
    """An argument and a guard cannot do without the output; an order can."""
    ended = await yard.run(
        muster("ana"),
        say("loud", "word", number=3),
        with_(say("quiet", "hush", number=3), when=[guard(COUNT, ">", 5)]),
        with_(step("drawn", "Write", ledger=book.name, text=output("quiet"))),
        write("watched", book, when=[guard(output("quiet", "/number"), "==", 3)]),
        write("behind", book, "drawn", "quiet", "watched"),
        write("beside", book, when=[guard(output("loud", "/number"), "==", 3)]),
    )
    assert ("completed", ["behind", "beside"]) == (ended.result.status, sorted(book.lines))
    assert ("drawn", "quiet", "watched") == tuple(sorted(ended.result.skipped))
    assert "it needs the output of a step that was left out" == ways(ended)["drawn"]
    assert [] == ended.of("step.guarded", "watched")


async def test_a_guard_is_weighed_once_and_the_step_decided_as_ever(yard: Yard) -> None:
    """Policy is asked about a step that may run, and about no other."""
    shout = step("loud", "Echo", text={"$input": "/greeting"})
    ended = await yard.run(
        say(), muster("ana"), with_(shout, when=[guard(COUNT, "!=", 1)]), greeting="SHOUT"
    )
    assert ("completed", ("loud",)) == (ended.result.status, ended.result.skipped)
    assert [] == ended.of("question.asked")


async def test_a_value_that_is_gone_is_taken_for_no_answer(yard: Yard, book: Book) -> None:
    """The step is asked about again for a while, and then stops the run with a code."""
    handle = await yard.start(
        yard.lock(
            muster("ana", book.name),
            step("spin", "Slow", ledger=book.name, parts=4, pause=0.2),
            write("late", book, "spin", when=[guard(COUNT, ">", 0)]),
        )
    )
    await until(lambda: "begin slow" in book.lines)
    path = await kept(yard, handle, "muster")
    hidden = path.rename(path.with_suffix(".hidden"))
    with pytest.raises(AssertionError, match="LS-REPLAY-005"):
        await yard.ended(handle)
    hidden.rename(path)
    ended = await yard.ended(handle)
    assert ("failed", "LS-STEP-007", "step `late`") == (
        ended.result.status,
        ended.finding.code,
        ended.finding.place,
    )
    assert [] == ended.of("step.started", "late")


async def kept(yard: Yard, handle: Handle, step: str) -> Path:
    """The file that holds a step's output, once it has one."""
    found: list[str] = []
    while not found:
        events = [Event.model_validate(line) for line in await handle.query(Run.events)]
        ends = [one.what for one in events if isinstance(one.what, StepCompleted)]
        found = [what.value.digest for what in ends if what.step == step]
    name = found[0].partition(":")[2]
    return yard.home.values / name[:2] / name


def seek(id: str, name: Any = "lost anchor", **fallback: Any) -> Json:
    """A step that signals `NotFound`, for which it has a fallback."""
    return with_(step(id, "Seek", name=name), on_error={"NotFound": fallback})


async def test_a_fallback_stands_in_for_the_step_that_signals(yard: Yard, book: Book) -> None:
    """What draws from the step gets the stand-in's output and need not know."""
    ended = await yard.run(
        say("before"),
        seek("look", step="other"),
        with_(say("other", {"$from": "before", "path": "/text"}, number=9)),
        with_(step("tell", "Write", ledger=book.name, text=output("look"))),
    )
    assert ("completed", ["hello"]) == (ended.result.status, book.lines)
    assert ended.result.outputs["look"].digest == ended.result.outputs["other"].digest
    (caught,) = ended.of("step.caught")
    assert ("look", "NotFound", "lost anchor") == (caught.step, caught.error, caught.detail)
    (replaced,) = ended.of("step.replaced")
    assert ("look", "other") == (replaced.step, replaced.by)
    order = [event.what.type for event in ended.events if getattr(event.what, "step", "") == "look"]
    assert [
        "step.started",
        "step.attempted",
        "step.decided",
        "step.caught",
        "step.replaced",
    ] == order
    assert caught.error in {one.attempt.failure for one in ended.of("step.attempted", "look")}
    (made,) = ended.of("step.decided", "look")
    assert made.decision.digest == ended.of("step.attempted", "look")[0].attempt.decision


async def test_a_stand_in_that_is_not_wanted_does_not_run(yard: Yard, book: Book) -> None:
    """Its step gave an output, or was left out itself; it is told, and is no loss."""
    ended = await yard.run(
        say(),
        muster("ana"),
        seek("look", "anchor", step="other"),
        say("other"),
        with_(seek("idle", step="spare"), when=[guard(COUNT, ">", 1)]),
        say("spare"),
        write("tell", book, "look"),
    )
    assert ("completed", ["tell"]) == (ended.result.status, book.lines)
    assert ("idle",) == ended.result.skipped
    assert "it stands in for `look`, which gave an output without it" == ways(ended)["other"]
    assert "it stands in for `idle`, which was left out" == ways(ended)["spare"]
    assert [] == ended.of("step.started", "other") + ended.of("step.started", "spare")


async def test_an_output_that_the_plan_gives_stands_in(yard: Yard, book: Book) -> None:
    """It is kept like any output, and what draws from it gets it."""
    ended = await yard.run(
        seek("look", output={"text": "spare", "number": 0}),
        step("tell", "Write", ledger=book.name, text=output("look")),
    )
    assert ("completed", ["spare"]) == (ended.result.status, book.lines)
    (replaced,) = ended.of("step.replaced")
    assert (None, {"text": "spare", "number": 0}) == (replaced.by, replaced.value.preview)


async def test_a_step_may_be_left_out_when_it_signals(yard: Yard, book: Book) -> None:
    """As if its guard did not hold: what draws from it is left out, what follows it runs."""
    ended = await yard.run(
        seek("look", skip=True),
        step("tell", "Write", ledger=book.name, text=output("look")),
        write("end", book, "tell"),
    )
    assert ("completed", ["end"]) == (ended.result.status, book.lines)
    assert {"look", "tell"} == {*ended.result.skipped}
    assert "it signalled NotFound" == ways(ended)["look"]


async def test_a_signal_that_is_not_provided_for_ends_the_run_as_ever(yard: Yard) -> None:
    """A fallback is for the error that it names."""
    ended = await yard.run(seek("look", "fog", step="other"), say("other"), say())
    assert ("failed", "LS-STEP-003") == (ended.result.status, ended.finding.code)
    assert [] == ended.of("step.started", "other") + ended.of("step.skipped", "other")


async def test_a_stand_in_may_have_a_stand_in(yard: Yard, book: Book) -> None:
    """And a guard; what is left in the end is the first one's output."""
    ended = await yard.run(
        say(),
        seek("first", step="second"),
        seek("second", "lost too", step="third"),
        with_(say("third", "found"), when=[guard({"$input": "/floor"}, "==", 1)]),
        step("tell", "Write", ledger=book.name, text=output("first")),
    )
    assert ("completed", ["found"]) == (ended.result.status, book.lines)
    assert [("second", "third"), ("first", "second")] == [
        (what.step, what.by) for what in ended.of("step.replaced")
    ]


async def test_a_stand_in_whose_guard_does_not_hold_leaves_its_step_out(
    yard: Yard, book: Book
) -> None:
    """Then there is no output, from neither."""
    ended = await yard.run(
        say(),
        seek("look", step="other"),
        with_(say("other"), when=[guard({"$input": "/floor"}, ">", 1)]),
        step("tell", "Write", ledger=book.name, text=output("look")),
    )
    assert ("completed", []) == (ended.result.status, book.lines)
    assert ("look", "other", "tell") == tuple(sorted(ended.result.skipped))


async def test_a_stand_in_that_policy_holds_back_asks_like_any_step(yard: Yard, book: Book) -> None:
    """An approval lets it run; to skip it leaves out the step that it stands in for."""
    steps = [
        say(),
        seek("look", step="other"),
        step("other", "Echo", text={"$input": "/greeting"}),
        step("tell", "Write", ledger=book.name, text=output("look")),
    ]
    handle = await yard.start(yard.lock(*steps), greeting="SHOUT")
    question = await yard.question(handle)
    assert "other.1" == question.id
    await yard.answer(handle, question, Verdict.APPROVE, by="cleo")
    assert ("completed", ["SHOUT"]) == ((await yard.ended(handle)).result.status, book.lines)

    handle = await yard.start(yard.lock(*steps), greeting="SHOUT")
    await yard.answer(handle, await yard.question(handle), Verdict.SKIP, by="cleo")
    ended = await yard.ended(handle)
    assert ("completed", ["SHOUT"]) == (ended.result.status, book.lines)
    assert ("look", "other", "tell") == tuple(sorted(ended.result.skipped))


async def test_a_stand_in_waits_for_what_it_needs_itself(yard: Yard, book: Book) -> None:
    """Even for what its step did not need."""
    ended = await yard.run(
        say(),
        step("slow", "Slow", ledger=book.name, parts=3),
        seek("look", step="other"),
        with_(say("other"), after=["slow"]),
        write("tell", book, "look"),
    )
    assert "completed" == ended.result.status
    assert ["begin slow", "end slow", "tell"] == book.lines


async def test_a_stand_in_that_fails_fails_the_run(yard: Yard) -> None:
    """There is nothing left to fall back on."""
    ended = await yard.run(
        say(), seek("look", step="other"), with_(step("other", "Seek", name="fog"))
    )
    assert ("failed", "LS-STEP-003", "step `other`") == (
        ended.result.status,
        ended.finding.code,
        ended.finding.place,
    )


HANDS = {"$from": "muster", "path": "/hands"}


def each(one: Json, most: int = 5, over: Json = HANDS, **fields: Any) -> Json:
    """The step, for each of a list."""
    return with_(one, for_each={"in": over, "max": most}, **fields)


def call(book: Book, **fields: Any) -> Json:
    """Writes each hand's name down."""
    return each(step("call", "Write", ledger=book.name, text={"$item": "/name"}), **fields)


@pytest.mark.parametrize("names", [[], ["ana"], ["ana", "ben", "cleo"]])
async def test_a_loop_is_done_once_for_each_item(yard: Yard, book: Book, names: list[str]) -> None:
    """None for an empty list; each with its own decision, key and attempts; the output is a list
    in the order of the items.
    """
    ended = await yard.run(say(), muster(*names), call(book, most=3), write("end", book, "call"))
    assert ("completed", [*sorted(names), "end"]) == (
        ended.result.status,
        [*sorted(book.lines[:-1]), book.lines[-1]],
    )
    (gathered,) = ended.of("step.gathered")
    (counted,) = ended.of("step.counted")
    assert len(names) == counted.items == gathered.items
    assert names == [one["text"] for one in gathered.value.preview]
    done = ended.of("step.completed", "call")
    assert [*range(len(names))] == sorted(one.item for one in done)
    assert len(names) == len({one.idempotency_key for one in done})
    assert len(names) == len(ended.of("step.decided", "call"))
    assert ended.result.outputs["call"].digest == gathered.value.digest


async def test_a_list_that_is_longer_than_the_plan_allows_ends_the_run(
    yard: Yard, book: Book
) -> None:
    """It is not cut short: nobody could tell."""
    ended = await yard.run(say(), muster("ana", "ben", "cleo", "dora"), call(book, most=3))
    assert ("failed", "LS-STEP-009", []) == (
        ended.result.status,
        ended.finding.code,
        book.lines,
    )
    assert "its list has 4 items, and the plan allows 3" == ended.finding.problem


async def test_what_a_loop_gave_can_be_referred_to(yard: Yard, book: Book) -> None:
    """One item of it, and the whole of it to go through again."""
    ended = await yard.run(
        muster("ana", "ben"),
        each(say("greet", {"$item": "/name"}, number={"$item": "/number"})),
        step("second", "Write", ledger=book.name, text={"$from": "greet", "path": "/1/text"}),
        each(say("again", {"$item": "/text"}), over={"$from": "greet"}),
        say(),
    )
    assert ("completed", ["ben"]) == (ended.result.status, book.lines)
    (first, second) = ended.of("step.gathered")
    assert ["ana", "ben"] == [one["text"] for one in second.value.preview]
    assert [1, 2] == [one["number"] for one in first.value.preview]


async def test_a_reference_past_the_end_of_a_loop_leads_nowhere(yard: Yard, book: Book) -> None:
    """As it does in any list; a guard could have asked."""
    far = {"$from": "greet", "path": "/3/text"}
    steps = [say(), muster("ana"), each(say("greet", {"$item": "/name"}))]
    ended = await yard.run(*steps, step("far", "Write", ledger=book.name, text=far))
    assert ("failed", "LS-PLAN-009") == (ended.result.status, ended.finding.code)


async def test_no_more_items_run_at_once_than_the_run_has_slots(yard: Yard, book: Book) -> None:
    """A loop takes its turns with the other steps."""
    slow = step("slow", "Slow", ledger=book.name, text={"$item": "/name"}, parts=2)
    names = [f"n{n}" for n in range(15)]
    ended = await yard.run(say(), muster(*names), each(slow, most=15))
    running = most = 0
    for line in book.lines:
        running += 1 if line.startswith("begin") else -1
        most = max(most, running)
    assert ("completed", 30, 6) == (ended.result.status, len(book.lines), most)


async def test_each_item_is_decided_and_asked_about_for_itself(yard: Yard) -> None:
    """One is approved, one is edited, and one needs nobody; the questions name the items."""
    loud = each(say("loud", {"$item": "/name"}))
    handle = await yard.start(yard.lock(say(), muster("SHOUT-1", "ben", "SHOUT-2"), loud))
    first, second = sorted(await yard.questions(handle, 2), key=lambda one: one.id)
    assert ["loud[0].1", "loud[2].1"] == [first.id, second.id]
    await yard.answer(handle, first, Verdict.APPROVE, by="cleo")
    await yard.answer(
        handle, second, Verdict.EDIT, by="cleo", args={"text": "whisper", "number": 0}
    )
    ended = await yard.ended(handle)
    assert "completed" == ended.result.status
    (gathered,) = ended.of("step.gathered")
    assert ["SHOUT-1", "ben", "whisper"] == [one["text"] for one in gathered.value.preview]
    assert [("loud", 2)] == [(what.step, what.item) for what in ended.of("step.edited")]


async def test_a_refused_edit_names_its_item(yard: Yard) -> None:
    """Of several that wait, whoever answers has to know which one."""
    loud = each(say("loud", {"$item": "/name"}))
    handle = await yard.start(yard.lock(say(), muster("SHOUT-1", "SHOUT-2"), loud))
    _, second = sorted(await yard.questions(handle, 2), key=lambda one: one.id)
    for args in ({"text": 3}, {"text": {"$item": "/name"}}):
        with pytest.raises(LockstepError, match=r"step `loud\[1\]` /text"):
            await yard.answer(handle, second, Verdict.EDIT, by="cleo", args=args)
    await yard.answer(handle, second, Verdict.DENY, by="cleo")
    assert "failed" == (await yard.ended(handle)).result.status


async def test_a_call_that_nobody_knows_the_end_of_is_asked_about_as_it_was_made(
    yard: Yard, book: Book
) -> None:
    """With the item's own value, and what else a reference brought."""
    struck = step("s", "Strike", ledger=book.name, text={"$item": "/name"}, first="raise")
    handle = await yard.start(yard.lock(say(), muster("ana"), each(struck)))
    question = await yard.question(handle)
    assert ("s[0].1", Ground.UNKNOWN) == (question.id, question.ground)
    assert {"ledger": book.name, "text": "ana", "first": "raise"} == question.args.preview
    assert 'text="ana"' in question.shown
    await yard.answer(handle, question, Verdict.RETRY)
    ended = await yard.ended(handle)
    assert ("completed", ["ana", "ana"]) == (ended.result.status, book.lines)


async def test_to_skip_an_item_leaves_out_the_whole_loop(yard: Yard, book: Book) -> None:
    """What asks for another item need not be answered any more."""
    loud = each(say("loud", {"$item": "/name"}))
    tell = step("tell", "Write", ledger=book.name, text={"$from": "loud", "path": "/0/text"})
    lock = yard.lock(say(), muster("SHOUT-1", "SHOUT-2"), loud, tell, write("end", book, "tell"))
    handle = await yard.start(lock)
    first, _ = sorted(await yard.questions(handle, 2), key=lambda one: one.id)
    await yard.answer(handle, first, Verdict.SKIP, by="cleo")
    ended = await yard.ended(handle)
    assert ("completed", ["end"]) == (ended.result.status, book.lines)
    assert ("loud", "tell") == ended.result.skipped
    assert "item 0: `cleo` left it out" == ways(ended)["loud"]


async def test_to_deny_an_item_stops_the_run(yard: Yard) -> None:
    """A no is a no, whichever item it was about."""
    loud = each(say("loud", {"$item": "/name"}))
    handle = await yard.start(yard.lock(say(), muster("SHOUT-1", "SHOUT-2"), loud))
    first, _ = sorted(await yard.questions(handle, 2), key=lambda one: one.id)
    await yard.answer(handle, first, Verdict.DENY, by="cleo")
    ended = await yard.ended(handle)
    assert ("failed", "LS-RUN-002", "step `loud[0]`") == (
        ended.result.status,
        ended.finding.code,
        ended.finding.place,
    )


async def test_an_item_that_signals_is_given_an_output_or_leaves_the_loop_out(
    yard: Yard, book: Book
) -> None:
    """As the plan says; the other items keep theirs."""
    output_ = {"text": "-", "number": 0}
    ended = await yard.run(
        say(),
        muster("rope", "lost-hook", "oil"),
        each(seek("find", {"$item": "/name"}, output=output_)),
        each(seek("need", {"$item": "/name"}, skip=True)),
        write("end", book, "need", "find"),
    )
    assert ("completed", ["end"], ("need",)) == (
        ended.result.status,
        book.lines,
        ended.result.skipped,
    )
    assert "item 1: it signalled NotFound" == ways(ended)["need"]
    (gathered,) = ended.of("step.gathered", "find")
    assert ["rope", "-", "oil"] == [one["text"] for one in gathered.value.preview]
    assert [("find", 1)] == [(what.step, what.item) for what in ended.of("step.replaced")]


async def test_an_item_that_fails_lets_no_other_begin(yard: Yard, book: Book) -> None:
    """The run stops with the item's name; what runs may finish."""
    flaky = with_(each(step("f", "Flaky", fails={"$item": "/number"}), most=20), attempts=1)
    ended = await yard.run(say(), muster(*"abcdefghijklmno"), flaky)
    assert ("failed", "LS-STEP-004") == (ended.result.status, ended.finding.code)
    assert ended.finding.place.startswith("step `f[")
    assert len(ended.of("step.started", "f")) < 15


async def test_the_outputs_of_a_loop_have_one_limit_together(yard: Yard) -> None:
    """What is referred to as one value may not be larger than one may be."""
    long = "x" * 5000
    names = [f"{n}{long}" for n in range(10)]
    steps = [say(), muster(*names), each(say("greet", {"$item": "/name"}), most=10)]
    ended = await yard.run(*steps, each(say("more", {"$item": "/name"}), most=10))
    assert "completed" == ended.result.status
    again = each(
        step("twice", "Muster", names=[{"$item": "/text"}], master=long),
        over={"$from": "greet"},
        most=10,
    )
    ended = await yard.run(*steps, again)
    assert ("failed", "LS-STEP-002") == (ended.result.status, ended.finding.code)
    assert "together have" in ended.finding.problem


async def test_a_loop_whose_list_is_not_there_says_so(yard: Yard) -> None:
    """A list within a list may be missing; a guard could have asked."""
    groups = each(step("groups", "Muster", names=[{"$item": "/name"}]))
    over = {"$from": "groups", "path": "/3/hands"}
    ended = await yard.run(
        say(), muster("ana"), groups, each(say("greet", {"$item": "/name"}), over=over)
    )
    assert ("failed", "LS-STEP-009") == (ended.result.status, ended.finding.code)
    assert "its list cannot be read: `groups/3/hands`: `3` is not there" == ended.finding.problem
