"""An MCP server as a manifest names it, and one of its tools as an agent may use it.

MCP says what a tool is called and takes; it proves nothing of what a call does. So effect,
idempotency and patience are the manifest's to say, and where it says nothing the worst is assumed.
What a server hints of its own tools can make that stricter and never looser.
"""

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, JsonValue, StringConstraints, model_validator

from lockstep.duration import Duration
from lockstep.names import ErrorName
from lockstep.record import Record
from lockstep.tool import Effect, Idempotency
from lockstep.trust import Emits, FieldLabels, Trust, is_untrusted

ServerName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]
ForeignName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_./-]{1,128}$")]
"""What a tool is called by its server: MCP allows more than a plan does."""

VariableName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,126}$")]
HeaderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,126}$")]

_SURROUNDINGS = {
    "PATH": "${PATH:-/usr/local/bin:/usr/bin:/bin}",
    "HOME": "${HOME:-/}",
    "LANG": "${LANG:-C.UTF-8}",
    "TMPDIR": "${TMPDIR:-/tmp}",
}
"""What a server's process needs to start at all. Of the worker's environment it has no more than
this and what the manifest names."""


def _writable(word: str) -> str:
    if "\x00" in word:
        raise ValueError("wanted a word without a NUL")
    return word


Word = Annotated[str, StringConstraints(max_length=4096), AfterValidator(_writable)]


class McpServer(Record):
    """A program that is started (`command`) or an address that is called (`url`).

    Arguments, `env`, `url` and `headers` may hold placeholders, which the worker fills in. `file`
    stands beside the manifest and holds the tools as they were pinned; `start` bounds the time to
    say hello, and again that to list the tools.

    A model that plans reads the server's descriptions of the tools that are used here. Who reviews
    the file word by word may say that they are `trusted`.
    """

    command: tuple[Word, ...] = ()
    url: Word = ""
    env: dict[VariableName, Word] = {}
    headers: dict[HeaderName, Word] = {}
    file: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,120}\.json$")]
    start: Duration = timedelta(seconds=30)
    trust: Trust = Field(default=Trust.UNTRUSTED, exclude_if=is_untrusted)

    @model_validator(mode="after")
    def _is_one_kind(self) -> Self:
        if bool(self.command) == bool(self.url):
            raise ValueError("wanted one of `command` and `url`")
        if self.url and self.env:
            raise ValueError("`env` is for a server with a `command`")
        if self.command and self.headers:
            raise ValueError("`headers` are for a server with a `url`")
        if self.command and not self.command[0]:
            raise ValueError("the first word of `command` is the program")
        return self

    @property
    def settings(self) -> dict[str, JsonValue]:
        """How it is reached, with placeholders still in it."""
        if self.url:
            return {"headers": dict(self.headers)}
        return {"command": list(self.command), "env": {**_SURROUNDINGS, **self.env}}


class McpBinding(Record):
    """One tool of a server, under the name that plans call it by.

    `tool` is what the server calls it; without it they are called the same. `signals` maps a
    declared error to words that the server's own error holds: of those that fit, the longest count.
    Its arguments go to somebody else, so it acts outward until somebody says that it does not.
    """

    server: ServerName
    tool: ForeignName | None = None
    effect: Effect = Effect.DESTRUCTIVE
    # Never `keyed`: MCP has no place for an idempotency key.
    idempotency: Literal[Idempotency.NATURAL, Idempotency.NONE] | None = None
    timeout: Duration = timedelta(seconds=60)
    heartbeat: Duration = timedelta(seconds=10)
    attempts: Annotated[int, Field(ge=1, le=20)] | None = None
    signals: dict[ErrorName, Annotated[str, StringConstraints(max_length=200)]] = {}
    emits: Emits | FieldLabels = Emits.UNTRUSTED
    sensitive: bool = False
    outward: bool = True

    @model_validator(mode="after")
    def _is_tried_as_often_as_it_may_be(self) -> Self:
        if self.kind is Idempotency.NONE and self.attempts not in (None, 1):
            raise ValueError("a tool that is not idempotent gets one attempt")
        return self

    @property
    def kind(self) -> Idempotency:
        """A read is idempotent by nature; of anything else that has to be said."""
        if self.idempotency is not None:
            return self.idempotency
        return Idempotency.NATURAL if self.effect is Effect.READ else Idempotency.NONE

    def signal(self, error: str) -> ErrorName | None:
        """The declared error that a server's words stand for, if one does."""
        named = [(len(words), name) for name, words in self.signals.items() if words in error]
        return max(named)[1] if named else None
