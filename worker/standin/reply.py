"""A line of the script as acts: what is sent, what is billed, where it breaks.

Here alone is decided what a fault looks like from outside. Two rules hold for all of them. What was
produced is billed, whether it arrived or not; a fault before the first word costs nothing unless
the script says so. And what was billed is on the books before the client can know of it.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lockstep.mishap import Cut, Hang, StreamError
from lockstep.standin import Answer
from worker.standin.acts import Act, Bill, Body, Break, Framing, Head, Wait
from worker.standin.billed import Billed
from worker.standin.refused import Refused, status_of
from worker.standin.request import Request
from worker.standin.stage import Line
from worker.standin.tokens import count, head, pieces

_JSON = "application/json"
_EVENTS = "text/event-stream; charset=utf-8"


@dataclass(frozen=True)
class Reply:
    """A line said to one request. `input` is what the request's input costs."""

    line: Line
    request: Request
    request_id: str
    model: str
    input: Billed

    @property
    def answer(self) -> Answer:
        return self.line.answer

    @property
    def text(self) -> str | None:
        """What is said within the length that was asked for."""
        text = self.line.text
        return None if text is None else head(text, self.request.max_tokens)

    @property
    def uses(self) -> list[dict[str, Any]]:
        """The calls that the model wants, as blocks of a message."""
        return [
            {
                "type": "tool_use",
                "id": f"{self.request_id.replace('req_', 'toolu_', 1)}_{number}",
                "name": use.name,
                "input": use.input,
            }
            for number, use in enumerate(self.answer.uses or ())
        ]

    @property
    def weight(self) -> int:
        """Tokens of the calls that the model wants."""
        return sum(count(use.name) + count(use.said) for use in self.answer.uses or ())

    @property
    def stop_reason(self) -> str:
        return self.line.stop_reason if self.text == self.line.text else "max_tokens"

    def bill(self, said: int) -> Billed:
        """What so many tokens cost; even silence costs one, where one was allowed."""
        output = max(said, min(1, self.request.max_tokens))
        billed = self.input.model_copy(update={"output_tokens": output})
        return billed.instead(self.answer.usage)

    def message(self, said: str | None, stop_reason: str | None, billed: Billed) -> dict[str, Any]:
        """The message as it stands when so much has been said."""
        return {
            "model": self.model,
            "id": self.request_id.replace("req_", "msg_", 1),
            "type": "message",
            "role": "assistant",
            "content": [] if said is None else [{"type": "text", "text": said}],
            "stop_reason": stop_reason,
            "stop_sequence": None,
            "stop_details": self.stop_details if stop_reason else None,
            "usage": billed.at_first(),
        }

    @property
    def stop_details(self) -> dict[str, Any] | None:
        category = self.answer.refusal
        if category is None:
            return None
        return {"type": "refusal", "category": category, "explanation": None}


def begins(answer: Answer) -> bool:
    """Whether so much as a beginning of an answer is produced, and so billed."""
    if answer.error or answer.garbage is not None or answer.drop:
        return False
    fault = answer.cut or answer.hang or answer.sse_error
    return fault is None or fault.after_tokens is not None


def acts(reply: Reply) -> Iterator[Act]:
    """Everything that happens to the request."""
    answer = reply.answer
    yield Wait(answer.delay_seconds)
    if not begins(answer):
        yield Bill(Billed().instead(answer.usage))
    if answer.error is not None:
        failure = answer.error
        refused = Refused(failure.status, failure.message, failure.type or "", failure.code)
        if failure.body is None:
            yield from refusing(refused, reply.request_id, failure.headers)
        else:
            yield from _whole(failure.status, "text/html", failure.body, failure.headers)
    elif answer.garbage is not None:
        # It says of itself what it is not, which is what trips a parser.
        yield from _whole(200, _JSON, answer.garbage)
    elif answer.drop:
        yield Break()
    elif answer.hang is not None and answer.hang.after_tokens is None:
        yield Wait(answer.hang.seconds)
        yield Break()
    elif answer.half_body:
        yield from _half(reply)
    elif reply.request.stream:
        yield from _streamed(reply)
    else:
        yield from _plain(reply)


def refusing(
    refused: Refused, request_id: str, headers: dict[str, str] | None = None
) -> Iterator[Act]:
    """An error with its own status."""
    body = json.dumps(refused.body(request_id))
    yield from _whole(refused.status, _JSON, body, headers)


def documented(value: Any) -> Iterator[Act]:
    """A JSON value, for those who ask about the stand-in and not for a message."""
    yield from _whole(200, _JSON, json.dumps(value))


def _whole(
    status: int, content_type: str, text: str, headers: dict[str, str] | None = None
) -> Iterator[Act]:
    data = text.encode()
    given = dict(headers or {})
    for name in [name for name in given if name.lower() == "content-type"]:
        content_type = given.pop(name)
    yield Head(status, content_type, "length", len(data), given)
    yield Body(data, last=True)


def _plain(reply: Reply) -> Iterator[Act]:
    """Without a stream: all of it at once, after the time it takes to say it."""
    answer, text = reply.answer, reply.text
    fault = answer.cut or answer.hang or answer.sse_error
    if fault is not None and fault.after_tokens is not None:
        text = head(text or "", fault.after_tokens)
    said = count(text or "") + reply.weight
    yield Wait(_pace(answer, said))
    if begins(answer):
        yield Bill(reply.bill(said))
    match fault:
        case StreamError():
            refused = Refused(status_of(fault.type), fault.message, fault.type, fault.code)
            yield from refusing(refused, reply.request_id)
        case Hang():
            yield Wait(fault.seconds)
            yield Break()
        case _:
            message = reply.message(text, reply.stop_reason, reply.bill(said))
            message["content"] += reply.uses
            data = json.dumps(message).encode()
            framing: Framing = "length" if fault is None or fault.chunked else "close"
            yield Head(200, _JSON, framing, len(data))
            if fault is None:
                yield Body(data, last=True)
                return
            if fault.after_tokens is not None:
                yield Body(data[: len(data) // 2])
            yield Break()


def _streamed(reply: Reply) -> Iterator[Act]:
    """As events, each billed before it is sent."""
    answer, text = reply.answer, reply.text
    fault: Cut | Hang | StreamError | None = answer.cut or answer.hang or answer.sse_error
    yield Head(200, _EVENTS, "close" if answer.cut and not answer.cut.chunked else "chunked")
    if fault is not None and fault.after_tokens is None:
        yield from _broken(fault, reply)
        return
    first = reply.bill(0)
    yield Bill(first)
    yield _event({"type": "message_start", "message": reply.message(None, None, first)})
    if text is not None:
        block = {"type": "text", "text": ""}
        yield _event({"type": "content_block_start", "index": 0, "content_block": block})
        yield _event({"type": "ping"})
        if fault is not None and fault.after_tokens is not None:
            text = head(text, fault.after_tokens)
        before = 0
        for piece, said in pieces(text):
            yield Wait(_pace(answer, said - before))
            yield Bill(reply.bill(said))
            before = said
            delta = {"type": "text_delta", "text": piece}
            yield _event({"type": "content_block_delta", "index": 0, "delta": delta})
        if fault is not None:
            yield from _broken(fault, reply)
            return
        yield _event({"type": "content_block_stop", "index": 0})
    yield from _wanted(reply)
    billed = reply.bill(count(text or "") + reply.weight)
    yield Bill(billed)
    delta_of_message = {
        "stop_reason": reply.stop_reason,
        "stop_sequence": None,
        "stop_details": reply.stop_details,
    }
    yield _event({"type": "message_delta", "delta": delta_of_message, "usage": billed.at_last()})
    yield _event({"type": "message_stop"}, last=True)


def _wanted(reply: Reply) -> Iterator[Act]:
    """The calls that the model wants, each as one block."""
    said = 0
    for index, (block, use) in enumerate(zip(reply.uses, reply.answer.uses or (), strict=True)):
        weight = count(use.name) + count(use.said)
        said += weight
        yield Wait(_pace(reply.answer, weight))
        yield Bill(reply.bill(said))
        begun = {**block, "input": {}}
        yield _event({"type": "content_block_start", "index": index, "content_block": begun})
        delta = {"type": "input_json_delta", "partial_json": use.said}
        yield _event({"type": "content_block_delta", "index": index, "delta": delta})
        yield _event({"type": "content_block_stop", "index": index})


def _broken(fault: Cut | Hang | StreamError, reply: Reply) -> Iterator[Act]:
    """What comes instead of the rest of a stream."""
    match fault:
        case StreamError():
            refused = Refused(status_of(fault.type), fault.message, fault.type, fault.code)
            yield _event(refused.body(reply.request_id), last=True)
        case Hang():
            yield Wait(fault.seconds)
            yield Break()
        case Cut():
            yield Break()


def _half(reply: Reply) -> Iterator[Act]:
    """The first half of what a whole answer would be, under a length that promises all of it."""
    whole = list(_streamed(reply) if reply.request.stream else _plain(reply))
    content_type = next(act.content_type for act in whole if isinstance(act, Head))
    data = b"".join(act.data for act in whole if isinstance(act, Body))
    yield from (act for act in whole if isinstance(act, Bill | Wait))
    yield Head(200, content_type, "length", len(data))
    yield Body(data[: len(data) // 2])
    yield Break()


def _event(value: dict[str, Any], *, last: bool = False) -> Body:
    return Body(f"event: {value['type']}\ndata: {json.dumps(value)}\n\n".encode(), last)


def _pace(answer: Answer, tokens: int) -> float:
    return tokens / answer.tokens_per_second if answer.tokens_per_second else 0.0
