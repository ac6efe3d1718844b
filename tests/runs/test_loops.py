"""What a step is done for: each item of a list, decided, asked about and counted for itself."""

from typing import Any

import pytest

from lockstep.errors import LockstepError
from lockstep.escalation import Ground, Verdict
from tests.runs.language import muster, seek, ways, write
from tests.runs.yard import Book, Json, Yard, say, step, with_

pytestmark = pytest.mark.asyncio(loop_scope="session")


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
