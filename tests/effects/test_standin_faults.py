"""How the stand-in breaks: each fault as the client of production meets it, and who leaves."""

import json
import socket
import time

import anthropic
import httpx2
import pytest

from tests.effects.standing import (
    BOTH,
    LONG,
    PLAN,
    Json,
    ask,
    asked,
    client,
    connected,
    post,
    said,
    script,
    sent,
    settled,
)
from worker.standin.ledger import Ending
from worker.standin.server import standin
from worker.standin.tokens import count, head

FAULTS: dict[str, tuple[Json, type[Exception], type[Exception], Ending, int]] = {
    # what the client raises with a stream and without, how it ends, and the output that is billed
    "error": (
        {"error": {"status": 529}},
        *(anthropic.OverloadedError, anthropic.OverloadedError, "complete", 0),
    ),
    "a proxy's page": (
        {"error": {"status": 502, "body": "<html>bad gateway</html>"}},
        *(anthropic.InternalServerError, anthropic.InternalServerError, "complete", 0),
    ),
    "sse_error": (
        {"sse_error": {"after_tokens": 3}},
        *(anthropic.APIStatusError, anthropic.OverloadedError, "complete", 3),
    ),
    "sse_error at once": (
        {"sse_error": {"type": "api_error"}},
        *(anthropic.APIStatusError, anthropic.InternalServerError, "complete", 0),
    ),
    "cut": (
        {"json": PLAN, "cut": {"after_tokens": 5}},
        *(httpx2.RemoteProtocolError, anthropic.APIConnectionError, "broken", 5),
    ),
    "cut at once": (
        {"cut": {}},
        *(httpx2.RemoteProtocolError, anthropic.APIConnectionError, "broken", 0),
    ),
    "hang": (
        {"hang": {"seconds": 0.1}},
        *(anthropic.APIConnectionError, anthropic.APIConnectionError, "broken", 0),
    ),
    "hang in mid-sentence": (
        {"hang": {"seconds": 0.1, "after_tokens": 20}},
        *(httpx2.RemoteProtocolError, anthropic.APIConnectionError, "broken", 20),
    ),
    "half_body": (
        {"text": LONG, "half_body": True},
        *(httpx2.RemoteProtocolError, anthropic.APIConnectionError, "broken", count(LONG)),
    ),
    "drop": (
        {"drop": True},
        *(anthropic.APIConnectionError, anthropic.APIConnectionError, "broken", 0),
    ),
    "garbage": (
        {"garbage": "<html>hello</html>"},
        *(AssertionError, json.JSONDecodeError, "complete", 0),
    ),
}


@BOTH
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
async def test_a_fault_is_what_it_is_in_production(
    stream: bool, fault: tuple[Json, type[Exception], type[Exception], Ending, int]
) -> None:
    """The client meets the exception it would meet there; what was produced is billed."""
    answer, streamed, plain, ending, output = fault
    with standin(script(answer)) as model:
        with pytest.raises(streamed if stream else plain):
            await ask(model, stream)
        entry = settled(model, ending)

    assert output == entry.usage.output_tokens
    assert (output > 0) == (entry.usage.cache_creation_input_tokens > 0)


async def test_a_stream_may_end_without_anybody_noticing() -> None:
    """Where HTTP does not say how long a body is, a cut looks like an end: no stop reason."""
    with standin(script({"text": LONG, "cut": {"after_tokens": 5, "chunked": False}})) as model:
        message = await ask(model)

    assert ([head(LONG, 5)], None) == (said(message), message.stop_reason)
    assert 5 == model.ledger[0].usage.output_tokens


@BOTH
async def test_an_error_carries_what_a_client_decides_by(stream: bool) -> None:
    """Type, code, message, request id and headers, as the API sends them."""
    failure = {
        "status": 429,
        "code": "enforced_spend_limit_reached",
        "message": "no money",
        "headers": {"retry-after": "2"},
    }
    with standin(script({"error": failure})) as model:
        with pytest.raises(anthropic.EnforcedSpendLimitReachedError) as caught:
            await ask(model, stream)
        entry = model.ledger[0]

    assert ("rate_limit_error", "enforced_spend_limit_reached", "no money", "2") == (
        *(caught.value.type, caught.value.error_code, caught.value.api_message),
        caught.value.response.headers["retry-after"],
    )
    assert (entry.request_id, 429, "no money") == (
        *(caught.value.request_id, entry.status),
        entry.error,
    )


async def test_an_error_within_a_stream_has_status_200() -> None:
    """Whoever looks at the status alone believes that all is well."""
    played = script({"sse_error": {"message": "full", "after_tokens": 1}})
    with standin(played) as model, pytest.raises(anthropic.APIStatusError) as caught:
        await ask(model)

    assert (200, "overloaded_error", "full") == (
        *(caught.value.status_code, caught.value.type),
        caught.value.api_message,
    )


async def test_who_leaves_is_billed_what_was_said() -> None:
    """A client that closes in the middle of a stream ends it, and the next is answered."""
    with standin(script({"text": LONG * 9, "tokens_per_second": 100}, {"text": "b"})) as model:
        async with client(model) as opened, opened.messages.stream(**asked()) as streamed:
            async for event in streamed:
                if event.type == "text":
                    break
        entry = settled(model, "client left")
        assert ["b"] == said(await ask(model))

    assert 0 < entry.usage.output_tokens < 100


@pytest.mark.parametrize("seconds", [{"hang": {"seconds": 60}}, {"text": "a", "delay_seconds": 60}])
def test_who_leaves_while_nothing_comes_is_noticed(seconds: Json) -> None:
    """No thread waits for somebody who has gone."""
    with standin(script(seconds)) as model:
        with sent(model) as connection:
            connection.settimeout(0.2)
            with pytest.raises(TimeoutError):
                connection.recv(1)
        settled(model, "client left")


def hung_up(connection: socket.socket) -> bool:
    """Whether the other side has closed: one that it never came to accept is reset."""
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def test_stopping_ends_every_answer_at_once() -> None:
    """Whatever hangs, waits or listens; the ledger can be read afterwards."""
    played = script({"hang": {"seconds": 600}})
    with (
        standin(played) as model,
        sent(model) as first,
        sent(model) as second,
        connected(model) as idle,
    ):
        for _ in range(200):
            if len(model.ledger) == 2:
                break
            time.sleep(0.01)
        start = time.monotonic()
        model.stop()
        took = time.monotonic() - start
        assert [True, True, True] == [hung_up(one) for one in (first, second, idle)]

    assert took < 1
    assert ["stopped", "stopped"] == [entry.ending for entry in model.ledger]
    with pytest.raises(ConnectionRefusedError):
        post(model, "{}")
