"""What every provider keeps to, as laws that its author's tests run.

A provider cannot be told from outside to be busy or to break off; its far side can. So the author
writes that far side once, as a server of their own that plays each act, and the laws ask through
the provider's real client. A law that is broken raises `Broken` and says by what.

    @pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
    async def test_it_conforms(law):
        await law(MyProvider(), MyFarSide())
"""

import asyncio
import pickle
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from enum import StrEnum

from activities.models.model import Completion, Model, ModelError, Prompt, Stop, Turn
from activities.models.provider import Provider
from lockstep.draft import SCHEMA
from lockstep.usage import Bill, Usage

ANSWER = '{"steps": [], "gaps": ["there is nothing to do"]}'
"""What the far side says when it answers: text that fits the schema it is asked for."""
MODEL = "a-model"
KEY = "key-that-nobody-may-see-again"
_LONG, _SHORT = timedelta(seconds=30), timedelta(seconds=1)
_AT_ONCE = 8


class Act(StrEnum):
    """How a far side meets each question that it is asked."""

    ANSWERS = "answers"
    STOPS_SHORT = "stops short"
    """It says half of the answer, and that it was cut off for its length."""
    REFUSES = "refuses"
    IS_BUSY = "is busy"
    KNOWS_NO_SUCH_KEY = "knows no such key"
    IS_MUTE = "is mute"
    """It takes the question and says nothing for as long as it is asked."""
    BREAKS_OFF = "breaks off"
    """It begins an answer, and the connection is gone."""


class FarSide(ABC):
    """A provider's other end, on loopback, made to behave."""

    @abstractmethod
    def playing(self, act: Act) -> AbstractAsyncContextManager[str]:
        """The endpoint at which every question meets this act, until the block ends."""


class Broken(AssertionError):
    """A law was not kept."""


Law = Callable[[Provider, FarSide], Awaitable[None]]


async def an_answer_is_whole_and_billed(provider: Provider, far: FarSide) -> None:
    """Its text is what was said, its bill knows one call and what it used, and grew only."""
    heard: list[Bill] = []
    async with _asked(provider, far, Act.ANSWERS) as model:
        answer = await model.complete(_prompt(), heard.append)
    _expect(Stop.OK, answer.stop, "how it ended")
    _expect(ANSWER, answer.text, "its text")
    _billed(answer)
    counts = [bill.usage.tokens for bill in (*heard, answer.bill)]
    _expect(sorted(counts), counts, "the tokens heard of, in order")
    _unseen(answer)


async def an_answer_that_was_cut_off_says_so(provider: Provider, far: FarSide) -> None:
    """It is returned, because it was billed."""
    answer = await _answer(provider, far, Act.STOPS_SHORT)
    _expect(Stop.TRUNCATED, answer.stop, "how it ended")
    _billed(answer)


async def a_refusal_is_an_answer(provider: Provider, far: FarSide) -> None:
    """It was billed as well; what is done about it is for others to decide."""
    answer = await _answer(provider, far, Act.REFUSES)
    _expect(Stop.REFUSED, answer.stop, "how it ended")
    _billed(answer)


async def many_may_ask_at_once(provider: Provider, far: FarSide) -> None:
    """Each gets an answer and a bill of its own."""
    async with _asked(provider, far, Act.ANSWERS) as model:
        answers = await asyncio.gather(
            *(model.complete(_prompt(), lambda bill: None) for _ in range(_AT_ONCE))
        )
    for answer in answers:
        _expect(ANSWER, answer.text, "its text")
        _billed(answer)


async def a_busy_provider_may_be_asked_again(provider: Provider, far: FarSide) -> None:
    """Nothing was spent, and it says that trying again may help."""
    error = await _error(provider, far, Act.IS_BUSY)
    _expect(("LS-MODEL-005", True), (error.code, error.again), "code, and whether to ask again")
    _expect(0, error.bill.unknown, "calls of unknown cost")


async def a_key_that_is_not_known_is_not_tried_again(provider: Provider, far: FarSide) -> None:
    """Only an operator can help."""
    error = await _error(provider, far, Act.KNOWS_NO_SUCH_KEY)
    _expect(("LS-MODEL-002", False), (error.code, error.again), "code, and whether to ask again")


async def silence_ends_in_time(provider: Provider, far: FarSide) -> None:
    """Nobody knows what a call cost that was given up, and the bill says that."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    error = await _error(provider, far, Act.IS_MUTE, _SHORT)
    if loop.time() - begun > _LONG.total_seconds() / 2:
        raise Broken(f"it waited {loop.time() - begun:.0f} s and was given {_SHORT}")
    _expect((True, 1), (error.again, error.bill.unknown), "ask again, and calls of unknown cost")


async def what_breaks_off_is_of_unknown_cost(provider: Provider, far: FarSide) -> None:
    """And may be asked again."""
    error = await _error(provider, far, Act.BREAKS_OFF)
    _expect((True, 1), (error.again, error.bill.unknown), "ask again, and calls of unknown cost")


async def nobody_there_costs_nothing(provider: Provider, far: FarSide) -> None:
    """A connection that was refused sent nothing."""
    async with far.playing(Act.ANSWERS) as endpoint:
        pass
    error = await _raised(provider, endpoint, _LONG)
    _expect(("LS-MODEL-006", Bill()), (error.code, error.bill), "code and bill")


async def who_cancels_is_let_go(provider: Provider, far: FarSide) -> None:
    """At once, by the cancellation itself."""
    async with _asked(provider, far, Act.IS_MUTE) as model:
        asking = asyncio.create_task(model.complete(_prompt(), lambda bill: None))
        await asyncio.sleep(_SHORT.total_seconds() / 2)
        asking.cancel()
        done, _ = await asyncio.wait((asking,), timeout=_LONG.total_seconds() / 2)
    if not done or not asking.cancelled():
        raise Broken("a question that was cancelled went on, or ended as something else")


async def a_price_is_a_figure_and_its_table(provider: Provider, far: FarSide) -> None:
    """Or no figure and no table, for a model that nobody has heard of."""
    _expect((0, ""), provider.price("no-such-model-anywhere", Usage(output=1)), "its price")


LAWS: tuple[Law, ...] = (
    an_answer_is_whole_and_billed,
    an_answer_that_was_cut_off_says_so,
    a_refusal_is_an_answer,
    many_may_ask_at_once,
    a_busy_provider_may_be_asked_again,
    a_key_that_is_not_known_is_not_tried_again,
    silence_ends_in_time,
    what_breaks_off_is_of_unknown_cost,
    nobody_there_costs_nothing,
    who_cancels_is_let_go,
    a_price_is_a_figure_and_its_table,
)


def _prompt() -> Prompt:
    return Prompt(
        model=MODEL,
        effort="low",
        system=("You plan.",),
        turns=(Turn("user", "Plan nothing."),),
        schema=SCHEMA,
        max_tokens=1000,
        label="conformance",
    )


@asynccontextmanager
async def _asked(
    provider: Provider, far: FarSide, act: Act, timeout: timedelta = _LONG
) -> AsyncIterator[Model]:
    async with far.playing(act) as endpoint:
        model = provider.model(KEY, endpoint, timeout)
        try:
            yield model
        finally:
            await model.close()


async def _answer(provider: Provider, far: FarSide, act: Act) -> Completion:
    async with _asked(provider, far, act) as model:
        return await model.complete(_prompt(), lambda bill: None)


async def _error(
    provider: Provider, far: FarSide, act: Act, timeout: timedelta = _LONG
) -> ModelError:
    async with far.playing(act) as endpoint:
        return await _raised(provider, endpoint, timeout)


async def _raised(provider: Provider, endpoint: str, timeout: timedelta) -> ModelError:
    model = provider.model(KEY, endpoint, timeout)
    try:
        answer = await model.complete(_prompt(), lambda bill: None)
    except ModelError as error:
        _unseen(error)
        return error
    except Exception as error:
        raise Broken(f"it raised {type(error).__name__}, and may raise ModelError only") from error
    finally:
        await model.close()
    raise Broken(f"it answered ({answer.stop}) where it should have raised ModelError")


def _billed(answer: Completion) -> None:
    bill = answer.bill
    _expect((1, 0), (bill.calls, bill.unknown), "calls, and calls of unknown cost")
    if not bill.usage.output or not bill.usage.tokens > bill.usage.output:
        raise Broken(f"input and output are to be counted, found {bill.usage!r}")


def _unseen(found: Completion | ModelError) -> None:
    """The key is in nothing that is handed on: that is written into histories."""
    shown = found.model_dump() if isinstance(found, Completion) else vars(found)
    if KEY in f"{found} {found!r}" or KEY.encode() in pickle.dumps(shown):
        raise Broken("the key is in what was handed on")


def _expect(expected: object, found: object, what: str) -> None:
    if expected != found:
        raise Broken(f"{what}: wanted {expected!r}, found {found!r}")
