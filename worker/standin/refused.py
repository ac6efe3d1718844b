"""Errors as the API words them: a status, a type that follows from it, and one shape of body."""

from dataclasses import dataclass
from typing import Any

_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_STATUSES = {name: status for status, name in _TYPES.items()}


def type_of(status: int) -> str:
    """The type of an error with this status."""
    return _TYPES.get(status) or ("invalid_request_error" if status < 500 else "api_error")


def status_of(kind: str) -> int:
    """The status of an error of this type, where no stream has begun."""
    return _STATUSES.get(kind, 500)


@dataclass(frozen=True)
class Refused:
    """Why a request gets no answer; `code` is the API's `error_code`."""

    status: int
    message: str
    type: str = ""
    code: str | None = None

    def body(self, request_id: str) -> dict[str, Any]:
        error: dict[str, Any] = {
            "type": self.type or type_of(self.status),
            "message": self.message,
        }
        if self.code is not None:
            error["details"] = {"error_code": self.code}
        return {"type": "error", "error": error, "request_id": request_id}
