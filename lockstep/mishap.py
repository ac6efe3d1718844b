"""What goes wrong with an answer of the stand-in model, where a script says so.

An answer is kept from arriving in one of these ways, or in one that needs no words of its own: see
`lockstep.standin`.
"""

from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from lockstep.record import Record

Word = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
"""How the API writes types, codes, categories and reasons; new ones may come, so none is listed."""
Seconds = Annotated[float, Field(ge=0, le=3600)]
Position = Annotated[int, Field(ge=0, le=1_000_000)]
"""Tokens of the text that are sent before something happens."""
_OURS = {"connection", "content-length", "request-id", "transfer-encoding"}


def _headers(given: dict[str, str]) -> dict[str, str]:
    taken = sorted(_OURS & {name.lower() for name in given})
    if taken:
        raise ValueError(f"header `{taken[0]}` is the stand-in's own")
    return given


Headers = Annotated[
    dict[
        Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,64}$")],
        Annotated[str, StringConstraints(pattern=r"^[\x20-\x7e]{0,1000}$")],
    ],
    AfterValidator(_headers),
]


class Failure(Record):
    """An answer with a status that is not 200, shaped as the API's errors are.

    `type` follows from the status unless it is given; `code` is what the API calls `error_code`;
    `body` replaces the whole body, as a proxy's page does.
    """

    status: Annotated[int, Field(ge=400, le=599)]
    type: Word | None = None
    code: Word | None = None
    message: str = "the script says so"
    headers: Headers = {}
    body: str | None = None


class StreamError(Record):
    """An `error` event in a stream that began with status 200. Who asked for no stream gets it as a
    `Failure`.
    """

    type: Word = "overloaded_error"
    code: Word | None = None
    message: str = "the script says so"
    after_tokens: Position | None = None


class Cut(Record):
    """The stream ends where it should not. `chunked` says whether HTTP can tell: if not, the end
    looks like any other. Without `after_tokens` it ends after the headers.
    """

    after_tokens: Position | None = None
    chunked: bool = True


class Hang(Record):
    """Nothing more comes for so long, and then the connection is closed. Without `after_tokens` not
    even a status comes.
    """

    seconds: Seconds
    after_tokens: Position | None = None
