"""A request, as far as a stand-in understands it: who is asked, what was said, what it weighs.

What the API refuses is refused here in the same words or similar ones, because a stand-in that
forgives teaches habits that fail in production. What it ignores (effort, metadata, thinking) it
ignores without checking.
"""

import json
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lockstep.errors import LockstepError
from lockstep.loading import parse_json
from worker.standin.grammar import unfit
from worker.standin.refused import Refused
from worker.standin.tokens import count

MOST_BYTES = 32 * 1024 * 1024
MOST_BREAKPOINTS = 4
_SAMPLING = ("temperature", "top_p", "top_k")


class _Cached(BaseModel):
    type: Literal["ephemeral"]
    ttl: Literal["5m", "1h"] = "5m"


class _Part(BaseModel):
    """A block of a message, or a tool; what we do not know of it is kept for its weight."""

    model_config = ConfigDict(extra="allow")

    cache_control: _Cached | None = None


class _Block(_Part):
    type: str
    text: str | None = None


class _Turn(BaseModel):
    role: Literal["user", "assistant", "system"]
    content: str | list[_Block]


class _Format(BaseModel):
    type: Literal["json_schema"]
    grammar: dict[str, Any] = Field(alias="schema")


class _Output(BaseModel):
    format: _Format | None = None


class _Counted(BaseModel):
    """What may be counted."""

    model: Annotated[str, Field(min_length=1)]
    messages: Annotated[list[_Turn], Field(min_length=1)]
    system: str | list[_Block] = ""
    tools: list[_Part] = []
    output_config: _Output = _Output()
    cache_control: _Cached | None = None


class _Asked(_Counted):
    """What may be answered."""

    max_tokens: Annotated[int, Field(ge=0, strict=True)]
    stream: bool = False


@dataclass(frozen=True)
class Piece:
    """A stretch of the prompt; `ttl` is set where a cached prefix may end with it."""

    content: str
    tokens: int
    ttl: str | None = None


@dataclass(frozen=True)
class Request:
    """`first` and `last` are what the user said first and last; `pieces` are the prompt in the
    order in which it is cached: format, tools, system, messages.
    """

    model: str
    first: str
    last: str
    system: str
    pieces: tuple[Piece, ...]
    max_tokens: int
    stream: bool

    @property
    def tokens(self) -> int:
        return sum(piece.tokens for piece in self.pieces)


def read_request(data: bytes, *, counted: bool = False) -> Request | Refused:
    """The request in a body, or why there is none; `counted` is for those that only count."""
    try:
        value = parse_json(data, "request", MOST_BYTES)
    except LockstepError as error:
        return Refused(400, f"the body is not JSON: {error.findings[0].problem}")
    if not isinstance(value, dict):
        return Refused(400, "the body is not a JSON object")
    for name in _SAMPLING:
        if name in value:
            return Refused(400, f"{name}: this API version takes no sampling parameters")
    # Absent and null are the same to the API.
    value = {name: part for name, part in value.items() if part is not None}
    try:
        body = (_Counted if counted else _Asked).model_validate(value)
    except ValidationError as error:
        wrong = error.errors()[0]
        return Refused(400, f"{'.'.join(map(str, wrong['loc']))}: {wrong['msg']}")
    return _unanswerable(body) or _request(body)


def _unanswerable(body: _Counted) -> Refused | None:
    """What has the right shape and is refused all the same."""
    wanted = body.output_config.format
    if wanted is not None:
        problem = unfit(wanted.grammar)
        if problem:
            return Refused(400, f"output_config.format.schema: {problem}")
        if body.messages[-1].role == "assistant":
            return Refused(400, "messages: an answer cannot be begun and held to a schema as well")
    for place, blocks in _texts(body):
        for block in blocks:
            if block.type == "text" and not block.text:
                return Refused(400, f"{place}: text content blocks must not be empty")
    marks = sum(piece.ttl is not None for piece in _pieces(body))
    if marks > MOST_BREAKPOINTS:
        return Refused(400, f"{marks} blocks have `cache_control`; the limit is {MOST_BREAKPOINTS}")
    return None


def _texts(body: _Counted) -> list[tuple[str, list[_Block]]]:
    """All that is said, with its place; the system's may be empty where it is one string."""
    said = [(f"messages.{n}", _blocks(turn.content)) for n, turn in enumerate(body.messages)]
    system = body.system
    return [("system", _blocks(system)), *said] if isinstance(system, list) else said


def _request(body: _Counted) -> Request:
    users = [_said(turn.content) for turn in body.messages if turn.role == "user"]
    return Request(
        model=body.model,
        first=users[0] if users else "",
        last=users[-1] if users else "",
        system=_said(body.system),
        pieces=tuple(_pieces(body)),
        max_tokens=body.max_tokens if isinstance(body, _Asked) else 0,
        stream=body.stream if isinstance(body, _Asked) else False,
    )


def _pieces(body: _Counted) -> list[Piece]:
    pieces: list[Piece] = []
    wanted = body.output_config.format
    if wanted is not None:
        grammar = _compact(wanted.grammar)
        pieces.append(Piece(f"format {grammar}", count(grammar)))
    pieces += [_piece("tool", tool) for tool in body.tools]
    if body.system:
        pieces += [_piece("system", block) for block in _blocks(body.system)]
    for turn in body.messages:
        pieces += [_piece(turn.role, block) for block in _blocks(turn.content)]
    if body.cache_control is not None and pieces:
        last = pieces.pop()
        pieces.append(Piece(last.content, last.tokens, body.cache_control.ttl))
    return pieces


def _piece(role: str, part: _Part) -> Piece:
    ttl = part.cache_control.ttl if part.cache_control else None
    if isinstance(part, _Block) and part.type == "text" and part.text is not None:
        return Piece(f"{role} {part.text}", count(part.text), ttl)
    # A mark that moves from one block to the next leaves the prefix what it was.
    content = _compact(part.model_dump(exclude={"cache_control"}, exclude_none=True))
    return Piece(f"{role} {content}", count(content), ttl)


def _blocks(content: str | list[_Block]) -> list[_Block]:
    return [_Block(type="text", text=content)] if isinstance(content, str) else content


def _said(content: str | list[_Block]) -> str:
    texts = [block.text for block in _blocks(content) if block.type == "text" and block.text]
    return "\n".join(texts)


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
