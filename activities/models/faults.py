"""What went wrong with a model, in our words: a code, whether asking again may help, what it cost.

The SDK's exceptions hold the request, with the key and the prompt in it. They end here: what is
made of them says whom we asked, the status, and a little of the provider's own message, and keeps
no reference to where it came from.

What an error status comes with is taken to be unbilled. What broke off after the request was sent
is not: nobody can say how much of the answer had been written, and the bill says so.
"""

import os
import socket
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from types import MappingProxyType

import httpx2
from anthropic import APIConnectionError, APIStatusError

from activities.models.model import ModelError
from activities.models.wait import retry_after
from activities.redaction import Redaction
from lockstep.duration import write_duration
from lockstep.finding import Finding
from lockstep.usage import Bill

MAX_SAID = 300
"""Characters of a provider's own message, escapes included."""

_FIXES: Mapping[str, str] = MappingProxyType(
    {
        "LS-MODEL-002": "use a key that is valid, and may use this model",
        "LS-MODEL-003": "raise the spend limit or settle the bill with the provider",
        "LS-MODEL-004": "check model, `max_tokens`, `effort` and `endpoint` in the settings",
        "LS-MODEL-005": "ask again later",
        "LS-MODEL-006": "check the endpoint and the network, a proxy included",
    }
)

_STATUS_OF: Mapping[str, int] = MappingProxyType(
    {
        "invalid_request_error": 400,
        "authentication_error": 401,
        "billing_error": 402,
        "permission_error": 403,
        "not_found_error": 404,
        "request_too_large": 413,
        "rate_limit_error": 429,
        "api_error": 500,
        "timeout_error": 504,
        "overloaded_error": 529,
    }
)
"""An error inside a stream comes with status 200; its type says which status it would have had."""

_NO_ANSWER = 2
"""Retries after what is no answer at all: whoever says that says it again, and may bill it."""

_GATEWAY = frozenset({502, 504, *range(520, 528)})
"""Said by what stands in front of the model, which may be answering all the same."""

_BILLING_WORDS = ("usage limit", "credit balance", "billing")
"""A spend limit that somebody set for themselves is a 400 without a code of its own."""

_NEVER_SENT = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.LocalProtocolError,
    httpx2.PoolTimeout,
    httpx2.ProxyError,
    httpx2.UnsupportedProtocol,
)

_HOPELESS = (
    httpx2.LocalProtocolError,
    httpx2.UnsupportedProtocol,
    ssl.SSLCertVerificationError,
)
"""The same again until somebody changes a setting."""


@dataclass(frozen=True)
class Faults:
    """Of one endpoint, `host:port`. `key` is here so that it can be taken out of what is said."""

    endpoint: str
    key: str = field(repr=False)

    @cached_property
    def _redaction(self) -> Redaction:
        return Redaction({self.key: "…"} if self.key else {})

    def of(self, error: Exception, bill: Bill, now: datetime) -> ModelError:
        """What an exception of the SDK, or of what it stands on, means to us.

        `bill` is what is known of the answer if nothing more comes.
        """
        match error:
            case APIStatusError() if error.status_code < 300:
                status = _STATUS_OF.get(_word(error.type), 500)
                return self._answered(error, status, bill, now)
            case APIStatusError():
                status = error.status_code
                spent = Bill(calls=1, unknown=1 if status in _GATEWAY else 0)
                return self._answered(error, status, spent, now)
            case APIConnectionError() | httpx2.HTTPError() | httpx2.StreamError():
                return self._broken(error, bill)
            case httpx2.InvalidURL():
                problem = "was not asked: the endpoint is no http or https address"
                return self._fault("LS-MODEL-006", problem, Bill(), again=False)
            case ValueError() | RecursionError() if not isinstance(error, UnicodeEncodeError):
                # What it says is not told: it quotes what could not be read.
                problem = f"sent what is no answer ({type(error).__name__})"
                return self._fault("LS-MODEL-006", problem, bill, again=True, retries=_NO_ANSWER)
            case _:
                problem = f"could not be asked: {type(error).__name__}"
                return self._fault("LS-MODEL-006", problem, bill, again=False)

    def overdue(self, timeout: timedelta, bill: Bill) -> ModelError:
        problem = f"did not finish within {write_duration(timeout)}"
        fix = "raise `timeout` under `[planner]`, or check the network"
        return self._fault("LS-MODEL-006", problem, bill, again=True, fix=fix)

    def cut(self, bill: Bill) -> ModelError:
        problem = "ended its answer without saying why it stopped"
        return self._fault("LS-MODEL-006", problem, bill, again=True)

    def no_stream(self, kind: str, bill: Bill) -> ModelError:
        problem = f"answered with {self._said(kind)}, not with a stream of events"
        return self._fault("LS-MODEL-006", problem, bill, again=True, retries=_NO_ANSWER)

    def overlong(self, bill: Bill) -> ModelError:
        problem = "answered more than any plan has, and was not read to the end"
        return self._fault("LS-MODEL-006", problem, bill, again=False)

    def oversized(self, size: int, limit: int) -> ModelError:
        problem = f"was not asked: the request has {size:,} bytes, more than {limit:,}"
        fix = "plan for fewer tools and resources, or say the goal in fewer words"
        return self._fault("LS-MODEL-004", problem, Bill(), again=False, fix=fix)

    def unusable_key(self) -> ModelError:
        problem = "was not asked: the key is empty, or holds a character that no key has"
        fix = "set ANTHROPIC_API_KEY to the key alone, without spaces, quotes or line breaks"
        return self._fault("LS-MODEL-002", problem, Bill(), again=False, fix=fix)

    def _answered(
        self, error: APIStatusError, status: int, bill: Bill, now: datetime
    ) -> ModelError:
        code, again = _judged(status, error)
        headers = error.response.headers
        # The provider knows its own trouble best, but only what we would repeat is asked for.
        again = again and headers.get("x-should-retry") != "false"
        after = retry_after(headers, now) if again else None
        kinds = filter(None, (_word(error.type), _word(error.error_code)))
        kind = self._plain(", ".join(kinds))[:100]
        said = self._said(_word(error.api_message) or _word(error.body))
        request = self._plain(_word(error.request_id))[:100]
        problem = "".join(
            (
                f"answered {status}" if error.status_code == status else "broke off with an error",
                f" ({kind})" if kind else "",
                f": {said}" if said else "",
                f", request `{request}`" if request else "",
                ", a redirect, which is not followed" if 300 <= status < 400 else "",
                f"; it asks to wait {write_duration(after)}" if after else "",
            )
        )
        return self._fault(code, problem, bill, again=again, after=after)

    def _broken(self, error: Exception, bill: Bill) -> ModelError:
        causes = tuple(_causes(error))
        unsent = any(isinstance(cause, _NEVER_SENT) for cause in causes)
        return self._fault(
            "LS-MODEL-006",
            f"{'cannot be reached' if unsent else 'broke off'}: {_reason(causes)}",
            Bill() if unsent else bill,
            again=not any(isinstance(cause, _HOPELESS) for cause in causes),
        )

    def _fault(
        self,
        code: str,
        problem: str,
        bill: Bill,
        *,
        again: bool,
        after: timedelta | None = None,
        retries: int | None = None,
        fix: str = "",
    ) -> ModelError:
        finding = Finding(
            code=code, place=f"model at {self.endpoint}", problem=problem, fix=fix or _FIXES[code]
        )
        return ModelError(finding, again=again, after=after, retries=retries, bill=bill)

    def _said(self, text: str) -> str:
        """A provider's words between quotes; nothing in them acts on who reads them."""
        plain = self._plain(text.strip())
        return f'"{plain[:MAX_SAID]}"' if plain else ""

    def _plain(self, text: str) -> str:
        """Cut before it is looked at: a page of an error may have any length."""
        shown = self._redaction(text, 2 * MAX_SAID)
        return "".join(
            character
            if character.isprintable()
            else character.encode("unicode_escape").decode("ascii")
            for character in shown
        )


def _judged(status: int, error: APIStatusError) -> tuple[str, bool]:
    """The code for an error status, and whether asking again may help."""
    if _is_about_money(status, error):
        return "LS-MODEL-003", False
    match status:
        case 401 | 403:
            return "LS-MODEL-002", False
        case 400 | 404 | 413 | 422:
            return "LS-MODEL-004", False
        case 408 | 409 | 429 | 529:
            return "LS-MODEL-005", True
        case 501 | 505:
            return "LS-MODEL-006", False
        case _:
            return "LS-MODEL-006", status >= 500


def _is_about_money(status: int, error: APIStatusError) -> bool:
    code = _word(error.error_code)
    if status == 402 or error.type == "billing_error" or "billing" in code:
        return True
    if status == 429:
        # A ramp limit passes, as a rate limit does; of a code nobody knows that is assumed.
        return code.endswith("spend_limit_reached")
    words = _word(error.api_message).lower()
    return status == 400 and any(word in words for word in _BILLING_WORDS)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The exception, and those it came from, down to the system's; the transport hides some."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _reason(causes: tuple[BaseException, ...]) -> str:
    """The deepest reason in the system's words. Never an exception's own: it may quote a header."""
    for cause in reversed(causes):
        match cause:
            case ssl.SSLCertVerificationError():
                # Set by the TLS library, and only by it.
                why = getattr(cause, "verify_message", "")
                return f"its certificate is not trusted{f' ({why})' if why else ''}"
            case ssl.SSLError():
                return "no secure connection can be made"
            case socket.gaierror():
                return "its name is not known"
            case OSError(errno=int(number)):
                return os.strerror(number).lower()
            case _:
                pass
    for cause in causes:
        match cause:
            case httpx2.TimeoutException():
                return f"nothing came for too long ({type(cause).__name__})"
            case httpx2.UnsupportedProtocol():
                return "the endpoint is no http or https address"
            case httpx2.HTTPError():
                return f"the connection failed ({type(cause).__name__})"
            case _:
                pass
    return type(causes[0]).__name__


def _word(said: object) -> str:
    """A field of an error's body, which may hold anything."""
    return said if isinstance(said, str) else ""
