"""The model contract on the real SDK, over real sockets, against the stand-in's books."""

import asyncio
import json
import os
import subprocess
import sys
import time
from typing import Any

import pytest

from activities.models.model import Stop, Turn
from activities.models.prices import TABLE
from lockstep.usage import Bill, Usage
from tests.effects.asking import (
    BLOCK,
    CANARY,
    DRAFT,
    KEY,
    MODEL,
    ROOT,
    STOPPED,
    ask,
    asking,
    billed,
    ended,
    events,
    piece,
    prompt,
    raw,
    script,
    started,
    streamed,
    until,
)
from tests.effects.cassettes import RECORDED, streams
from worker.standin.server import standin


async def test_an_answer_is_returned_with_a_bill_to_the_token() -> None:
    """What we count is what the other side wrote down, the cache's tokens included: the first
    question fills it and the second reads it.
    """
    with standin(script(DRAFT)) as provider:
        async with asking(provider.base_url) as model:
            answers = [await model.complete(prompt(), lambda bill: None) for _ in range(2)]

    assert [billed(entry) for entry in provider.ledger] == [answer.bill for answer in answers]
    first, second = (answer.bill.usage for answer in answers)
    assert first.cache_write == second.cache_read > 0
    assert {(Stop.OK, '{"steps":[],"gaps":["nothing to do"]}', MODEL, "end_turn")} == {
        (answer.stop, answer.text, answer.model, answer.stop_reason) for answer in answers
    }
    assert [entry.request_id for entry in provider.ledger] == [one.request for one in answers]
    assert TABLE == answers[0].bill.prices


async def test_the_request_says_what_was_asked_and_no_more() -> None:
    """The schema goes out as it came, the last part of the system is cached, the label names
    nobody; no temperature, no tools, no thinking.
    """
    turns = (Turn("user", "plan"), Turn("assistant", "{}"), Turn("user", "again"))
    schema = {"type": "object", "patternProperties": {"x": {"minLength": 3}}}
    done = streamed(events(started(), ended(), STOPPED))
    async with raw(done) as (url, heard):
        await ask(url, system=("a", "b"), turns=turns, schema=schema)

    head, _, body = heard[0].partition(b"\r\n\r\n")
    assert {
        "model": MODEL,
        "max_tokens": 500,
        "system": [
            {"type": "text", "text": "a"},
            {"type": "text", "text": "b", "cache_control": {"type": "ephemeral"}},
        ],
        "messages": [
            {"role": "user", "content": "plan"},
            {"role": "assistant", "content": "{}"},
            {"role": "user", "content": "again"},
        ],
        "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": schema}},
        "metadata": {"user_id": "run/step/1"},
        "stream": True,
    } == json.loads(body)
    assert f"authorization: bearer {KEY}" in head.decode().lower()


@pytest.mark.parametrize(
    ("answer", "stop", "text", "category"),
    [
        ({"text": "I would rather talk."}, Stop.OK, "I would rather talk.", ""),
        ({"nothing": True}, Stop.OK, "", ""),
        ({"refusal": "cyber"}, Stop.REFUSED, "", "cyber"),
        ({"truncated": '{"steps": ['}, Stop.TRUNCATED, '{"steps": [', ""),
        (
            {"text": "x", "stop_reason": "model_context_window_exceeded"},
            Stop.TRUNCATED,
            "x",
            "",
        ),
        ({"text": "x", "stop_reason": "pause_turn"}, Stop.TRUNCATED, "x", ""),
        ({"text": "x", "stop_reason": "stop_sequence"}, Stop.OK, "x", ""),
        ({"text": "x", "stop_reason": "a_reason_of_tomorrow"}, Stop.TRUNCATED, "x", ""),
    ],
)
async def test_every_end_of_an_answer_is_returned_and_billed(
    answer: dict[str, Any], stop: Stop, text: str, category: str
) -> None:
    """Prose, silence, a refusal, half an answer: all were billed, so none is an exception. An end
    that nobody knows yet is no end to build on.
    """
    with standin(script(answer)) as provider:
        got = await ask(provider.base_url)

    assert (stop, text, category) == (got.stop, got.text, got.category)
    assert billed(provider.ledger[0]) == got.bill


async def test_what_makes_no_sense_in_an_answer_is_passed_over() -> None:
    """Events and figures of tomorrow, wrong types, numbers below nothing: what was known stays. A
    character whose halves came apart is whole again, and half of one is marked.
    """
    body = events(
        started(input_tokens=5, cache_read_input_tokens=3, output_tokens=1),
        {"type": "event_of_tomorrow", "data": 1},
        BLOCK,
        piece("a\ud83d"),
        piece("\ude00b\udc00"),
        piece("\x00"),
        ended(None, output_tokens=2),
        ended("end_turn", input_tokens=-1, cache_read_input_tokens="seven", output_tokens=4),
        STOPPED,
    )
    async with raw(streamed(body)) as (url, _):
        got = await ask(url)

    assert "a\U0001f600b\ufffd\x00" == got.text
    assert Usage(input=5, cache_read=3, output=4) == got.bill.usage
    assert 0 == got.bill.unknown


async def test_an_answer_is_whole_once_it_said_why_it_stopped() -> None:
    """What becomes of the connection after that changes nothing, and is not waited for."""
    body = events(started(input_tokens=5), BLOCK, piece("x"), ended(output_tokens=2))
    length = len(body) + 100
    head = f"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: {length}\r\n\r\n"
    async with raw(head.encode() + body) as (url, _):
        got = await ask(url)

    assert (Stop.OK, "x", 0) == (got.stop, got.text, got.bill.unknown)


async def test_an_unknown_model_has_no_price_but_a_count() -> None:
    """The answering model is priced, not the one that was asked; none is made up."""
    body = events(started("of-tomorrow", input_tokens=5), ended(output_tokens=2), STOPPED)
    async with raw(streamed(body)) as (url, _):
        got = await ask(url)

    assert "of-tomorrow" == got.model
    assert Bill(calls=1, usage=Usage(input=5, output=2)) == got.bill


async def test_it_is_heard_while_it_waits_with_a_bill_that_grows() -> None:
    """At least once a second, so that whoever waits can be seen to be alive; and until its end, the
    answer may yet cost more.
    """
    answer = {"text": "word " * 20, "delay_seconds": 2.5, "tokens_per_second": 40}
    heard: list[Bill] = []
    with standin(script(answer)) as provider:
        async with asking(provider.base_url) as model:
            got = await model.complete(prompt(), heard.append)

    assert len(heard) >= 4
    tokens = [bill.usage.tokens for bill in heard]
    assert sorted(tokens) == tokens
    assert (0, 1) == (tokens[0], heard[0].unknown)
    assert got.bill == heard[-1]
    assert 0 == got.bill.unknown


async def test_what_a_listener_raises_is_its_own() -> None:
    """It is no fault of the provider, and the connection is closed."""

    def refuse(bill: Bill) -> None:
        raise TimeoutError("of the listener")

    with standin(script({"text": "x " * 50, "tokens_per_second": 10})) as provider:
        async with asking(provider.base_url) as model:
            with pytest.raises(TimeoutError, match="of the listener"):
                await model.complete(prompt(), refuse)
        until(lambda: provider.ledger[0].ending == "client left")


@pytest.mark.parametrize("hang", [{"seconds": 60}, {"seconds": 60, "after_tokens": 3}])
async def test_cancelling_closes_the_connection_at_once(hang: dict[str, Any]) -> None:
    """Whoever is told to stop stops, and the other side sees it."""
    with standin(script({"hang": hang})) as provider:
        async with asking(provider.base_url) as model:
            asked = asyncio.create_task(model.complete(prompt(), lambda bill: None))
            await asyncio.to_thread(until, lambda: len(provider.ledger) == 1)
            await asyncio.sleep(0.3)
            began = time.monotonic()
            asked.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asked
            took = time.monotonic() - began
            await asyncio.to_thread(until, lambda: provider.ledger[0].ending == "client left", 2)

    assert took < 0.5


async def test_many_may_ask_at_once_over_one_client() -> None:
    """Each gets its own answer and its own bill."""
    with standin(script({**DRAFT, "delay_seconds": 0.3})) as provider:
        async with asking(provider.base_url) as model:
            answers = await asyncio.gather(
                *(model.complete(prompt(f"goal {n}"), lambda bill: None) for n in range(8))
            )

    books = {entry.request_id: billed(entry) for entry in provider.ledger}
    assert books == {answer.request: answer.bill for answer in answers}


HOSTILE = {
    "ANTHROPIC_AUTH_TOKEN": "leaked-token",
    "ANTHROPIC_API_KEY": "leaked-key",
    "ANTHROPIC_BASE_URL": "http://127.0.0.1:9",
    "ANTHROPIC_CUSTOM_HEADERS": "X-Leaked: yes\nauthorization: Bearer leaked\nAuthorization: other",
    "ANTHROPIC_PROFILE": "leaked",
    "ANTHROPIC_CONFIG_DIR": "/nonexistent",
    "ANTHROPIC_WORKSPACE_ID": "leaked-workspace",
    "ANTHROPIC_LOG": "debug",
    "ANTHROPIC_OPEN_TELEMETRY_TRACES_CONTENT_MODE": "content",
}

ALONE = """
import asyncio, sys
from datetime import timedelta
from worker.logs import configure
configure()
from activities.models.messages import MessagesModel
from activities.models.model import ModelError, Prompt, Turn

async def main():
    model = MessagesModel("{key}", "{url}", timedelta(seconds=10))
    turns = (Turn("user", "{canary}"),)
    asked = Prompt("{model}", "low", ("s",), turns, {{"type": "object"}}, 99, "label")
    for _ in range(2):
        try:
            print((await model.complete(asked, lambda bill: None)).stop)
        except ModelError as error:
            print(error.code)
    await model.close()

asyncio.run(main())
"""


def test_the_environment_changes_nothing_and_logs_nothing() -> None:
    """A worker whose environment is full of the SDK's own settings sends what it was given, where
    it was told, and its log has no prompt even where the SDK was asked to debug.
    """
    code = ALONE.format(key=KEY, url="{url}", canary=CANARY, model=MODEL)

    async def served() -> tuple[list[bytes], subprocess.CompletedProcess[str]]:
        busy = b"HTTP/1.1 529 -\r\ncontent-length: 0\r\n\r\n"
        async with raw(streamed(events(started(), ended(), STOPPED)), busy) as (url, heard):
            done = await asyncio.to_thread(
                subprocess.run,
                [sys.executable, "-c", code.replace("{url}", url)],
                env={**os.environ, **HOSTILE, "PYTHONPATH": str(ROOT)},
                capture_output=True,
                text=True,
                timeout=60,
            )
        return heard, done

    heard, done = asyncio.run(served())

    assert ["ok", "LS-MODEL-005"] == done.stdout.split(), done.stderr
    for request in heard:
        assert f"authorization: bearer {KEY}".encode() in request.lower()
        assert (0, 0) == (request.lower().count(b"leaked"), request.count(b"other"))
    assert (False, False) == (KEY in done.stderr, CANARY in done.stderr)


def _reported(body: bytes) -> tuple[Usage, str, str]:
    """Usage, reason and text of a recorded stream, read without the SDK."""
    names = {
        "input": "input_tokens",
        "cache_write": "cache_creation_input_tokens",
        "cache_read": "cache_read_input_tokens",
        "output": "output_tokens",
    }
    usage: dict[str, int] = {}
    reason = text = ""
    for line in body.decode().splitlines():
        if not line.startswith("data:"):
            continue
        event = json.loads(line.removeprefix("data:"))
        said = event.get("message", event).get("usage") or {}
        usage |= {ours: said[theirs] for ours, theirs in names.items() if theirs in said}
        delta = event.get("delta", {})
        reason = delta.get("stop_reason") or reason
        # Some blocks of text come with their beginning.
        text += event.get("content_block", {}).get("text", "") + delta.get("text", "")
    return Usage(**usage), reason, text


@pytest.mark.skipif(not RECORDED.is_dir(), reason=f"no recorded exchanges in {RECORDED}")
async def test_no_recorded_answer_loses_usage_reason_or_text() -> None:
    """What the real API streamed, with tools, searches, thinking and schemas, sent once more."""
    recorded = list(streams())
    assert len(recorded) > 40

    async with raw(*(streamed(body) for _, body in recorded)) as (url, _), asking(url) as model:
        for name, body in recorded:
            got = await model.complete(prompt(), lambda bill: None)
            said = (got.bill.usage, got.stop_reason, got.text)
            assert _reported(body) == said, name
            assert (0, TABLE) == (got.bill.unknown, got.bill.prices), name
