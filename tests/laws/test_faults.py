"""What is made of a provider's errors: a code, whether to ask again, and words that give nothing
away.
"""

import errno
import json
import pickle
import socket
import ssl
import traceback
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import httpx2
import pytest
from anthropic import APIConnectionError, APIStatusError, APITimeoutError

from activities.models.faults import MAX_SAID, Faults
from activities.models.model import ModelError
from lockstep.usage import Bill, Usage

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
KEY = "sk-canary-key-0123456789"
PROMPT = "the canary of the prompt"
FAULTS = Faults("127.0.0.1:8080", KEY)
REQUEST = httpx2.Request(
    "POST", "http://127.0.0.1:8080/v1/messages", headers={"Authorization": KEY}, content=PROMPT
)
HEARD = Bill(calls=1, unknown=1, usage=Usage(input=10, output=3), microdollars=7, prices="table")
"""What was known when it broke."""


def status_error(
    status: int, body: object = None, headers: dict[str, str] | None = None
) -> APIStatusError:
    response = httpx2.Response(status, request=REQUEST, headers=headers)
    return APIStatusError(json.dumps(body), response=response, body=body)


def said(kind: str = "", code: str | None = None, message: str = "no") -> dict[str, Any]:
    """An error's body as the API writes it."""
    details = {"error_code": code} if code else None
    error = {"type": kind or None, "message": message, "details": details}
    return {"type": "error", "error": error}


def judged(error: Exception) -> ModelError:
    return FAULTS.of(error, HEARD, NOW)


STATUSES: list[tuple[int, dict[str, Any], str, bool]] = [
    (429, said("rate_limit_error"), "LS-MODEL-005", True),
    (429, said("rate_limit_error", "ramp_limit_exceeded"), "LS-MODEL-005", True),
    (429, said("rate_limit_error", "a_code_of_tomorrow"), "LS-MODEL-005", True),
    (429, said("rate_limit_error", "enforced_spend_limit_reached"), "LS-MODEL-003", False),
    (429, said("rate_limit_error", "contract_spend_limit_reached"), "LS-MODEL-003", False),
    (408, said("timeout_error"), "LS-MODEL-005", True),
    (409, said("conflict_error"), "LS-MODEL-005", True),
    (529, said("overloaded_error"), "LS-MODEL-005", True),
    (402, said("billing_error"), "LS-MODEL-003", False),
    (403, said("billing_error"), "LS-MODEL-003", False),
    (400, said("invalid_request_error", None, "reached its usage limits"), "LS-MODEL-003", False),
    (400, said("invalid_request_error", None, "credit balance too low"), "LS-MODEL-003", False),
    (400, said("invalid_request_error", None, "max_tokens"), "LS-MODEL-004", False),
    (401, said("authentication_error"), "LS-MODEL-002", False),
    (403, said("permission_error"), "LS-MODEL-002", False),
    (404, said("not_found_error"), "LS-MODEL-004", False),
    (413, said("request_too_large"), "LS-MODEL-004", False),
    (422, said("invalid_request_error"), "LS-MODEL-004", False),
    (500, said("api_error"), "LS-MODEL-006", True),
    (502, said(), "LS-MODEL-006", True),
    (503, said(), "LS-MODEL-006", True),
    (504, said("timeout_error"), "LS-MODEL-006", True),
    (524, said(), "LS-MODEL-006", True),
    (501, said(), "LS-MODEL-006", False),
    (301, said(), "LS-MODEL-006", False),
    (405, said(), "LS-MODEL-006", False),
    (418, said(), "LS-MODEL-006", False),
]


@pytest.mark.parametrize(("status", "body", "code", "again"), STATUSES)
def test_a_status_has_a_code_and_says_whether_to_ask_again(
    status: int, body: dict[str, Any], code: str, again: bool
) -> None:
    """Busy is asked again; who must pay, log in or ask differently is told so at once."""
    fault = judged(status_error(status, body))

    assert (code, again) == (fault.code, fault.again)


@pytest.mark.parametrize(
    ("kind", "code", "again"),
    [
        ("overloaded_error", "LS-MODEL-005", True),
        ("rate_limit_error", "LS-MODEL-005", True),
        ("api_error", "LS-MODEL-006", True),
        ("timeout_error", "LS-MODEL-006", True),
        ("a_type_of_tomorrow", "LS-MODEL-006", True),
        ("invalid_request_error", "LS-MODEL-004", False),
        ("billing_error", "LS-MODEL-003", False),
    ],
)
def test_an_error_in_a_stream_is_judged_by_its_type_and_keeps_its_bill(
    kind: str, code: str, again: bool
) -> None:
    """Its status is 200, and what was heard before it was billed."""
    fault = judged(status_error(200, said(kind)))

    assert (code, again, HEARD) == (fault.code, fault.again, fault.bill)
    assert "200" not in str(fault)


@pytest.mark.parametrize(("status", "unknown"), [(429, 0), (400, 0), (500, 0), (502, 1), (504, 1)])
def test_an_error_status_is_no_bill_unless_a_gateway_says_it(status: int, unknown: int) -> None:
    """Behind a gateway that gave up, the model may have answered."""
    fault = judged(status_error(status, said()))

    assert Bill(calls=1, unknown=unknown) == fault.bill


def test_the_provider_may_forbid_to_ask_again_but_not_demand_it() -> None:
    """`x-should-retry` only ever makes us more careful."""
    forbidden = judged(status_error(529, said(), {"x-should-retry": "false", "retry-after": "9"}))
    demanded = judged(status_error(401, said(), {"x-should-retry": "true", "retry-after": "9"}))

    assert (False, None) == (forbidden.again, forbidden.after)
    assert (False, None) == (demanded.again, demanded.after)


def chained(*errors: BaseException) -> Exception:
    """The first, caused by the second, and so on, as the SDK and its transport do it."""
    for error, cause in pairwise(errors):
        error.__cause__ = cause
    assert isinstance(errors[0], Exception)
    return errors[0]


def unreachable(*causes: BaseException) -> Exception:
    return chained(APIConnectionError(request=REQUEST), *causes)


UNSENT: list[tuple[Exception, str, bool]] = [
    (
        unreachable(
            httpx2.ConnectError("all failed"), OSError("all"), OSError(errno.ECONNREFUSED, "x")
        ),
        "connection refused",
        True,
    ),
    (
        unreachable(httpx2.ConnectError("dns"), socket.gaierror(-2, "no name")),
        "name is not known",
        True,
    ),
    (unreachable(httpx2.ConnectTimeout("slow"), TimeoutError()), "ConnectTimeout", True),
    (
        unreachable(httpx2.ConnectError("tls"), ssl.SSLCertVerificationError(1, "bad")),
        "certificate is not trusted",
        False,
    ),
    (unreachable(httpx2.UnsupportedProtocol("x")), "no http or https", False),
    (unreachable(httpx2.LocalProtocolError(f"bad header {KEY}")), "LocalProtocolError", False),
    (httpx2.InvalidURL("x"), "no http or https", False),
]


@pytest.mark.parametrize(("error", "words", "again"), UNSENT)
def test_what_was_never_sent_costs_nothing(error: Exception, words: str, again: bool) -> None:
    """A refused connection is no call; it is told by host and port."""
    fault = judged(error)

    assert ("LS-MODEL-006", again, Bill()) == (fault.code, fault.again, fault.bill)
    assert words in str(fault)
    assert "127.0.0.1:8080" in str(fault)


BROKEN: list[tuple[Exception, bool]] = [
    (chained(APITimeoutError(REQUEST), httpx2.ReadTimeout("slow")), True),
    (unreachable(httpx2.ReadError("reset")), True),
    (unreachable(httpx2.WriteError("reset")), True),
    (unreachable(httpx2.RemoteProtocolError("server left")), True),
    (httpx2.ReadTimeout("slow"), True),
    (httpx2.RemoteProtocolError("half a body"), True),
    (httpx2.DecodingError("no gzip"), True),
    (json.JSONDecodeError("no", PROMPT, 0), True),
    (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "no"), True),
    (RecursionError("deep"), True),
    (UnicodeEncodeError("utf-8", PROMPT, 0, 1, "no"), False),
    (KeyError(PROMPT), False),
    (TypeError(KEY), False),
]


@pytest.mark.parametrize(("error", "again"), BROKEN)
def test_what_broke_off_keeps_what_was_heard_and_is_unknown(error: Exception, again: bool) -> None:
    """Nobody can say what the rest would have cost; a surprise of our own is not repeated."""
    fault = judged(error)

    assert ("LS-MODEL-006", again, HEARD) == (fault.code, fault.again, fault.bill)


@pytest.mark.parametrize(
    "error",
    [
        *[status_error(status, body) for status, body, _, _ in STATUSES],
        *[error for error, _, _ in UNSENT],
        *[error for error, _ in BROKEN],
        status_error(401, said("authentication_error", None, f"no such key: {KEY}")),
        status_error(401, f"<html>{KEY}</html>"),
    ],
)
def test_no_fault_gives_the_key_or_the_prompt_away(error: Exception) -> None:
    """Not in its words, not in its traceback, and not by holding on to where it came from."""
    fault = judged(error)

    shown = "".join(traceback.format_exception(fault)) + repr(fault) + repr(fault.findings)
    assert (False, False) == (KEY in shown, PROMPT in shown)
    assert (None, None) == (fault.__cause__, fault.__context__)
    assert KEY.encode() not in pickle.dumps(fault.__dict__)
    assert KEY not in repr(FAULTS)


def test_a_providers_words_are_quoted_escaped_and_cut() -> None:
    """They are untrusted: no control character is passed on, and no page of HTML."""
    loud = judged(status_error(400, said("invalid_request_error", None, "\x1b[2J\u202eno\n" * 999)))
    page = judged(status_error(502, "<html>" * 10_000))

    assert str(loud).isprintable()
    assert r'"\x1b[2J\u202eno' in str(loud)
    assert len(loud.findings[0].problem) < MAX_SAID + 100
    assert len(page.findings[0].problem) < MAX_SAID + 100


@pytest.mark.parametrize("body", [None, "", [], 5, {"error": 5}, {"error": {"type": {}}}, said()])
def test_an_errors_body_may_be_anything(body: object) -> None:
    """What is not shaped as an error is still one."""
    strange = {"error": {"type": [1], "message": {"a": 1}, "details": {"error_code": 7}}}

    for status in (200, 400, 429, 500):
        assert judged(status_error(status, body)).code.startswith("LS-MODEL-")
        assert judged(status_error(status, strange)).code.startswith("LS-MODEL-")


def test_a_fault_names_the_request_so_that_the_provider_can_find_it() -> None:
    """The status, its kind, the provider's words, the request's name, the wait it asks for."""
    error = status_error(
        429,
        said("rate_limit_error", "ramp_limit_exceeded", "slow down"),
        {"request-id": "req_1", "retry-after": "20"},
    )

    assert (
        "LS-MODEL-005 model at 127.0.0.1:8080: answered 429 (rate_limit_error, "
        'ramp_limit_exceeded): "slow down", request `req_1`; it asks to wait 20s; ask again later'
    ) == str(judged(error))
    assert timedelta(seconds=20) == judged(error).after
