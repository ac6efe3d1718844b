"""What goes wrong between us and a model, on the real SDK and real sockets."""

import logging
import socket
import time
import traceback
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest

from activities.models.messages import MAX_REQUEST_BYTES, MAX_RESPONSE_BYTES, MessagesModel
from activities.models.model import ModelError
from activities.models.transcript import MAX_TEXT_BYTES
from lockstep.usage import Bill
from tests.effects.asking import (
    BLOCK,
    CANARY,
    DRAFT,
    KEY,
    billed,
    events,
    fault,
    piece,
    prompt,
    raw,
    script,
    started,
    streamed,
    until,
)
from worker.standin.server import standin

STATUSES: list[tuple[dict[str, Any], str, bool, float | None]] = [
    ({"status": 429, "headers": {"retry-after": "7"}}, "LS-MODEL-005", True, 7),
    ({"status": 429, "headers": {"retry-after-ms": "1500"}}, "LS-MODEL-005", True, 1.5),
    ({"status": 429, "headers": {"retry-after": "99999999"}}, "LS-MODEL-005", True, 900),
    ({"status": 429, "headers": {"retry-after": "later"}}, "LS-MODEL-005", True, None),
    ({"status": 429, "code": "ramp_limit_exceeded"}, "LS-MODEL-005", True, None),
    ({"status": 429, "code": "enforced_spend_limit_reached"}, "LS-MODEL-003", False, None),
    ({"status": 429, "code": "contract_spend_limit_reached"}, "LS-MODEL-003", False, None),
    ({"status": 408}, "LS-MODEL-005", True, None),
    ({"status": 409}, "LS-MODEL-005", True, None),
    ({"status": 529}, "LS-MODEL-005", True, None),
    ({"status": 400}, "LS-MODEL-004", False, None),
    ({"status": 400, "message": "reached your usage limits"}, "LS-MODEL-003", False, None),
    ({"status": 401}, "LS-MODEL-002", False, None),
    ({"status": 402}, "LS-MODEL-003", False, None),
    ({"status": 403}, "LS-MODEL-002", False, None),
    ({"status": 404}, "LS-MODEL-004", False, None),
    ({"status": 413}, "LS-MODEL-004", False, None),
    ({"status": 422}, "LS-MODEL-004", False, None),
    ({"status": 500}, "LS-MODEL-006", True, None),
    ({"status": 502, "body": "<html>bad gateway</html>"}, "LS-MODEL-006", True, None),
    ({"status": 503}, "LS-MODEL-006", True, None),
    ({"status": 504}, "LS-MODEL-006", True, None),
]


@pytest.mark.parametrize(("error", "code", "again", "after"), STATUSES)
async def test_an_error_status_is_one_call_and_a_fault(
    error: dict[str, Any], code: str, again: bool, after: float | None
) -> None:
    """The SDK repeats nothing by itself; the fault says whether Temporal should, and when."""
    with standin(script({"error": error})) as provider:
        got = await fault(provider.base_url)

    assert (code, again) == (got.code, got.again)
    assert after == (got.after.total_seconds() if got.after else None)
    assert 1 == len(provider.ledger)
    assert (1, 0) == (got.bill.calls, got.bill.usage.tokens)
    assert "req_standin_000001" in str(got)


@pytest.mark.parametrize(
    ("answer", "code", "words"),
    [
        ({"sse_error": {"type": "overloaded_error"}}, "LS-MODEL-005", "overloaded_error"),
        ({"sse_error": {"type": "api_error", "after_tokens": 5}}, "LS-MODEL-006", "broke off"),
        ({"cut": {"after_tokens": 3}}, "LS-MODEL-006", "RemoteProtocolError"),
        ({"cut": {"after_tokens": 3, "chunked": False}}, "LS-MODEL-006", "without saying why"),
        ({"cut": {"chunked": False}}, "LS-MODEL-006", "without saying why"),
        ({"half_body": True}, "LS-MODEL-006", "RemoteProtocolError"),
        ({"drop": True}, "LS-MODEL-006", "broke off"),
        ({"garbage": "<html>welcome</html>"}, "LS-MODEL-006", "no"),
    ],
)
async def test_what_breaks_off_is_asked_again_and_its_cost_is_unknown(
    answer: dict[str, Any], code: str, words: str
) -> None:
    """What is known by then is on the bill; never more input than the other side's books have."""
    with standin(script(answer)) as provider:
        got = await fault(provider.base_url)

    assert (code, True) == (got.code, got.again)
    assert words in str(got)
    assert (1, 1) == (got.bill.calls, got.bill.unknown)
    until(lambda: provider.ledger[0].ending != "open")
    books = billed(provider.ledger[0]).usage
    assert got.bill.usage.input in {0, books.input}
    assert got.bill.usage.cache_write in {0, books.cache_write}
    assert got.bill.usage.output <= books.output


async def test_a_stream_that_is_cut_has_the_input_on_its_bill() -> None:
    """The beginning of a stream says what was read, and that was billed."""
    with standin(script({"cut": {"after_tokens": 3}})) as provider:
        got = await fault(provider.base_url)

    books = billed(provider.ledger[0])
    assert books.usage.cache_write == got.bill.usage.cache_write > 0
    assert got.bill.microdollars > 0


@pytest.mark.parametrize("hang", [{"seconds": 60}, {"seconds": 60, "after_tokens": 3}])
async def test_a_deadline_holds_for_the_whole_call(hang: dict[str, Any]) -> None:
    """A provider that goes silent, at first or in the middle, is left at the deadline."""
    with standin(script({"hang": hang})) as provider:
        began = time.monotonic()
        got = await fault(provider.base_url, timeout=1.5)
        took = time.monotonic() - began
        until(lambda: provider.ledger[0].ending == "client left")

    assert ("LS-MODEL-006", True, 1) == (got.code, got.again, got.bill.unknown)
    assert "1500ms" in str(got)
    assert 1.4 < took < 4


async def test_a_provider_that_trickles_is_left_at_the_deadline_too() -> None:
    """Each read is quick, so only the time of all of them can tell."""
    slow = {"text": "word " * 200, "tokens_per_second": 10}
    with standin(script(slow)) as provider:
        got = await fault(provider.base_url, timeout=1.5)

    assert "did not finish within 1500ms" in str(got)
    assert got.bill.usage.cache_write > 0


async def test_a_refused_connection_is_no_call_and_is_named() -> None:
    """Nothing was sent, so nothing is owed; host and port say where to look."""
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]

    got = await fault(f"http://somebody:secret@127.0.0.1:{port}")

    assert ("LS-MODEL-006", True, Bill()) == (got.code, got.again, got.bill)
    assert f"model at 127.0.0.1:{port}: cannot be reached: connection refused" in str(got)
    assert "secret" not in str(got)


@pytest.mark.parametrize("url", ["", "localhost:80", "ftp://x", "http://[::1", "http://h:port"])
async def test_an_endpoint_that_is_none_is_not_asked_again(url: str) -> None:
    """A setting is wrong, and stays wrong."""
    got = await fault(url)

    assert ("LS-MODEL-006", False, Bill()) == (got.code, got.again, got.bill)


@pytest.mark.parametrize("key", ["", "two words", "line\nbreak", "schlüssel"])
async def test_a_key_that_cannot_be_sent_is_not(key: str) -> None:
    """It is named as the reason, and not shown."""
    with standin(script(DRAFT)) as provider:
        model = MessagesModel(key, provider.base_url, timedelta(seconds=5))
        with pytest.raises(ModelError) as raised:
            await model.complete(prompt(), lambda bill: None)
        await model.close()

    assert ("LS-MODEL-002", False, Bill()) == (
        raised.value.code,
        raised.value.again,
        raised.value.bill,
    )
    assert () == provider.ledger


async def test_a_request_beyond_all_sense_is_not_sent() -> None:
    """It would be refused, after it had been uploaded."""
    with standin(script(DRAFT)) as provider:
        got = await fault(provider.base_url, asked=prompt("x" * MAX_REQUEST_BYTES))

    assert ("LS-MODEL-004", False, Bill()) == (got.code, got.again, got.bill)
    assert () == provider.ledger


async def test_an_answer_without_an_end_is_not_read_to_the_end() -> None:
    """Text beyond any plan, a line that never stops, an event of endless lines: each is left
    quickly, with what is known.
    """
    big = piece("x" * 1024)
    text = events(started(input_tokens=9), BLOCK, *[big] * (MAX_TEXT_BYTES // 1024 + 5))
    line = events(started(input_tokens=9)) + b"data: " + b"x" * (MAX_RESPONSE_BYTES + 1)
    lines = events(started(input_tokens=9)) + b"x\n" * 3_000_000
    for endless in (text, line, lines):
        async with raw(streamed(endless)) as (url, _):
            # What is read must end it, however slow the machine is, and not the time.
            got = await fault(url, timeout=120)

        assert ("LS-MODEL-006", False, 9, 1) == (
            got.code,
            got.again,
            got.bill.usage.input,
            got.bill.unknown,
        )


async def test_a_redirect_is_not_followed() -> None:
    """Key and prompt go where they were meant to, and nowhere else."""
    with standin(script(DRAFT)) as elsewhere:
        location = f"HTTP/1.1 307 -\r\nlocation: {elsewhere.base_url}/v1/messages\r\n"
        async with raw(f"{location}content-length: 0\r\n\r\n".encode()) as (url, _):
            got = await fault(url)

    assert ("LS-MODEL-006", False) == (got.code, got.again)
    assert "307" in str(got)
    assert () == elsewhere.ledger


@pytest.mark.parametrize(
    "body",
    [
        b"data: {}\n\n",
        b"event: message_start\ndata: {\n\n",
        b"event: message_start\ndata: 5\n\nevent: message_delta\ndata: null\n\n",
        b"event: message_start\ndata: " + b"[" * 50_000 + b"\n\n",
        b"event: message_start\ndata: \xff\xfe\n\n",
        b"event: message_delta\ndata: " + b"9" * 5000 + b"\n\n",
        events({"type": "message_start", "message": {}}, {"type": "message_delta"}),
        events({"type": "message_start", "message": 5}, {"type": "message_delta", "delta": 5}),
        events(started(), {"type": "content_block_delta", "delta": {"type": "text_delta"}}),
        events(started(), {"type": "content_block_start", "content_block": {"type": "new"}}),
        b"event: error\ndata: not json\n\n",
        b"event: error\ndata: []\n\n",
    ],
)
async def test_a_stream_that_makes_no_sense_is_asked_again(body: bytes) -> None:
    """No byte of a server is worse than a broken connection."""
    async with raw(streamed(body)) as (url, _):
        got = await fault(url)

    assert ("LS-MODEL-006", True, 1) == (got.code, got.again, got.bill.unknown)


FAULTY: list[dict[str, Any]] = [
    {"error": {"status": 401, "message": f"no key like {KEY}"}},
    {"error": {"status": 500}},
    {"sse_error": {"type": "api_error", "after_tokens": 2}},
    {"cut": {"after_tokens": 2}},
    {"half_body": True},
    {"garbage": "{"},
    {"drop": True},
]


@pytest.mark.parametrize("answer", FAULTY)
async def test_no_fault_shows_the_key_or_the_prompt(
    answer: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """Not in its text or traceback, not in what it holds on to, and in no log."""
    caplog.set_level(logging.INFO)
    with standin(script(answer)) as provider:
        got = await fault(provider.base_url)

    shown = "".join(traceback.format_exception(got)) + repr(got) + repr(got.findings) + caplog.text
    assert (False, False) == (KEY in shown, CANARY in shown)
    assert (None, None) == (got.__cause__, got.__context__)
