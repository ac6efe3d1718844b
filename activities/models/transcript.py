"""What has been heard of one answer so far, from the events of its stream.

Kept by us and not by the SDK, whose own collection gives nothing back when a stream breaks: what
was billed until then would be lost with it. An event is taken for what it can be read as. Numbers,
names and text in it are the provider's, and a field that is missing or of another type leaves what
was known before; an event nobody knows changes nothing.
"""

from collections.abc import Mapping
from types import MappingProxyType

from anthropic.types import (
    Message,
    RawContentBlockDeltaEvent,
    RawContentBlockStartEvent,
    RawMessageDeltaEvent,
    RawMessageStartEvent,
    RawMessageStopEvent,
    TextBlock,
    TextDelta,
)
from anthropic.types.raw_message_delta_event import Delta

from activities.models.model import Completion, Stop
from activities.models.prices import priced
from lockstep.amount import MOST
from lockstep.usage import Bill, Usage

MAX_TEXT_BYTES = 1024 * 1024
"""Of an answer's text. A plan has at most half of it."""
_LONGEST_NAME = 200

_STOPS: Mapping[str, Stop] = MappingProxyType(
    {
        "end_turn": Stop.OK,
        "stop_sequence": Stop.OK,
        "refusal": Stop.REFUSED,
    }
)
"""Every other reason reads as truncated: `max_tokens`, a full context window, a turn that pauses.
Also one that does not exist yet, because an end that we do not know is not one to build on.
"""


class Transcript:
    """One answer to a question to `asked`, event by event."""

    def __init__(self, asked: str) -> None:
        self._model = asked
        self._usage = Usage()
        self._parts: list[str] = []
        self._category = ""
        self.request = ""
        """The provider's name for it, told before the first event."""
        self.bytes = 0
        """Of the text so far."""
        self.stop_reason = ""
        self.whole = False
        """Whether the provider said that nothing more will come."""

    def hear(self, event: object) -> bool:
        """Takes in one event of the SDK's stream; true where the bill may have changed."""
        match event:
            case RawMessageStartEvent(message=Message() as message):
                self._model = _name(getattr(message, "model", None)) or self._model
                self._count(getattr(message, "usage", None))
                return True
            case RawContentBlockStartEvent(content_block=TextBlock(text=str(text))):
                self._add(text)
            case RawContentBlockDeltaEvent(delta=TextDelta(text=str(text))):
                self._add(text)
            case RawMessageDeltaEvent():
                self._count(getattr(event, "usage", None))
                self._end(getattr(event, "delta", None))
                return True
            case RawMessageStopEvent():
                self.whole = True
            case _:
                pass
        return False

    @property
    def bill(self) -> Bill:
        """As if nothing more came: until a reason to stop was heard, the rest is unknown."""
        microdollars, prices = priced(self._model, self._usage)
        return Bill(
            calls=1,
            unknown=0 if self.stop_reason else 1,
            usage=self._usage,
            microdollars=microdollars,
            prices=prices,
        )

    def completion(self) -> Completion:
        """The answer, once it has ended."""
        return Completion(
            stop=_STOPS.get(self.stop_reason, Stop.TRUNCATED),
            text=_joined("".join(self._parts)),
            model=self._model,
            stop_reason=self.stop_reason,
            request=_name(self.request),
            category=self._category,
            bill=self.bill,
        )

    def _add(self, text: str) -> None:
        self.bytes += len(text.encode("utf-8", "surrogatepass"))
        self._parts.append(text)

    def _end(self, delta: object) -> None:
        if isinstance(delta, Delta):
            self.stop_reason = _name(delta.stop_reason) or self.stop_reason
            self._category = _name(getattr(delta.stop_details, "category", None)) or self._category

    def _count(self, usage: object) -> None:
        """Later figures replace earlier ones, since each is the sum so far."""
        known = self._usage
        self._usage = Usage(
            input=_tokens(usage, "input_tokens", known.input),
            cache_write=_tokens(usage, "cache_creation_input_tokens", known.cache_write),
            cache_read=_tokens(usage, "cache_read_input_tokens", known.cache_read),
            output=_tokens(usage, "output_tokens", known.output),
        )


def _tokens(usage: object, name: str, known: int) -> int:
    match getattr(usage, name, None):
        case bool():
            return known
        case int(count) if count >= 0:
            return min(count, MOST)
        case _:
            return known


def _name(value: object) -> str:
    return _joined(value[:_LONGEST_NAME]) if isinstance(value, str) else ""


def _joined(text: str) -> str:
    """Whole characters only. JSON can write half of one, and a stream may part the two halves."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
